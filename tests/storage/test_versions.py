"""Named versions and the timeline, as a unit of work sees them."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.engine import Database
from storage.models import Document
from storage.repositories import versions
from storage.repositories.versions import Change, group_rows
from storage.unit_of_work import UnitOfWork
from storage.update_log import UpdateLog

PAGE = "page:a"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


async def write(database: Database, clock: Clock, *parts: tuple[int, str, int]) -> None:
    """Make the page; then write rows, each part (minutes after noon, author, how many)."""
    database.clock = clock
    async with database.transaction() as uow:
        await uow.documents.create(PAGE, None)
    async with UpdateLog.of(database) as log:
        for minutes, author, count in parts:
            clock.now = NOON + timedelta(minutes=minutes)
            await log.append(PAGE, [(b"x", author)] * count)


async def find(uow: UnitOfWork) -> Document:
    found = await uow.documents.get(PAGE)
    assert found is not None
    return found


def spans(changes: list[Change]) -> list[tuple[int, int, tuple[str, ...]]]:
    return [(change.first_position, change.position, change.authors) for change in changes]


def test_D8_rows_without_a_pause_between_them_are_one_entry():
    times = [(0, "ann"), (1, "bob"), (5, "ann"), (10, "ann"), (16, "bob")]
    rows = [(n, who, NOON + timedelta(minutes=at)) for n, (at, who) in enumerate(times, start=1)]
    assert spans(group_rows(rows[::-1])) == [(5, 5, ("bob",)), (4, 4, ("ann",)), (1, 3, ("ann", "bob"))]
    first = group_rows(rows[::-1])[-1]
    assert (first.started_at, first.ended_at) == (NOON, NOON + timedelta(minutes=5))
    assert group_rows([]) == []


async def test_D8_the_timeline_is_read_in_parts(database: Database):
    await write(database, Clock(), (0, "ann", 3), (10, "bob", 2), (12, "ann", 1), (30, "ann", 4))
    async with database.read() as uow:
        page = await find(uow)
        whole = await uow.versions.changes_before(page, page.head + 1, 10)
        assert spans(whole) == [(7, 10, ("ann",)), (4, 6, ("bob", "ann")), (1, 3, ("ann",))]
        parts: list[Change] = []
        before = page.head + 1
        while part := await uow.versions.changes_before(page, before, 1):
            parts += part
            before = part[-1].first_position
        assert parts == whole


async def test_D8_a_long_entry_is_cut(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(versions, "ENTRY_ROWS", 4)
    await write(database, Clock(), (0, "ann", 2), (10, "bob", 10), (30, "ann", 1))
    async with database.read() as uow:
        page = await find(uow)
        found = await uow.versions.changes_before(page, page.head + 1, 10)
    assert spans(found) == [
        (13, 13, ("ann",)),
        (9, 12, ("bob",)),
        (5, 8, ("bob",)),
        (3, 4, ("bob",)),
        (1, 2, ("ann",)),
    ]


async def test_D8_pruned_rows_have_no_entry(database: Database):
    await write(database, Clock(), (0, "ann", 3), (10, "bob", 2))
    async with UpdateLog.of(database) as log:
        await log.save_snapshot(PAGE, 3, b"state")
        await log.prune(PAGE, 3, limit=1)
    async with database.read() as uow:
        page = await find(uow)
        assert spans(await uow.versions.changes_before(page, 6, 10)) == [(4, 5, ("bob",))]


async def test_D8_versions_are_listed_newest_first(database: Database):
    clock = Clock()
    await write(database, clock, (0, "ann", 2))
    async with database.transaction() as uow:
        page = await find(uow)
        first = await uow.versions.create(page, name="One", created_by="user:ann")
        second = await uow.versions.create(page, name=None, created_by="user:ann")
        other = await uow.documents.create("page:b", None)
        assert await uow.versions.get(other, first.id) is None
    async with UpdateLog.of(database) as log:
        await log.append(PAGE, [(b"x", "ann")])
    async with database.transaction() as uow:
        page = await find(uow)
        third = await uow.versions.create(page, name="Three", created_by="user:ann")
        listed = await uow.versions.list_before(page, None, 2)
        assert [version.id for version in listed] == [third.id, second.id]
        rest = await uow.versions.list_before(page, (listed[-1].position, listed[-1].id), 2)
        assert [version.id for version in rest] == [first.id]
        assert await uow.versions.get(page, first.id) is not None
        assert await uow.versions.positions_up_to(page, 3) == [2, 3]
        assert await uow.versions.positions_up_to(page, 2) == [2]


async def test_D8_how_much_of_a_log_is_older_than_a_moment(database: Database):
    await write(database, Clock(), (0, "ann", 3), (10, "bob", 2))
    async with database.read() as uow:
        page = await find(uow)
        for minutes, limit, expected in ((0, 100, 0), (5, 100, 3), (11, 100, 5), (11, 2, 2)):
            moment = NOON + timedelta(minutes=minutes)
            assert await uow.versions.written_before(page, moment, limit) == expected
        assert [document.name for document in await uow.documents.list_after(0, 10)] == [PAGE]
        assert await uow.documents.list_after(page.id, 10) == []
