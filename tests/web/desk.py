"""A page in a workspace, with one text on it: what tests of pages begin with."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pycrdt

from blocks.page_edits import Stamp
from tests.clients.driver import NodeClients
from tests.services.ionflux import Document, IonfluxServer, Person

Doc = pycrdt.Doc[Any]


@dataclass
class Desk:
    """A page with one text, and who may write it."""

    server: IonfluxServer
    owner: Person
    page: Document
    block_id: str

    @property
    def path(self) -> str:
        """Where the page is in the browser."""
        return f"/w/{self.page.workspace_id}/p/{self.page.id}"

    async def member(self, name: str) -> Person:
        """Return somebody else who may write the page."""
        person = await self.server.person(name)
        await self.owner.invite(self.page.workspace_id, person, "member")
        return person

    async def commenter(self, name: str) -> Person:
        """Return somebody who may read the page and comment on it, and nothing else."""
        person = await self.server.person(name)
        await self.owner.invite(self.page.workspace_id, person, "guest")
        grant = {"email": person.email, "level": "comment"}
        await self.owner.post(f"/v1/pages/{self.page.id}/grants", grant)
        return person

    async def add(self, type_: str, content: dict[str, Any]) -> str:
        """Add a block; return its id."""
        made = await self.owner.post(f"/v1/pages/{self.page.id}/blocks", {"type": type_, "content": content})
        return made["block"]["id"] if "block" in made else made["id"]


def paragraphs(*lines: str) -> dict[str, Any]:
    """Return a rich text."""
    content = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]
    return {"doc": {"type": "doc", "content": content}}


async def open_desk(server: IonfluxServer) -> Desk:
    owner = await server.person("Ann")
    page = await owner.page(await owner.workspace(), "Launch")
    desk = Desk(server, owner, page, "")
    desk.block_id = await desk.add("text", paragraphs("Start: "))
    return desk


async def send(person: Person, method: str, path: str) -> Any:
    """Send a request without a body as somebody."""
    headers = {"Authorization": f"Bearer {person.token}"}
    async with httpx2.AsyncClient(base_url=person.server.url, timeout=30, headers=headers) as http:
        answer = await http.request(method, path)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@asynccontextmanager
async def document_of(desk: Desk) -> AsyncGenerator[tuple[Doc, Stamp]]:
    """Give the page's document, for what only a program writes; it is sent at the end."""
    async with NodeClients() as clients:
        url = desk.server.socket_url("hocuspocus")
        peer = await clients.open(wire="hocuspocus", url=url, document=desk.page.name, token=desk.owner.token)
        await peer.synced()
        doc: Doc = pycrdt.Doc()
        doc.apply_update(await peer.update())
        before = doc.get_state()
        yield doc, Stamp("2026-01-01T00:00:00Z", desk.owner.principal_id)
        await peer.apply(doc.get_update(before))
        await peer.saved()
