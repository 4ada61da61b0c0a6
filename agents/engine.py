"""Does jobs: takes what is due, in as many processes as there are, and sees to it that each comes to an end.

    start     await start_job(uow, ...) in the transaction of its cause
    cancel    await uow.jobs.cancel(id)
    signal    await uow.jobs.signal(id, name, payload)
    wait      await journal.wait(name, ...), in the work itself

A process that does jobs renews a lease. When it dies its jobs are taken by another one, or by itself after
its restart, and go on behind the last step that was written down. Why this is ours and no library:
docs/decisions/0046.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID, uuid4

from anyio import CancelScope, create_task_group
from anyio.abc import TaskGroup

from agents.journal import Journal, Overtaken, Parked
from agents.statistics import JobCounts
from agents.watching import Watching
from storage.engine import Database
from storage.errors import StorageError
from storage.event_feed import EventFeed, Subscription
from storage.models import Job
from storage.repositories.jobs import ANY_TO_CLAIM
from storage.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

CONCERNING = ("agent.", "playbook.")
"""How the types of events begin that come with a job, or with what one waits for."""

LEASE = "jobs:"
LEASE_SECONDS = 8.0
"""How long a process may give no sign of life before others take its jobs."""

POLL_SECONDS = 1.0
"""How long it takes at most to see what nobody tells: a time that has come, a process that has died."""

MAX_JOBS = 50
"""Jobs that a process does at the same time."""

WORKSPACE_LIMIT = 20
"""Jobs of one workspace that run at the same time, in all processes."""

MAX_FAILURES = 5
RETRY_SECONDS = 5.0
"""Before a job is tried again that could not use the database; longer each time."""

END_SECONDS = 5.0
"""How long the end of a job may take to be written while the process ends."""

CRASHED = "Something went wrong here that nobody foresaw. The server's log says more."

Ending = Callable[[UnitOfWork], Awaitable[None]]
"""What is written in the transaction in which a job ends."""


class Handler(Protocol):
    """Somebody who knows how jobs of a kind are done."""

    @property
    def kind(self) -> str:
        """The kind."""
        ...

    async def work(self, journal: Journal) -> Ending:
        """Do a job, or go on with it; return what its end writes. Begun again after crashes and waits."""
        ...

    async def cancelled(self, uow: UnitOfWork, job_id: UUID) -> None:
        """Write that a job was ended from outside."""
        ...

    async def failed(self, uow: UnitOfWork, job_id: UUID, message: str) -> None:
        """Write that a job cannot be done, for a reason that nobody foresaw."""
        ...


async def start_job(
    uow: UnitOfWork, job_id: UUID, kind: str, workspace_id: UUID, *, lane: str, lane_limit: int
) -> None:
    """Have a job done. It needs an event of `CONCERNING` in the same unit, which wakes whoever does it."""
    job = Job(
        id=job_id,
        kind=kind,
        workspace_id=workspace_id,
        lane=lane,
        lane_limit=lane_limit,
        created_at=uow.now,
    )
    await uow.jobs.add(job)


class Engine:
    """The jobs of one process."""

    def __init__(
        self,
        database: Database,
        feed: EventFeed,
        handlers: Sequence[Handler],
        *,
        watching: Watching | None = None,
        counts: JobCounts | None = None,
        max_jobs: int = MAX_JOBS,
        workspace_limit: int = WORKSPACE_LIMIT,
        lease_seconds: float = LEASE_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.watching = watching or Watching()
        self._counts = counts or JobCounts()
        self._database = database
        self._feed = feed
        self._handlers = {handler.kind: handler for handler in handlers}
        self._max_jobs = max_jobs
        self._workspace_limit = workspace_limit
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._holder = uuid4().hex
        self._scopes: dict[UUID, CancelScope] = {}
        self._cancelled: set[UUID] = set()
        self._is_alive = False
        self._has_lost_some = False

    async def run(self) -> None:
        """Do jobs until the task is cancelled or the feed ends; what is not finished then is for others."""
        try:
            is_over = False
            while not is_over:
                try:
                    await self._run()
                    is_over = True
                except Exception:
                    logger.exception("jobs are not done for a moment, and then again")
                    await asyncio.sleep(self._poll_seconds)
        finally:
            with CancelScope(shield=True):
                await self._leave()

    async def _run(self) -> None:
        self._has_lost_some = True  # what an earlier turn of this was at work on
        async with create_task_group() as tasks:
            tasks.start_soon(self._keep_alive)
            with self._feed.subscribe(concerning=CONCERNING) as subscription:
                while not (await subscription.next(self._poll_seconds)).is_over:
                    await self._look(tasks, subscription)
            tasks.cancel_scope.cancel()

    async def _look(self, tasks: TaskGroup, subscription: Subscription) -> None:
        try:
            if self._scopes:
                await self._stop_cancelled()
            if self._is_alive:
                await self._take(tasks, subscription)
        except StorageError as error:
            logger.warning("jobs cannot be looked at now: %s", error)
            self._has_lost_some = True  # a claim may have been committed without an answer
            await asyncio.sleep(self._poll_seconds)

    async def _stop_cancelled(self) -> None:
        async with self._database.read() as uow:
            found = await uow.jobs.cancelled_of(self._holder)
        for job_id in found:
            scope = self._scopes.get(job_id)
            if scope is not None and job_id not in self._cancelled:
                self._cancelled.add(job_id)
                scope.cancel()

    async def _take(self, tasks: TaskGroup, subscription: Subscription) -> None:
        """Take jobs, as long as there are any and hands for them."""
        while len(self._scopes) < self._max_jobs:
            found = await self._claim()
            if found is None:
                return
            job, journal = found
            scope = self._scopes[job.id] = CancelScope()
            self._counts.at_work = len(self._scopes)
            tasks.start_soon(self._do, job, journal, scope, subscription)

    async def _claim(self) -> tuple[Job, Journal] | None:
        if not self._has_lost_some and not await self._is_anything_due():
            return None
        # What is lost from here on is seen to the next time.
        has_lost_some, self._has_lost_some = self._has_lost_some, False
        try:
            return await self._claim_one(has_lost_some=has_lost_some)
        except BaseException:
            self._has_lost_some |= has_lost_some
            raise

    async def _is_anything_due(self) -> bool:
        if not await self._database.look(ANY_TO_CLAIM, now=self._database.clock()):
            return False
        async with self._database.read() as uow:
            living = [*await uow.leases.living(LEASE), self._holder]
            return await uow.jobs.is_anything_due(list(self._handlers), living)

    async def _claim_one(self, *, has_lost_some: bool) -> tuple[Job, Journal] | None:
        async with self._database.transaction() as uow:
            await uow.jobs.lock_claims()
            # Read now: whoever has claimed something by now had its lease before that.
            living = [*await uow.leases.living(LEASE), self._holder]
            if has_lost_some:
                await uow.jobs.put_aside_all(self._holder, but=list(self._scopes), pause=_pause(1))
            job = await uow.jobs.claim(self._holder, list(self._handlers), living, self._workspace_limit)
            journal = None
            if job is not None:
                steps, signals = await uow.jobs.steps(job.id), await uow.jobs.signals(job.id)
                journal = Journal(self._database, self.watching, job, self._holder, steps, signals)
        return (job, journal) if job is not None and journal is not None else None

    async def _do(self, job: Job, journal: Journal, scope: CancelScope, subscription: Subscription) -> None:
        """Do a job until it ends, waits, or is somebody else's."""
        try:
            await self._end_somehow(job, journal, scope)
        except Overtaken:
            self._has_lost_some = True
            logger.info("the job %s is done elsewhere, or gone", job.id)
        except StorageError as error:
            self._has_lost_some = True
            logger.warning("the job %s is taken up again later: %s", job.id, error)
        except Exception:
            self._has_lost_some = True
            logger.exception("the end of the job %s could not be written", job.id)
        finally:
            del self._scopes[job.id]
            self._counts.at_work = len(self._scopes)
            self._cancelled.discard(job.id)
            subscription.touch_all()

    async def _end_somehow(self, job: Job, journal: Journal, scope: CancelScope) -> None:
        handler = self._handlers[job.kind]
        ending: Ending | None = None
        outcome = "done"
        if job.is_cancelled:
            self._cancelled.add(job.id)
        elif job.failures > MAX_FAILURES:
            logger.error("the job %s has come to no end %d times", job.id, job.failures)
            ending, outcome = _failing(handler, job.id), "failed"
        else:
            try:
                with scope:
                    ending = await handler.work(journal)
            except Parked as parked:
                await self._park(journal, parked)
                return
            except StorageError as error:
                logger.warning("the job %s waits for the database: %s", job.id, error)
                await self._postpone(journal)
                return
            except Exception:
                logger.exception("the job %s failed", job.id)
                ending, outcome = _failing(handler, job.id), "failed"
        if ending is None:
            if job.id not in self._cancelled:
                raise Overtaken  # the lease was lost
            ending, outcome = _cancelling(handler, job.id), "cancelled"
        # What was done is written down even while the process ends.
        with CancelScope(shield=True, deadline=asyncio.get_running_loop().time() + END_SECONDS) as limit:
            await journal.end(ending)
            self._counts.ended[outcome] += 1
        self._has_lost_some |= limit.cancelled_caught

    async def _park(self, journal: Journal, parked: Parked) -> None:
        async def wait(uow: UnitOfWork, job: Job) -> None:
            # A signal may have come while the job was at work.
            if job.is_cancelled or journal.signals.keys() != (await uow.jobs.signals(job.id)).keys():
                await uow.jobs.put_aside(job, "ready", None)
            else:
                await uow.jobs.put_aside(job, "waiting", parked.wake_at)

        await journal.change(wait)
        self._counts.parked += 1

    async def _postpone(self, journal: Journal) -> None:
        async def wait(uow: UnitOfWork, job: Job) -> None:
            job.failures += 1
            await uow.jobs.put_aside(job, "ready", uow.now + _pause(job.failures))

        await journal.change(wait)
        self._counts.postponed += 1

    async def _keep_alive(self) -> None:
        """Renew the lease; where that fails for too long, the jobs are no longer this process's."""
        now = asyncio.get_running_loop().time
        name, duration = f"{LEASE}{self._holder}", timedelta(seconds=self._lease_seconds)
        safe_until = 0.0
        while True:
            asked = now()
            try:
                async with self._database.transaction() as uow:
                    if not self._is_alive:
                        await uow.leases.forget(LEASE)
                    await uow.leases.acquire(name, self._holder, duration)
                self._is_alive, safe_until = True, asked + self._lease_seconds * 3 / 4
                async with self._database.read() as uow:
                    self._counts.open = await uow.jobs.count_open()
            except StorageError as error:
                logger.warning("the lease of the jobs cannot be renewed: %s", error)
            if now() >= safe_until and self._is_alive:
                self._is_alive = False
                self._has_lost_some = True
                for scope in self._scopes.values():
                    scope.cancel()
            await asyncio.sleep(self._lease_seconds / 4)

    async def _leave(self) -> None:
        """Let others have what is not finished, at once."""
        try:
            async with self._database.transaction() as uow:
                await uow.jobs.release_all(self._holder)
                await uow.leases.release(f"{LEASE}{self._holder}", self._holder)
        except StorageError as error:
            logger.warning("jobs are left to whoever finds them: %s", error)


def _failing(handler: Handler, job_id: UUID) -> Ending:
    return lambda uow: handler.failed(uow, job_id, CRASHED)


def _cancelling(handler: Handler, job_id: UUID) -> Ending:
    return lambda uow: handler.cancelled(uow, job_id)


def _pause(failures: int) -> timedelta:
    return timedelta(seconds=RETRY_SECONDS * 2 ** min(failures - 1, 6))
