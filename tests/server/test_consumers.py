"""Consumers of events: everything once and in order, one process at a time, whatever fails meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy.event import listen

from server.background.consumers import BATCH, Consumer, Following
from server.background.leadership import Leadership
from storage.engine import Database
from storage.event_feed import EventFeed
from storage.models import Event, Workspace
from storage.repositories.consumers import Beginning
from storage.unit_of_work import UnitOfWork
from tests.services.databases import add_workspace
from tests.waiting import until

SECONDS = 20.0


class Scribe:
    """Writes down what it gets, in the transaction, as an event of a workspace of its own.

    Its own events and those of the type `dull` are nothing to it.
    """

    name = "scribe"

    def __init__(self, book: UUID, beginning: Beginning = "start") -> None:
        self.beginning: Beginning = beginning
        self.faults: list[Exception] = []
        self.failed = asyncio.Event()
        self._book = book

    async def wants(self, events: Sequence[Event]) -> bool:
        return any(event.workspace_id != self._book and event.type != "dull" for event in events)

    async def handle(self, uow: UnitOfWork, events: Sequence[Event]) -> None:
        for event in events:
            if event.workspace_id != self._book and event.type != "dull":
                key = [str(event.workspace_id), event.position]
                await uow.events.append(self._book, "written", payload={"key": key})
        if self.faults:
            self.failed.set()
            raise self.faults.pop()


@asynccontextmanager
async def following(
    database: Database, consumer: Consumer, *, hears_others: bool = True, **options: float
) -> AsyncGenerator[EventFeed]:
    """Run a consumer as a process of its own would; hearing of others begins with a look everywhere."""
    feed = EventFeed(database)
    follower = Following(database, feed, consumer, first_retry_seconds=0.01, **options)
    work = [follower.run, feed.run] if hears_others else [follower.run]
    tasks = [asyncio.create_task(each()) for each in work]
    yield feed
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def append(database: Database, workspace_id: UUID, count: int, type: str = "test") -> None:
    async with database.transaction() as uow:
        for _ in range(count):
            await uow.events.append(workspace_id, type)


async def cursor(database: Database, workspace_id: UUID) -> int:
    async with database.read() as uow:
        return await uow.consumers.position("scribe", workspace_id)


async def skipped(feed: EventFeed, workspace_id: UUID, position: int) -> None:
    """Wait until the scribe has passed a position."""
    await until(lambda: (feed.cursors.known("scribe", workspace_id) or 0) >= position, seconds=SECONDS)


async def written(database: Database, book: UUID, count: int) -> list[tuple[UUID, int]]:
    """Wait until so much is written; return it."""
    feed = EventFeed(database)
    with feed.subscribe(book) as subscription:
        async with asyncio.timeout(SECONDS):
            while True:
                await subscription.next(1)
                async with database.read() as uow:
                    events = await uow.events.after(book, 0, 10_000)
                if len(events) >= count:
                    return [(UUID(event.payload["key"][0]), event.payload["key"][1]) for event in events]


async def test_everything_is_handled_once_and_in_order(database: Database):
    book, _ = await add_workspace(database)
    places = [(await add_workspace(database))[0] for _ in range(3)]
    await append(database, places[0], BATCH * 2 + 5)
    async with following(database, Scribe(book)):
        for _ in range(5):
            for place in places:
                await append(database, place, 2)
        found = await written(database, book, BATCH * 2 + 35)
    for place in places:
        positions = [position for where, position in found if where == place]
        assert positions == list(range(1, len(positions) + 1))


async def test_a_new_consumer_may_begin_now_and_a_known_one_goes_on(database: Database):
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)
    await append(database, place, 3)
    async with database.transaction() as uow:
        await uow.consumers.register("scribe", "now")
    async with following(database, Scribe(book, "now")):
        later, _ = await add_workspace(database)
        await append(database, place, 1)
        await append(database, later, 1)
        assert sorted(await written(database, book, 2)) == sorted([(place, 4), (later, 1)])
    await append(database, place, 1)
    async with following(database, Scribe(book, "now")):
        assert (place, 5) in await written(database, book, 3)


class Slow:
    """Handles three events at a time, and each of these in two parts."""

    name = "slow"
    beginning: Beginning = "start"

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    async def wants(self, events: Sequence[Event]) -> bool:
        return True

    async def handle(self, uow: UnitOfWork, events: Sequence[Event]) -> int:
        positions = [event.position for event in events][:3]
        self.seen.append(positions)
        return 0 if self.seen.count(positions) == 1 else len(positions)


async def test_what_is_left_of_a_part_comes_again(database: Database):
    place, _ = await add_workspace(database)
    await append(database, place, 7)
    slow = Slow()

    async def is_done() -> bool:
        async with database.read() as uow:
            return await uow.consumers.position("slow", place) == 7

    async with following(database, slow):
        await until(is_done, seconds=SECONDS)
    assert slow.seen == [[1, 2, 3], [1, 2, 3], [4, 5, 6], [4, 5, 6], [7], [7]]


@pytest.mark.parametrize("fault", [ValueError("on purpose"), RuntimeError("on purpose")])
async def test_what_fails_comes_again_and_leaves_nothing_half(database: Database, fault: Exception):
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)
    other, _ = await add_workspace(database)
    scribe = Scribe(book)
    scribe.faults = [fault, fault, fault]
    async with following(database, scribe):
        await append(database, place, 2)
        await scribe.failed.wait()
        await append(database, other, 1)
        found = await written(database, book, 3)
    assert sorted(found) == sorted([(place, 1), (place, 2), (other, 1)])


async def test_events_that_are_nothing_to_it_move_its_cursor_later(database: Database):
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)
    async with following(database, Scribe(book), hears_others=False) as feed:
        await append(database, place, 3, "dull")
        await skipped(feed, place, 3)
        assert await cursor(database, place) == 0, "no transaction was made for it"
        await append(database, place, 1)
        assert await written(database, book, 1) == [(place, 4)]
        assert await cursor(database, place) == 4, "it moves with what was wanted"
        await append(database, place, BATCH + 2, "dull")
        await skipped(feed, place, BATCH + 6)
    assert await cursor(database, place) == BATCH + 6, "and when it stops following"


async def test_many_events_that_are_nothing_to_it_move_its_cursor_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("storage.lazy_cursors.LAG_EVENTS", 5)
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)

    async def is_moved() -> bool:
        return await cursor(database, place) == 6

    async with following(database, Scribe(book)):
        await append(database, place, 6, "dull")
        await until(is_moved, seconds=SECONDS)


async def test_after_a_while_cursors_follow_by_themselves(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("storage.lazy_cursors.LAG_SECONDS", 0.05)
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)

    async def is_moved() -> bool:
        return await cursor(database, place) == 1

    async with following(database, Scribe(book)):
        await append(database, place, 1, "dull")
        await until(is_moved, seconds=SECONDS)


async def test_a_crash_before_the_cursor_follows_loses_nothing_and_repeats_nothing(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)
    async with Database(database_url) as dying:
        async with following(dying, Scribe(book), hears_others=False) as feed:
            await append(dying, place, 1)
            await written(dying, book, 1)
            await append(dying, place, 2, "dull")
            await skipped(feed, place, 3)
            monkeypatch.setattr(feed.cursors, "flush", never)
        assert await cursor(database, place) == 1, "what it knew is gone with it"
        await append(database, place, 1)
        await append(database, place, 1, "dull")
        async with following(database, Scribe(book)) as feed:
            assert await written(database, book, 2) == [(place, 1), (place, 4)]
            await skipped(feed, place, 5)
    assert await cursor(database, place) == 5


async def never() -> None:
    """What a process does that was killed."""


async def test_one_that_was_suspended_goes_on_where_the_next_one_is(database: Database, database_url: str):
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)
    async with Database(database_url) as second:
        first, other = EventFeed(database), EventFeed(second)
        tasks: list[asyncio.Task[None]] = []

        def begin(which: Database, feed: EventFeed) -> None:
            follower = Following(which, feed, Scribe(book))
            # As if each had the lease.
            tasks.append(asyncio.create_task(follower._follow()))  # pyright: ignore[reportPrivateUsage]

        begin(database, first)
        await append(database, place, 2, "dull")
        await skipped(first, place, 2)
        begin(second, other)
        await append(second, place, 1)  # which the first one is not told of: its feed does not run
        assert await written(database, book, 1) == [(place, 3)]
        await append(database, place, 1)
        assert await written(database, book, 2) == [(place, 3), (place, 4)]
        await first.cursors.flush()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert await cursor(database, place) == 4


async def test_a_cursor_that_was_put_back_has_what_is_wanted_come_again(database: Database):
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)
    async with following(database, Scribe(book)):
        await append(database, place, 1)
        await written(database, book, 1)
        async with database.transaction() as uow:
            assert await uow.consumers.advance("scribe", place, seen=1, done=0)
        await append(database, place, 1)
        assert await written(database, book, 3) == [(place, 1), (place, 1), (place, 2)]


async def test_cursors_never_follow_backwards_nor_into_a_workspace_that_is_gone(database: Database):
    place, _ = await add_workspace(database)
    gone, _ = await add_workspace(database)
    async with database.transaction() as uow:
        await uow.consumers.register("scribe", "start")
        workspace = await uow.session.get(Workspace, gone)
        await uow.session.delete(workspace)
    for position in (5, 3):
        async with database.transaction() as uow:
            await uow.consumers.follow({("scribe", place): position, ("scribe", gone): position})
    assert (await cursor(database, place), await cursor(database, gone)) == (5, 0)


async def test_consumers_of_one_process_read_an_event_once(database: Database):
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)
    feed, readers = EventFeed(database), [Scribe(book) for _ in range(4)]
    for number, scribe in enumerate(readers):
        scribe.name = f"scribe {number}"
    tasks = [asyncio.create_task(Following(database, feed, scribe).run()) for scribe in readers]

    async def passed(position: int) -> None:
        await until(
            lambda: all((feed.cursors.known(one.name, place) or 0) >= position for one in readers),
            seconds=SECONDS,
        )

    await append(database, place, 1, "dull")
    await passed(1)
    reads: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if "FROM events" in statement:
            reads.append(statement)

    listen(database._reader.sync_engine, "before_cursor_execute", note)  # pyright: ignore[reportPrivateUsage]
    await append(database, place, 1, "dull")
    await passed(2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(reads) == 1


async def test_of_several_processes_one_follows_and_another_takes_over(database: Database, database_url: str):
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)
    async with (
        Database(database_url) as second,
        Database(database_url) as third,
        following(second, Scribe(book), lease_seconds=0.6),
        following(third, Scribe(book), lease_seconds=0.6),
    ):
        async with following(database, Scribe(book), lease_seconds=0.6):
            await append(database, place, 5)
            assert await written(database, book, 5) == [(place, n) for n in range(1, 6)]
        await append(database, place, 5)
        assert await written(database, book, 10) == [(place, n) for n in range(1, 11)]


async def test_two_who_both_believe_to_lead_still_write_once(database: Database, database_url: str):
    book, _ = await add_workspace(database)
    place, _ = await add_workspace(database)
    await append(database, place, BATCH * 3)
    async with Database(database_url) as second:
        followers = [Following(which, EventFeed(which), Scribe(book)) for which in (database, second)]
        # As if each had the lease.
        tasks = [asyncio.create_task(follower._follow()) for follower in followers]  # pyright: ignore[reportPrivateUsage]
        found = await written(database, book, BATCH * 3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert found == [(place, n) for n in range(1, BATCH * 3 + 1)]


async def test_a_lease_has_one_holder_and_ends_with_its_work(database: Database):
    order: list[str] = []
    first, second = (Leadership(database, "job", lease_seconds=0.3) for _ in range(2))
    started = asyncio.Event()

    async def hold() -> None:
        order.append("first")
        started.set()
        await asyncio.Event().wait()

    done = asyncio.Event()

    async def follow() -> None:
        order.append("second")
        done.set()
        await asyncio.Event().wait()

    leading = asyncio.create_task(first.lead(hold))
    await started.wait()
    standing_by = asyncio.create_task(second.lead(follow))
    async with asyncio.timeout(SECONDS):
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
        await done.wait()
    standing_by.cancel()
    await asyncio.gather(standing_by, return_exceptions=True)
    assert order == ["first", "second"]
