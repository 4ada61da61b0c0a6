"""A workspace on a server under measurement: its people, what they open and ask, and the rows behind it.

Rows are looked for in the server's database, many at once, so that waiting for them costs the server nothing;
whoever measures reads them over HTTP once they are there.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import UUID

import httpx2
from sqlalchemy import select

from bench.client import Client
from bench.wire import Place
from storage.engine import Database
from storage.ids import Uuid7
from storage.models import ChatMessage, Notification, PageLink, ReadMark
from storage.unit_of_work import UnitOfWork
from tests.services.ionflux import Document, IonfluxServer, Person

Kind = Literal["block", "message", "mark", "notification"]

_LOOK_SECONDS = 0.01
_NEWEST = 50
_MOST_SECONDS = 60.0

new_id = Uuid7()


class Rows:
    """Tells when rows are there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._awaited: dict[tuple[Kind, str], asyncio.Future[None]] = {}

    async def wait(self, kind: Kind, key: str) -> None:
        """Wait for the links of a block, a message, a mark at a message, or what tells of a message."""
        future = self._awaited.setdefault((kind, key), asyncio.get_running_loop().create_future())
        async with asyncio.timeout(_MOST_SECONDS):
            await future

    async def look(self) -> None:
        """Look again and again, until the task is cancelled."""
        while True:
            wanted: dict[Kind, list[str]] = {}
            for kind, key in self._awaited:
                wanted.setdefault(kind, []).append(key)
            if wanted:
                async with self._database.read() as uow:
                    found: dict[Kind, list[str]] = {
                        kind: await _FINDERS[kind](uow, keys) for kind, keys in wanted.items()
                    }
                for kind, keys in found.items():
                    for key in keys:
                        if (future := self._awaited.pop((kind, key), None)) is not None and not future.done():
                            future.set_result(None)
            await asyncio.sleep(_LOOK_SECONDS)


async def _blocks(uow: UnitOfWork, keys: Collection[str]) -> list[str]:
    return list(await uow.session.scalars(select(PageLink.block_id).where(PageLink.block_id.in_(keys))))


async def _messages(uow: UnitOfWork, keys: Collection[str]) -> list[str]:
    ids = select(ChatMessage.id).where(ChatMessage.id.in_([UUID(key) for key in keys]))
    return [str(id_) for id_ in await uow.session.scalars(ids)]


async def _marks(uow: UnitOfWork, keys: Collection[str]) -> list[str]:
    ids = select(ReadMark.message_id).where(ReadMark.message_id.in_([UUID(key) for key in keys]))
    return [str(id_) for id_ in await uow.session.scalars(ids)]


async def _notifications(uow: UnitOfWork, keys: Collection[str]) -> list[str]:
    newest = select(Notification.details).order_by(Notification.id.desc()).limit(_NEWEST)
    return [str(details.get("message_id")) for details in await uow.session.scalars(newest)]


_FINDERS: Mapping[Kind, Callable[[UnitOfWork, Collection[str]], Awaitable[list[str]]]] = {
    "block": _blocks,
    "message": _messages,
    "mark": _marks,
    "notification": _notifications,
}


class Workspace:
    """A workspace with people in it, the owner first."""

    def __init__(
        self, server: IonfluxServer, id_: str, people: Sequence[Person], http: httpx2.AsyncClient, rows: Rows
    ) -> None:
        self.server = server
        self.id = id_
        self.people = people
        self.rows = rows
        self._http = http
        self._chance = random.Random(len(people))

    @property
    def owner(self) -> Person:
        """Who made it."""
        return self.people[0]

    async def ask(self, person: Person, method: str, path: str, **more: Any) -> Any:
        """Ask something by REST. Raises httpx2's errors."""
        headers = {"Authorization": f"Bearer {person.token}"}
        answer = await self._http.request(method, path, headers=headers, **more)
        answer.raise_for_status()
        return answer.json()

    async def pages(self, number: int) -> list[Document]:
        """Make pages."""
        return [await self.owner.page(self.id, f"Page {each}") for each in range(number)]

    async def channels(self, number: int) -> list[Document]:
        """Make channels."""
        return [await self.owner.channel(self.id, f"channel-{new_id()}") for _ in range(number)]

    @asynccontextmanager
    async def join(
        self, document: str, *people: Person, observes: bool = False
    ) -> AsyncGenerator[list[Client]]:
        """Have a document open for some people, each with a socket of their own."""
        received: dict[bytes, bytes] = {}
        url = self.server.socket_url("hocuspocus")
        clients = [
            Client(
                Place(url, document, is_hocuspocus=True, tokens=(person.token,)),
                self._chance.randrange(1 << 31, 1 << 32),
                received,
                observes=observes,
            )
            for person in people
        ]
        try:
            for client in clients:
                await client.join()
            yield clients
        finally:
            for client in clients:
                client.leave()


@asynccontextmanager
async def open_workspace(server: IonfluxServer, people: int) -> AsyncGenerator[Workspace]:
    """Make a workspace with so many people in it."""
    everybody = [await server.person(f"Bench{number}") for number in range(people)]
    owner, *others = everybody
    id_ = await owner.workspace()
    for person in others:
        await owner.invite(id_, person, "member")
    async with (
        httpx2.AsyncClient(base_url=server.url, timeout=60) as http,
        Database(server.database_url) as database,
        asyncio.TaskGroup() as tasks,
    ):
        rows = Rows(database)
        looking = tasks.create_task(rows.look())
        yield Workspace(server, id_, everybody, http, rows)
        looking.cancel()
