"""Long work that survives a crash: who does it, what was done, what it was told."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.looks import Look
from storage.models import Job, JobSignal, JobStep

ANY_TO_CLAIM = Look(
    select(Job.id)
    .where(
        or_(
            Job.state == "running",
            and_(Job.state == "ready", or_(Job.wake_at.is_(None), Job.wake_at <= bindparam("now"))),
            and_(Job.state == "waiting", Job.wake_at <= bindparam("now")),
        )
    )
    .limit(1)
)
"""One of the jobs that may be due, or are somebody's who may not live any more."""

_CLAIM_LOCK = 7_206_195_310
"""Held by the one transaction that hands out jobs, so that limits hold over processes."""


class Jobs:
    """The jobs of all workspaces."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def add(self, job: Job) -> None:
        """Add a job, which begins as soon as somebody takes it."""
        self._session.add(job)
        await self._session.flush()

    async def get(self, job_id: UUID) -> Job | None:
        """Return a job, or None."""
        return await self._session.get(Job, job_id)

    async def is_anything_due(self, kinds: Collection[str], living: Collection[str]) -> bool:
        """Tell whether it is worth trying to claim a job."""
        statement = select(Job.id).where(Job.state != "done", Job.kind.in_(kinds), self._due(living)).limit(1)
        return await self._session.scalar(statement) is not None

    async def lock_claims(self) -> None:
        """Let nobody else claim a job until the unit ends, as on SQLite nobody can."""
        if self._session.get_bind().dialect.name == "postgresql":
            await self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CLAIM_LOCK})

    async def claim(
        self, holder: str, kinds: Collection[str], living: Collection[str], workspace_limit: int
    ) -> Job | None:
        """Give the oldest job that may run now to a holder, who has locked claims; None where there is none.

        One whose holder does not live any more may always. One that was cancelled, too: it only ends.
        """
        other = aliased(Job)
        in_lane = select(func.count()).where(other.state == "running", other.lane == Job.lane)
        in_workspace = select(func.count()).where(
            other.state == "running", other.workspace_id == Job.workspace_id
        )
        has_room = and_(
            in_lane.scalar_subquery() < Job.lane_limit, in_workspace.scalar_subquery() < workspace_limit
        )
        job = await self._session.scalar(
            select(Job)
            .where(Job.state != "done", Job.kind.in_(kinds), self._due(living))
            .where(or_(Job.state == "running", Job.is_cancelled, has_room))
            .order_by(Job.id)
            .limit(1)
            .with_for_update(skip_locked=True, of=Job)
        )
        if job is not None:
            job.failures += job.state == "running"
            job.state, job.holder, job.wake_at = "running", holder, None
            await self._session.flush()
        return job

    def _due(self, living: Collection[str]) -> ColumnElement[bool]:
        return or_(
            and_(Job.state == "ready", or_(Job.wake_at.is_(None), Job.wake_at <= self._now)),
            and_(Job.state == "waiting", Job.wake_at <= self._now),
            and_(Job.state == "running", Job.holder.not_in(living)),
        )

    async def count_open(self) -> Mapping[str, int]:
        """Return how many jobs are not over, by their state."""
        counted: dict[str, int] = {"ready": 0, "running": 0, "waiting": 0}
        for state, count in await self._session.execute(
            select(Job.state, func.count()).where(Job.state != "done").group_by(Job.state)
        ):
            counted[state] = count
        return counted

    async def next_wake(self) -> datetime | None:
        """Return when the next job is to be woken."""
        return await self._session.scalar(
            select(func.min(Job.wake_at)).where(Job.state != "done", Job.wake_at > self._now)
        )

    async def hold(self, job_id: UUID, holder: str) -> Job | None:
        """Return a job, locked, if it is still this holder's to do."""
        return await self._session.scalar(
            select(Job)
            .where(Job.id == job_id, Job.state == "running", Job.holder == holder)
            .with_for_update()
        )

    async def cancelled_of(self, holder: str) -> Sequence[UUID]:
        """Return which of a holder's jobs are to end."""
        found = await self._session.scalars(
            select(Job.id).where(Job.state == "running", Job.holder == holder, Job.is_cancelled)
        )
        return found.all()

    async def release_all(self, holder: str) -> None:
        """Let others take what a holder has not finished."""
        await self._session.execute(
            update(Job)
            .where(Job.state == "running", Job.holder == holder)
            .values(state="ready", holder=None)
            .execution_options(synchronize_session=False)
        )

    async def put_aside(self, job: Job, state: Literal["ready", "waiting"], wake_at: datetime | None) -> None:
        """Let a job rest: for anybody from a moment on, or until it is told something."""
        job.state, job.holder, job.wake_at = state, None, wake_at
        await self._session.flush()

    async def put_aside_all(self, holder: str, *, but: Collection[UUID], pause: timedelta) -> None:
        """Let rest for a while what a holder does not work on, though it is said to."""
        await self._session.execute(
            update(Job)
            .where(Job.state == "running", Job.holder == holder, Job.id.not_in(but))
            .values(state="ready", holder=None, failures=Job.failures + 1, wake_at=self._now + pause)
            .execution_options(synchronize_session=False)
        )

    async def cancel(self, job_id: UUID) -> bool:
        """Have a job end. True where nobody is at work on it, and it has ended now; else that is seen to."""
        job = await self._session.scalar(select(Job).where(Job.id == job_id).with_for_update())
        if job is None:
            return True
        if job.state == "done":
            return False
        job.is_cancelled = True
        is_idle = job.state != "running"
        if is_idle:
            await self.finish(job)
        await self._session.flush()
        return is_idle

    async def finish(self, job: Job) -> None:
        """Note that a job is over."""
        job.state, job.holder, job.wake_at, job.finished_at = "done", None, None, self._now
        await self._session.flush()

    async def steps(
        self, job_id: UUID, *, after: UUID | None = None, limit: int | None = None
    ) -> Sequence[JobStep]:
        """Return the steps that were done, in their order, behind one of them."""
        statement = select(JobStep).where(JobStep.job_id == job_id).order_by(JobStep.id).limit(limit)
        if after is not None:
            statement = statement.where(JobStep.id > after)
        return (await self._session.scalars(statement)).all()

    async def step(self, job_id: UUID, step: str) -> JobStep | None:
        """Return a step that was done, or None."""
        return await self._session.get(JobStep, (job_id, step))

    async def add_step(self, step: JobStep) -> None:
        """Add a step that was done."""
        self._session.add(step)
        await self._session.flush()

    async def signals(self, job_id: UUID) -> Mapping[str, dict[str, Any]]:
        """Return what a job was told."""
        found = await self._session.scalars(select(JobSignal).where(JobSignal.job_id == job_id))
        return {signal.name: signal.payload for signal in found}

    async def signal(self, job_id: UUID, name: str, payload: dict[str, Any]) -> bool:
        """Tell a job something, and wake it; False where it was told that, is over, or is not there."""
        job = await self._session.scalar(select(Job).where(Job.id == job_id).with_for_update())
        if job is None or job.state == "done":
            return False
        if await self._session.get(JobSignal, (job_id, name)) is not None:
            return False
        self._session.add(JobSignal(job_id=job_id, name=name, payload=payload, sent_at=self._now))
        if job.state == "waiting":
            job.state, job.wake_at = "ready", None
        await self._session.flush()
        return True

    async def forget(self, age: timedelta, limit: int) -> int:
        """Delete jobs that have been over for long, with their steps; return how many."""
        old = (
            select(Job.id)
            .where(Job.finished_at < self._now - age)
            .order_by(Job.finished_at)
            .limit(limit)
            .scalar_subquery()
        )
        found = await self._session.scalars(
            delete(Job).where(Job.id.in_(old)).returning(Job.id).execution_options(synchronize_session=False)
        )
        return len(found.all())
