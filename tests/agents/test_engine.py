"""Jobs: done step by step, each step once, whatever dies; with waits that hold nothing."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.engine import LEASE, MAX_FAILURES, Ending, Engine, start_job
from agents.journal import Journal, Overtaken
from agents.watching import Note
from storage.engine import Database
from storage.errors import StoreUnavailableError
from storage.event_feed import EventFeed
from storage.models import Job
from storage.unit_of_work import UnitOfWork
from tests.services.databases import add_workspace
from tests.waiting import until

SECONDS = 20.0


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


Work = Callable[[Journal], Awaitable[None]]


class Doing:
    """Implements `Handler`: does what a test says, and remembers how jobs ended."""

    kind = "toy"

    def __init__(self, work: Work) -> None:
        self._work = work
        self.ends: list[tuple[UUID, str]] = []

    async def work(self, journal: Journal) -> Ending:
        await self._work(journal)
        return self._end(journal.job_id, "done")

    async def cancelled(self, uow: UnitOfWork, job_id: UUID) -> None:
        await self._end(job_id, "cancelled")(uow)

    async def failed(self, uow: UnitOfWork, job_id: UUID, message: str) -> None:
        await self._end(job_id, "failed")(uow)

    def _end(self, job_id: UUID, how: str) -> Ending:
        async def end(uow: UnitOfWork) -> None:
            uow.after_commit.append(lambda: self.ends.append((job_id, how)))

        return end


@pytest.fixture
def clock(database: Database) -> Clock:
    clock = Clock()
    database.clock = clock
    return clock


@pytest.fixture
async def workspace_id(database: Database, clock: Clock) -> UUID:
    return (await add_workspace(database))[0]


@asynccontextmanager
async def doing(database: Database, handler: Doing) -> AsyncGenerator[Engine]:
    """Run the engine of one process."""
    feed = EventFeed(database)
    engine = Engine(database, feed, [handler], poll_seconds=0.02)
    task = asyncio.create_task(engine.run())
    try:
        yield engine
    finally:
        feed.close()
        await task


async def start(database: Database, workspace_id: UUID, *, lane: str = "lane", lane_limit: int = 10) -> UUID:
    async with database.transaction() as uow:
        job_id = uow.new_id()
        await start_job(uow, job_id, Doing.kind, workspace_id, lane=lane, lane_limit=lane_limit)
    return job_id


async def job_of(database: Database, job_id: UUID) -> Job:
    async with database.read() as uow:
        job = await uow.jobs.get(job_id)
        assert job is not None
        return job


def ended(handler: Doing, *jobs: UUID, how: str = "done") -> Callable[[], bool]:
    return lambda: {(job, how) for job in jobs} <= set(handler.ends)


async def value(number: int) -> int:
    return number


async def nothing(journal: Journal) -> None:
    pass


async def test_a_step_is_done_once_and_its_result_is_remembered(database: Database, workspace_id: UUID):
    done: list[str] = []

    async def act(name: str) -> dict[str, str]:
        done.append(name)
        return {"text": f"{name}\0 \\u0000"}

    async def work(journal: Journal) -> None:
        for name in ("1", "2"):
            found = await journal.step(name, "tool", name, dict[str, str], partial(act, name))
            assert found == {"text": f"{name}\ufffd \\u0000"}
        await journal.wait("go", "Waiting")

    handler = Doing(work)
    job_id = await start(database, workspace_id)
    async with doing(database, handler):
        await until(lambda: is_in_state(database, job_id, "waiting"))
        async with database.transaction() as uow:
            assert await uow.jobs.signal(job_id, "go", {})
        await until(ended(handler, job_id))
    assert done == ["1", "2"]
    async with database.read() as uow:
        steps = await uow.jobs.steps(job_id)
    assert [(step.step, step.kind) for step in steps] == [("1", "tool"), ("2", "tool"), ("go", "wait")]
    assert (await job_of(database, job_id)).state == "done"


async def is_in_state(database: Database, job_id: UUID, state: str) -> bool:
    return (await job_of(database, job_id)).state == state


async def test_a_dead_process_is_followed_by_another_one(database: Database, workspace_id: UUID):
    """What it has done stays done; what it was at is done again."""
    done: list[str] = []

    async def act(name: str) -> int:
        done.append(name)
        return 1

    async def work(journal: Journal) -> None:
        for name in ("1", "2"):
            await journal.step(name, "tool", name, int, partial(act, name))

    job_id = await start(database, workspace_id)
    async with database.transaction() as uow:
        job = await uow.jobs.claim("dead", [Doing.kind], ["dead"], 10)
        assert job is not None
        dead = Journal(database, Engine(database, EventFeed(database), []).watching, job, "dead", [], {})
    await dead.step("1", "tool", "1", int, lambda: value(5))
    handler = Doing(work)
    async with doing(database, handler):
        await until(ended(handler, job_id))
    assert done == ["2"]
    with pytest.raises(Overtaken):  # should it still live, it hears that it is over
        await dead.step("2", "tool", "2", int, lambda: value(5))


async def test_a_living_process_keeps_its_jobs(database: Database, workspace_id: UUID, clock: Clock):
    begun: list[int] = []
    release = asyncio.Event()

    async def work(journal: Journal) -> None:
        begun.append(1)
        await release.wait()

    one, other = Doing(work), Doing(work)
    async with doing(database, one), doing(database, other):
        job_id = await start(database, workspace_id)
        await until(lambda: begun == [1])
        await until(lambda: is_in_state(database, job_id, "running"))
        release.set()
        await until(lambda: (job_id, "done") in one.ends + other.ends)
    assert begun == [1]


async def test_a_process_that_ends_leaves_its_jobs_to_others(database: Database, workspace_id: UUID):
    begun: list[int] = []
    release = asyncio.Event()

    async def work(journal: Journal) -> None:
        await journal.step("1", "tool", "1", int, lambda: value(1))
        begun.append(1)
        await release.wait()

    job_id = await start(database, workspace_id)
    first = Doing(work)
    async with doing(database, first):
        await until(lambda: begun == [1])
    assert first.ends == []
    assert ((job := await job_of(database, job_id)).state, job.failures) == ("ready", 0)
    release.set()
    second = Doing(work)
    async with doing(database, second):
        await until(ended(second, job_id))
    assert begun == [1, 1]


async def test_a_wait_ends_with_its_signal_or_its_time(database: Database, workspace_id: UUID, clock: Clock):
    heard: list[object] = []

    async def work(journal: Journal) -> None:
        heard.append(await journal.wait("answer", "Waiting", seconds=3 * 24 * 3600))

    handler = Doing(work)
    told, forgotten = [await start(database, workspace_id) for _ in range(2)]
    async with doing(database, handler):
        for job_id in (told, forgotten):
            await until(partial(is_in_state, database, job_id, "waiting"))
            assert (await job_of(database, job_id)).holder is None
        async with database.transaction() as uow:
            assert await uow.jobs.signal(told, "answer", {"text": "yes"})
            assert not await uow.jobs.signal(told, "answer", {"text": "no"})
            assert not await uow.jobs.signal(uuid4(), "answer", {})
        await until(ended(handler, told))
        clock.ahead = timedelta(days=4)
        await until(ended(handler, forgotten))
    assert heard == [{"text": "yes"}, None]


async def test_a_wait_outlives_all_processes(database: Database, workspace_id: UUID):
    """Nothing holds it: it can be answered while none runs, and whichever comes next goes on."""

    async def work(journal: Journal) -> None:
        heard.append(await journal.wait("answer", "Waiting", seconds=14 * 24 * 3600))

    heard: list[object] = []
    job_id = await start(database, workspace_id)
    async with doing(database, Doing(work)):
        await until(lambda: is_in_state(database, job_id, "waiting"))
    assert (await job_of(database, job_id)).holder is None
    async with database.transaction() as uow:
        assert await uow.jobs.signal(job_id, "answer", {"text": "yes"})
    handler = Doing(work)
    async with doing(database, handler):
        await until(ended(handler, job_id))
    assert heard == [{"text": "yes"}]


async def test_a_signal_that_comes_while_it_works_is_not_missed(database: Database, workspace_id: UUID):
    async def work(journal: Journal) -> None:
        async def tell() -> int:
            async with database.transaction() as uow:
                assert await uow.jobs.signal(journal.job_id, "answer", {})
            return 1

        await journal.step("1", "tool", "1", int, tell)
        await journal.wait("answer", "Waiting")

    handler = Doing(work)
    job_id = await start(database, workspace_id)
    async with doing(database, handler):
        await until(ended(handler, job_id))


async def test_what_runs_and_what_waits_can_be_cancelled(database: Database, workspace_id: UUID):
    async def work(journal: Journal) -> None:
        await journal.step("1", "tool", "1", int, lambda: value(1))
        if journal.job_id == waiting:
            await journal.wait("never", "Waiting")
        await asyncio.Event().wait()

    handler = Doing(work)
    waiting, running = [await start(database, workspace_id) for _ in range(2)]
    async with doing(database, handler):
        await until(lambda: is_in_state(database, waiting, "waiting"))
        await until(lambda: has_step(database, running, "1"))
        async with database.transaction() as uow:
            assert await uow.jobs.cancel(waiting)
            assert not await uow.jobs.cancel(running)
        await until(ended(handler, running, how="cancelled"))
    assert [(await job_of(database, job)).state for job in (waiting, running)] == ["done", "done"]
    assert handler.ends == [(running, "cancelled")]  # whoever ends what waits writes its end


async def test_who_dies_over_a_cancelled_job_leaves_its_end_to_others(database: Database, workspace_id: UUID):
    async def work(journal: Journal) -> None:
        raise AssertionError("it only has to end")

    job_id = await start(database, workspace_id)
    async with database.transaction() as uow:
        assert await uow.jobs.claim("dead", [Doing.kind], ["dead"], 10) is not None
    async with database.transaction() as uow:
        assert not await uow.jobs.cancel(job_id)
    handler = Doing(work)
    async with doing(database, handler):
        await until(ended(handler, job_id, how="cancelled"))


async def has_step(database: Database, job_id: UUID, step: str) -> bool:
    async with database.read() as uow:
        return step in {found.step for found in await uow.jobs.steps(job_id)}


async def test_a_lane_is_as_wide_as_it_says(database: Database, workspace_id: UUID):
    busy: list[UUID] = []
    most: list[int] = []
    pairs = asyncio.Barrier(2)

    async def work(journal: Journal) -> None:
        busy.append(journal.job_id)
        await pairs.wait()
        most.append(len(busy))
        await pairs.wait()
        busy.remove(journal.job_id)

    handler = Doing(work)
    jobs = [await start(database, workspace_id, lane_limit=2) for _ in range(6)]
    async with doing(database, handler):
        await until(ended(handler, *jobs))
    assert set(most) == {2}


async def test_a_workspace_has_its_share(database: Database, workspace_id: UUID):
    for _ in range(3):
        await start(database, workspace_id, lane=str(uuid4()))
    async with database.transaction() as uow:
        found = [await uow.jobs.claim("me", [Doing.kind], ["me"], 2) for _ in range(3)]
    assert [job is not None for job in found] == [True, True, False]


async def test_what_nobody_foresaw_ends_the_job_and_nothing_else(
    database: Database, workspace_id: UUID, caplog: pytest.LogCaptureFixture
):
    async def work(journal: Journal) -> None:
        if journal.job_id == bad:
            raise RuntimeError("not foreseen")

    handler = Doing(work)
    bad, good = [await start(database, workspace_id) for _ in range(2)]
    async with doing(database, handler):
        await until(ended(handler, good))
        await until(ended(handler, bad, how="failed"))
    assert "not foreseen" in caplog.text


async def test_a_job_that_kills_its_processes_is_given_up(database: Database, workspace_id: UUID):
    job_id = await start(database, workspace_id)
    for n in range(MAX_FAILURES + 1):
        async with database.transaction() as uow:
            assert await uow.jobs.claim(f"dead {n}", [Doing.kind], [], 10) is not None

    async def work(journal: Journal) -> None:
        raise AssertionError("not once more")

    handler = Doing(work)
    async with doing(database, handler):
        await until(ended(handler, job_id, how="failed"))


async def test_branches_go_on_beside_each_other(database: Database, workspace_id: UUID):
    found: list[int] = []

    async def work(journal: Journal) -> None:
        async def waits() -> int:
            return (await journal.wait("answer", "Waiting") or {})["n"]

        async def works() -> int:
            return await journal.step("b", "tool", "b", int, lambda: value(2))

        found.extend(await journal.together([waits, works]))

    handler = Doing(work)
    job_id = await start(database, workspace_id)
    async with doing(database, handler):
        await until(lambda: is_in_state(database, job_id, "waiting"))
        assert await has_step(database, job_id, "b")
        async with database.transaction() as uow:
            assert await uow.jobs.signal(job_id, "answer", {"n": 1})
        await until(ended(handler, job_id))
    assert found == [1, 2]


async def test_what_is_in_the_transaction_of_a_step_happens_once(database: Database, workspace_id: UUID):
    async def work(journal: Journal) -> None:
        async def rename(uow: UnitOfWork) -> str:
            await uow.events.append(journal.workspace_id, "toy.happened")
            return "told"

        assert await journal.transact("1", "tool", "Tell", str, rename) == "told"
        await journal.wait("go", "Waiting")

    handler = Doing(work)
    job_id = await start(database, workspace_id)
    async with doing(database, handler):
        await until(lambda: is_in_state(database, job_id, "waiting"))
        async with database.transaction() as uow:
            assert await uow.jobs.signal(job_id, "go", {})
        await until(ended(handler, job_id))
    async with database.read() as uow:
        assert [event.type for event in await uow.events.after(workspace_id, 0, 10)].count(
            "toy.happened"
        ) == 1


async def test_onlookers_hear_what_begins_and_what_is_done(database: Database, workspace_id: UUID):
    release = asyncio.Event()

    async def slow() -> int:
        await release.wait()
        return 1

    async def work(journal: Journal) -> None:
        await journal.step("1", "tool", "Search pages", int, slow)

    handler = Doing(work)
    async with doing(database, handler) as engine:
        job_id = uuid4()
        with engine.watching.look_on(job_id) as onlooker:
            async with database.transaction() as uow:
                await start_job(uow, job_id, Doing.kind, workspace_id, lane="x", lane_limit=1)
            assert await onlooker.next(SECONDS) == [Note("step", "Search pages")]
            release.set()
            assert await onlooker.next(SECONDS) == [Note("done", "Search pages")]
        await until(ended(handler, job_id))


async def test_old_jobs_are_forgotten(database: Database, workspace_id: UUID, clock: Clock):
    async def work(journal: Journal) -> None:
        await journal.step("1", "tool", "1", int, lambda: value(1))

    handler = Doing(work)
    job_id = await start(database, workspace_id)
    async with doing(database, handler):
        await until(ended(handler, job_id))
    async with database.transaction() as uow:
        assert await uow.jobs.forget(timedelta(days=1), 10) == 0
    clock.ahead = timedelta(days=2)
    await start(database, workspace_id)
    async with database.transaction() as uow:
        assert await uow.jobs.forget(timedelta(days=1), 10) == 1
        assert await uow.jobs.steps(job_id) == []


async def test_a_claim_whose_commit_nobody_heard_of_is_not_lost(
    database: Database, workspace_id: UUID, monkeypatch: pytest.MonkeyPatch
):
    handler = Doing(nothing)
    claim_one, failed = Engine._claim_one, 0  # pyright: ignore[reportPrivateUsage]

    async def claim(engine: Engine, *args: Any, **kwargs: Any) -> Any:
        nonlocal failed
        found = await claim_one(engine, *args, **kwargs)
        if found is not None and not failed:
            failed += 1
            raise StoreUnavailableError("the answer to the commit is lost")
        return found

    monkeypatch.setattr(Engine, "_claim_one", claim)
    async with doing(database, handler):
        job = await start(database, workspace_id)
        await until(ended(handler, job))
    assert failed == 1


async def test_what_was_at_work_when_the_engine_began_anew_is_not_lost(
    database: Database, workspace_id: UUID, monkeypatch: pytest.MonkeyPatch
):
    begun = asyncio.Event()

    async def work(journal: Journal) -> None:
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()  # until it is cancelled

    handler = Doing(work)
    look, has_failed = Engine._look, False  # pyright: ignore[reportPrivateUsage]

    async def fail_once(engine: Engine, *args: Any) -> None:
        nonlocal has_failed
        if begun.is_set() and not has_failed:
            has_failed = True
            raise RuntimeError("nobody foresaw this")
        await look(engine, *args)

    monkeypatch.setattr(Engine, "_look", fail_once)
    async with doing(database, handler):
        job = await start(database, workspace_id)
        await until(ended(handler, job))
    assert has_failed


async def test_who_has_just_come_and_claimed_a_job_keeps_it(
    database: Database, workspace_id: UUID, monkeypatch: pytest.MonkeyPatch
):
    handler = Doing(nothing)
    is_due = Engine._is_anything_due  # pyright: ignore[reportPrivateUsage]
    is_coming = has_come = False

    async def come(engine: Engine) -> bool:
        nonlocal has_come
        found = await is_due(engine)
        if found and is_coming and not has_come:
            has_come = True
            async with database.transaction() as uow:
                await uow.leases.acquire(f"{LEASE}new", "new", timedelta(minutes=5))
                await uow.jobs.lock_claims()
                assert await uow.jobs.claim("new", [Doing.kind], ["new"], 10) is not None
        return found

    monkeypatch.setattr(Engine, "_is_anything_due", come)
    async with doing(database, handler):
        first = await start(database, workspace_id)
        await until(ended(handler, first))
        is_coming = True
        job = await start(database, workspace_id)
        await until(lambda: has_come)
        other = await start(database, workspace_id)
        await until(ended(handler, other))
        assert (await job_of(database, job)).holder == "new"
