"""A workspace with one page on a real server, and stock clients that open it."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.client import WIRES, NodeClient, Wire
from tests.clients.driver import NodeClients
from tests.services.ionflux import Document, IonfluxServer, Person


@dataclass
class Studio:
    """One owner's workspace, and the clients that people open in it."""

    server: IonfluxServer
    clients: NodeClients
    owner: Person
    page: Document

    async def member(self, name: str, role: Any = "member") -> Person:
        """Register somebody and make them a member of the workspace."""
        person = await self.server.person(name)
        await self.owner.invite(self.page.workspace_id, person, role)
        return person

    async def open(
        self,
        wire: Wire,
        person: Person | None = None,
        *,
        name: str | None = None,
        document: str | None = None,
        token: str | None = None,
        **options: Any,
    ) -> NodeClient:
        """Open a client on the page, as its owner unless somebody else is named; does not wait."""
        return await self.clients.open(
            name,
            wire=wire,
            url=self.server.socket_url(wire),
            document=document or self.page.name,
            token=(person or self.owner).token if token is None else token,
            **options,
        )

    async def join(self, wire: Wire, person: Person | None = None, **options: Any) -> NodeClient:
        """Open a client and wait until it holds the server's state."""
        client = await self.open(wire, person, **options)
        await client.synced()
        return client

    async def pair(self, **options: Any) -> tuple[NodeClient, NodeClient]:
        """Let the owner join on both wires."""
        yws, hocuspocus = WIRES
        return (
            await self.join(yws, name="yws", **options),
            await self.join(hocuspocus, name="hocuspocus", **options),
        )

    async def read_afresh(self, root: str = "t", wire: Wire = "hocuspocus") -> str:
        """Return a text as somebody sees it who comes now and has nothing yet."""
        fresh = await self.join(wire)
        text = await fresh.text(root).read()
        await fresh.destroy()
        return text


async def open_studio(server: IonfluxServer, clients: NodeClients) -> Studio:
    """Register an owner and create a workspace with one page."""
    owner = await server.person("Ann")
    return Studio(server, clients, owner, await owner.page(await owner.workspace()))


@pytest.fixture
async def studio(ionflux: IonfluxServer, node_clients: NodeClients) -> Studio:
    """A studio on the server that many tests share."""
    return await open_studio(ionflux, node_clients)


@pytest.fixture
async def own_studio(own_ionflux: IonfluxServer, node_clients: NodeClients) -> Studio:
    """A studio on a server that the test may stop."""
    return await open_studio(own_ionflux, node_clients)
