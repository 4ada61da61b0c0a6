"""The outbox under processes that write at once and die, and the feed that tells of it."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from storage.engine import Database
from storage.errors import UnknownWorkspaceError
from storage.event_feed import EventFeed, Subscription
from storage.events import HEADS, NewEvent
from storage.ids import earliest_id
from storage.models import AuditEntry
from tests.services.databases import add_workspace

SECONDS = 20.0

# Writes events without end; says so after each commit, and rolls every third back.
WRITER = """
import asyncio, sys
from uuid import UUID
from storage.engine import Database

async def write(url, workspace_id, name):
    async with Database(url) as database:
        number = 0
        while True:
            try:
                async with database.transaction() as uow:
                    await uow.events.append(workspace_id, "test", name, None, {"number": number})
                    if number % 3 == 0:
                        raise ArithmeticError
                print(number, flush=True)
            except ArithmeticError:
                pass
            number += 1

asyncio.run(write(sys.argv[1], UUID(sys.argv[2]), sys.argv[3]))
"""


async def start_writer(url: str, workspace_id: UUID, name: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, url, str(workspace_id), name, stdout=PIPE
    )


async def committed(writer: Process, count: int) -> list[int]:
    """Return the next numbers that a writer says are committed."""
    assert writer.stdout is not None
    return [int(await writer.stdout.readline()) for _ in range(count)]


async def test_positions_are_gapless_while_processes_write_at_once_and_are_killed(
    database: Database, database_url: str
):
    workspace_id, _ = await add_workspace(database)
    writers = [await start_writer(database_url, workspace_id, f"writer:{n}") for n in range(3)]
    seen: list[int] = []
    said: dict[str, list[int]] = {}
    try:
        async with asyncio.timeout(60):
            for n, writer in enumerate(writers):
                said[f"writer:{n}"] = await committed(writer, 30)
                # Whoever reads by position meanwhile is never shown a later one before an earlier one.
                async with database.read() as uow:
                    found = await uow.events.after(workspace_id, seen[-1] if seen else 0, 10_000)
                seen += [event.position for event in found]
                writer.kill()
                await writer.wait()
    finally:
        for writer in writers:
            if writer.returncode is None:
                writer.kill()
                await writer.wait()
    async with database.transaction() as uow:
        last = await uow.events.append(workspace_id, "last")
    async with database.read() as uow:
        events = await uow.events.after(workspace_id, 0, 100_000)
        assert await uow.events.head(workspace_id) == last
    assert [event.position for event in events] == list(range(1, last + 1))
    assert seen == list(range(1, len(seen) + 1))
    for name, numbers in said.items():
        kept = [event.payload["number"] for event in events if event.actor == name]
        assert kept[: len(numbers)] == numbers, "what was committed is there, once and in order"
        assert not [number for number in kept if number % 3 == 0]


@pytest.fixture
async def feed(database: Database) -> AsyncIterator[EventFeed]:
    feed = EventFeed(database)
    task = asyncio.create_task(feed.run())
    yield feed
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def told_of(subscription: Subscription, workspace_id: UUID) -> None:
    """Wait until a follower is told of one workspace by its id."""
    async with asyncio.timeout(SECONDS):
        while workspace_id not in (await subscription.next()).workspaces:
            pass


async def test_a_commit_of_another_process_is_heard(database: Database, database_url: str, feed: EventFeed):
    workspace_id, _ = await add_workspace(database)
    with feed.subscribe() as subscription:
        assert (await subscription.next()).is_everywhere
        writer = await start_writer(database_url, workspace_id, "writer")
        await told_of(subscription, workspace_id)
        writer.kill()
        await writer.wait()


async def test_a_commit_of_this_process_is_heard_at_once_and_a_rollback_never(database: Database):
    ours, _ = await add_workspace(database)
    other, _ = await add_workspace(database)
    feed = EventFeed(database)  # does not run: nothing but this process can be heard
    with feed.subscribe() as everywhere, feed.subscribe(ours) as here:
        for subscription in (everywhere, here):
            assert (await subscription.next()).is_everywhere
        with contextlib.suppress(ArithmeticError):
            async with database.transaction() as uow:
                await uow.events.append(ours, "test")
                raise ArithmeticError
        async with database.transaction() as uow:
            await uow.events.append(other, "test")
        assert (await everywhere.next()).workspaces == {other}
        assert not (await here.next(0.001)).workspaces
        async with database.transaction() as uow:
            await uow.events.append(ours, "test")
        assert (await here.next()).workspaces == (await everywhere.next()).workspaces == {ours}


async def test_one_whom_some_types_concern_is_told_of_them_and_of_what_is_not_known(
    database: Database, database_url: str, feed: EventFeed
):
    place, _ = await add_workspace(database)
    with feed.subscribe(concerning=("page.", "agent.run.")) as subscription:
        assert (await subscription.next()).is_everywhere
        for types, is_told in ((["channel.created", "agent.created"], False), (["a.b", "agent.run.x"], True)):
            quiet = EventFeed(database)  # does not run: it hears of no other process, nor twice
            with quiet.subscribe(concerning=("page.", "agent.run.")) as here:
                await here.next()
                async with database.transaction() as uow:
                    for type_ in types:
                        await uow.events.append(place, type_)
                assert ((await here.next(0)).workspaces == {place}) is is_told
        writer = await start_writer(database_url, place, "writer")
        await told_of(subscription, place)
        writer.kill()
        await writer.wait()


async def test_a_follower_looks_everywhere_when_notices_may_have_been_lost(postgres_database: Database):
    feed = EventFeed(postgres_database)
    task = asyncio.create_task(feed.run())
    with feed.subscribe() as subscription:
        assert (await subscription.next()).is_everywhere
        assert (await subscription.next()).is_everywhere, "it listens now"
        admin = await postgres_database.connect_postgres()
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        )
        async with asyncio.timeout(SECONDS):
            assert (await subscription.next()).is_everywhere, "it listens again"
        await admin.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_whoever_follows_is_told_that_it_is_over(sqlite_database: Database):
    feed = EventFeed(sqlite_database)
    with feed.subscribe() as early:
        feed.close()
        assert (await early.next()).is_over
    with feed.subscribe() as late:
        assert (await late.next()).is_over


async def test_events_are_chosen_by_type(database: Database):
    workspace_id, _ = await add_workspace(database)
    async with database.transaction() as uow:
        for type_ in ("page.created", "page_x.created", "pages", "channel.created", "page.moved"):
            await uow.events.append(workspace_id, type_)
    async with database.read() as uow:

        async def chosen(*types: str) -> list[int]:
            return [event.position for event in await uow.events.of_types(workspace_id, 0, 4, types)]

        assert await chosen() == [1, 2, 3, 4]
        assert await chosen("page.*") == [1]
        assert await chosen("channel.created", "page.*") == [1, 4]
        assert await chosen("nothing") == []
    since = earliest_id(database.new_id(), timedelta(seconds=60))
    assert await database.look(HEADS, since=since) == [(workspace_id, 5)]


async def test_events_that_are_told_together_follow_each_other(database: Database):
    workspace_id, _ = await add_workspace(database)
    async with database.transaction() as uow:
        before = await uow.events.append(workspace_id, "test.before")
        assert before == await uow.events.head(workspace_id)
        new = [NewEvent(f"test.{number}", "user:1", "page:1", {"number": number}) for number in range(3)]
        new.append(NewEvent("member.added", None, None, {"user_id": "2"}))
        assert await uow.events.append_all(workspace_id, new) == before + 4
        assert uow.events.types == {"test.before", "member.added", *(f"test.{number}" for number in range(3))}
    with pytest.raises(UnknownWorkspaceError):
        async with database.transaction() as uow:
            await uow.events.append_all(UUID(int=1), new)
    async with database.read() as uow:
        found = await uow.events.after(workspace_id, before, 10)
        assert await uow.events.head(workspace_id) == before + 4
        audited = await uow.session.scalars(
            select(AuditEntry.action).where(AuditEntry.workspace_id == workspace_id)
        )
        assert [*audited][-1:] == ["member.added"]
    assert [event.position for event in found] == [before + number for number in range(1, 5)]
    assert [NewEvent(event.type, event.actor, event.subject, event.payload) for event in found] == new
    assert [event.id for event in found] == sorted(event.id for event in found)
