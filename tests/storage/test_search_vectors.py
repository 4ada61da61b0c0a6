"""Finding by meaning in what is stored, on SQLite and on Postgres: the nearest first, and for whom it is."""

import math
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import func, select

from storage.access import Standing
from storage.actions import actions_of
from storage.callers import Caller
from storage.engine import Database
from storage.models import SearchEntry, SearchVector
from storage.search.index import Entry
from storage.search.queries import Kind, parse
from storage.search.vectors import MOST_COMPARED, Vector
from tests.services.databases import add_workspace

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
BRAND = UUID(int=10)
MODEL = "provider:model"


def vector(*values: float) -> bytes:
    length = math.hypot(*values)
    return array("f", (value / length for value in values)).tobytes()


class Shelf:
    """A workspace with brands, which all its members see, and the vectors of these."""

    def __init__(self, database: Database, workspace_id: UUID, user_id: UUID) -> None:
        self.database = database
        self.workspace_id = workspace_id
        self.user_id = user_id

    async def put(self, *vectors: bytes, owner: UUID = BRAND, kind: Kind = "brand") -> None:
        """Have things whose names are their numbers, and a vector of each."""
        entries = [Entry(f"{n:04}", "user:1", NOW, "", f"text {n}") for n in range(len(vectors))]
        async with self.database.transaction() as uow:
            await uow.search.put(self.workspace_id, kind, owner, entries)
            waiting = await uow.search_vectors.waiting(self.workspace_id, NOW, len(vectors))
            for entry in waiting:
                made = Vector(b"digest", vectors[int(entry.subject_id)])
                assert await uow.search_vectors.keep(entry, MODEL, [made])

    async def nearest(self, asked: bytes, *, words: str = "x", model: str = MODEL) -> Sequence[SearchEntry]:
        caller = Caller.of_user(self.user_id)
        standing = Standing(caller, "member", actions_of("member"))
        query = parse(words, me=caller.id)
        async with self.database.read() as uow:
            return await uow.search_vectors.nearest(standing, self.workspace_id, query, model, asked, 3)

    async def names(self, asked: bytes, model: str = MODEL) -> list[str]:
        return [entry.subject_id for entry in await self.nearest(asked, model=model)]


@pytest.fixture
async def shelf(database: Database) -> Shelf:
    return Shelf(database, *(await add_workspace(database)))


async def test_the_nearest_come_first_and_what_is_unlike_not_at_all(shelf: Shelf):
    await shelf.put(vector(1, 0, 0), vector(0.8, 0.6, 0), vector(0, 1, 0), vector(-1, 0, 0))
    assert await shelf.names(vector(1, 0.1, 0)) == ["0000", "0001"]


async def test_of_many_those_are_compared_that_point_the_same_way(shelf: Shelf):
    """More than are compared exactly: which of them are is decided by the signs."""
    ring = [
        vector(math.cos(n), math.sin(n), math.cos(n * 7), math.sin(n * 7)) for n in range(MOST_COMPARED + 60)
    ]
    await shelf.put(*ring)
    for n in (0, 123, MOST_COMPARED + 59):
        assert (await shelf.names(ring[n]))[0] == f"{n:04}"


async def test_what_one_may_not_see_is_never_compared(shelf: Shelf):
    await shelf.put(vector(1, 0, 0))
    elsewhere = Shelf(shelf.database, *(await add_workspace(shelf.database)))
    await elsewhere.put(vector(1, 0, 0.1), owner=UUID(int=11))
    assert len(await shelf.nearest(vector(1, 0, 0))) == 1
    await shelf.put(vector(1, 0, 0), owner=UUID(int=12), kind="message")  # in no channel of theirs
    assert [entry.kind for entry in await shelf.nearest(vector(1, 0, 0))] == ["brand"]
    assert await shelf.nearest(vector(1, 0, 0), words="x type:page") == []
    assert await shelf.nearest(vector(1, 0, 0), words="x after:2026-05-05") == []


async def test_vectors_of_other_models_and_lengths_are_nobodys_neighbours(shelf: Shelf):
    await shelf.put(vector(1, 0, 0))
    assert await shelf.names(vector(1, 0, 0), model="provider:other") == []
    assert await shelf.names(vector(1, 0, 0, 0)) == []
    async with shelf.database.transaction() as uow:
        assert not await uow.search_vectors.begin_anew(shelf.workspace_id, MODEL, 3 * 4)
        assert await uow.search_vectors.begin_anew(shelf.workspace_id, MODEL, 4 * 4)
        (waiting,) = await uow.search_vectors.waiting(shelf.workspace_id, NOW, 10)
        assert not await uow.search_vectors.known([waiting], MODEL)


async def test_what_is_deleted_takes_its_vectors_along_even_while_others_are_made(shelf: Shelf):
    await shelf.put(vector(1, 0, 0), vector(0.9, 0.1, 0))
    async with shelf.database.transaction() as uow:
        changed = [Entry("0001", "user:1", NOW, "", "another text")]
        await uow.search.put(shelf.workspace_id, "brand", BRAND, changed)
    async with shelf.database.transaction() as uow:
        (waiting,) = await uow.search_vectors.waiting(shelf.workspace_id, NOW, 10)
        assert (waiting.subject_id, waiting.body) == ("0001", "another text")
        await uow.search.remove("brand", BRAND, ["0000", "0001"])
        assert not await uow.search_vectors.keep(waiting, MODEL, [Vector(b"digest", vector(1, 0, 0))])
        assert await uow.session.scalar(select(func.count()).select_from(SearchVector)) == 0
