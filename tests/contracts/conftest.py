"""Places for documents that every contract suite runs against: memory, SQLite and Postgres."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Protocol

import pytest
from sqlalchemy import text

from storage.engine import Database
from storage.stores.ports import LogStore
from storage.stores.postgres import PostgresStore
from storage.stores.sqlite import SqliteStore
from storage.update_log import UpdateLog
from tests.fakes.update_log import HeldStore, MemoryStore
from tests.services.databases import BOTH

PAGE = "page:0198c5b7-5c2f-7000-8000-000000000001"
OTHER = "page:0198c5b7-5c2f-7000-8000-000000000002"
ANN = "user:ann"

Stored = list[tuple[int, bytes, str]]


class Setting(Protocol):
    """A place for documents, seen from outside of the log."""

    def store(self) -> LogStore:
        """Another process's way to the same place."""
        ...

    async def create(self, document: str) -> None: ...
    async def epoch(self, document: str) -> str: ...
    async def reset(self, document: str) -> None: ...
    async def rows(self, document: str) -> Stored: ...
    async def lose_row(self, document: str, position: int) -> None: ...
    async def set_head(self, document: str, head: int) -> None: ...
    async def name_version(self, document: str) -> None: ...
    async def snapshots(self, document: str) -> list[int]: ...


class InMemory:
    def __init__(self) -> None:
        self._store = MemoryStore()
        self._resets = 0

    def store(self) -> LogStore:
        return self._store

    async def create(self, document: str) -> None:
        self._resets += 1
        self._store.create(document, f"{self._resets:08x}")

    async def epoch(self, document: str) -> str:
        return self._store.documents[document].epoch

    async def reset(self, document: str) -> None:
        await self.create(document)

    async def rows(self, document: str) -> Stored:
        return [(position, *row) for position, row in sorted(self._store.documents[document].rows.items())]

    async def lose_row(self, document: str, position: int) -> None:
        del self._store.documents[document].rows[position]

    async def set_head(self, document: str, head: int) -> None:
        self._store.documents[document].head = head

    async def name_version(self, document: str) -> None:
        found = self._store.documents[document]
        found.versions.add(found.head)

    async def snapshots(self, document: str) -> list[int]:
        return sorted(self._store.documents[document].snapshots)


class InDatabase:
    """Looks through a connection of its own, as another process would."""

    def __init__(self, database: Database, stack: AsyncExitStack) -> None:
        self._database = database
        self._stack = stack

    def store(self) -> LogStore:
        return (
            SqliteStore(self._database) if self._database.kind == "sqlite" else PostgresStore(self._database)
        )

    async def create(self, document: str) -> None:
        async with self._database.transaction() as uow:
            await uow.documents.create(document, None)

    async def epoch(self, document: str) -> str:
        async with self._database.read() as uow:
            return (await uow.documents.epochs([document]))[document]

    async def reset(self, document: str) -> None:
        async with self._database.transaction() as uow:
            await uow.documents.reset(document)

    async def rows(self, document: str) -> Stored:
        query = (
            "SELECT position, data, author FROM updates JOIN documents ON id = document_id WHERE name = :name"
        )
        async with self._database.engine.connect() as connection:
            found = await connection.execute(text(f"{query} ORDER BY position"), {"name": document})
            return [(row.position, bytes(row.data), row.author) for row in found]

    async def lose_row(self, document: str, position: int) -> None:
        await self._change(
            "DELETE FROM updates WHERE position = :number "
            "AND document_id = (SELECT id FROM documents WHERE name = :name)",
            document,
            position,
        )

    async def set_head(self, document: str, head: int) -> None:
        await self._change("UPDATE documents SET head = :number WHERE name = :name", document, head)

    async def name_version(self, document: str) -> None:
        async with self._database.transaction() as uow:
            found = await uow.documents.get(document)
            assert found is not None
            await uow.versions.create(found, name="Named", created_by=ANN)

    async def snapshots(self, document: str) -> list[int]:
        query = "SELECT position FROM snapshots JOIN documents ON id = document_id WHERE name = :name"
        async with self._database.engine.connect() as connection:
            found = await connection.execute(text(f"{query} ORDER BY position"), {"name": document})
            return list(found.scalars())

    async def _change(self, statement: str, document: str, number: int) -> None:
        async with self._database.engine.begin() as connection:
            await connection.execute(text(statement), {"name": document, "number": number})


@pytest.fixture(params=("memory", *BOTH))
async def setting(request: pytest.FixtureRequest, setting_url: str | None) -> AsyncIterator[Setting]:
    async with AsyncExitStack() as stack:
        if setting_url is None:
            found: Setting = InMemory()
        else:
            found = InDatabase(await stack.enter_async_context(Database(setting_url)), stack)
        await found.create(PAGE)
        await found.create(OTHER)
        yield found


@pytest.fixture
def setting_url(request: pytest.FixtureRequest) -> str | None:
    kind = request.node.callspec.params["setting"]
    return None if kind == "memory" else request.getfixturevalue(f"{kind}_url")


@pytest.fixture
async def held(setting: Setting) -> HeldStore:
    return HeldStore(setting.store())


@pytest.fixture
async def log(held: HeldStore) -> AsyncIterator[UpdateLog]:
    async with UpdateLog(held) as log:
        yield log
