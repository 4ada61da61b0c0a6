"""Runs of playbooks and their steps. Single runs are `owned` rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import PlaybookRun, PlaybookStep


class PlaybookRuns:
    """What the one who does them needs, and who looks at them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_of(self, playbook_id: UUID, *, before: UUID | None, limit: int) -> Sequence[PlaybookRun]:
        """Return the runs of a playbook, the newest first, older than the one with the id `before`."""
        statement = (
            select(PlaybookRun)
            .where(PlaybookRun.playbook_id == playbook_id)
            .order_by(PlaybookRun.id.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(PlaybookRun.id < before)
        return (await self._session.scalars(statement)).all()

    async def steps(self, run_id: UUID) -> Sequence[PlaybookStep]:
        """Return the steps of a run that were begun or skipped, in that order."""
        found = await self._session.scalars(
            select(PlaybookStep)
            .where(PlaybookStep.run_id == run_id)
            .order_by(PlaybookStep.started_at, PlaybookStep.step_id)
            .execution_options(populate_existing=True)
        )
        return found.all()

    async def set_step(self, run_id: UUID, step_id: str, values: Mapping[str, Any]) -> PlaybookStep:
        """Write down how a step stands; `values` has all fields where it is new."""
        step = await self._session.get(PlaybookStep, (run_id, step_id))
        if step is None:
            step = PlaybookStep(run_id=run_id, step_id=step_id, **values)
            self._session.add(step)
        for name, value in values.items():
            setattr(step, name, value)
        await self._session.flush()
        return step

    async def note_change(self, run_id: UUID) -> None:
        """Note that a run is not shown as it stands."""
        await self._session.execute(
            update(PlaybookRun)
            .where(PlaybookRun.id == run_id, PlaybookRun.shown_id.is_not(None))
            .values(revision=PlaybookRun.revision + 1)
            .execution_options(synchronize_session=False)
        )

    async def unshown(self, *, after: UUID | None, limit: int) -> Sequence[PlaybookRun]:
        """Return runs that are not shown as they stand, by id behind `after`."""
        statement = (
            select(PlaybookRun)
            .where(PlaybookRun.shown_revision < PlaybookRun.revision)
            .order_by(PlaybookRun.id)
            .limit(limit)
            .execution_options(populate_existing=True)
        )
        if after is not None:
            statement = statement.where(PlaybookRun.id > after)
        return (await self._session.scalars(statement)).all()

    async def note_shown(self, run_id: UUID, revision: int) -> None:
        """Note as of which change a run is shown."""
        await self._session.execute(
            update(PlaybookRun)
            .where(PlaybookRun.id == run_id)
            .values(shown_revision=revision)
            .execution_options(synchronize_session=False)
        )

    async def count_active(self, playbook_id: UUID) -> int:
        """Return how many runs of a playbook are not over."""
        count = await self._session.scalar(
            select(func.count()).where(
                PlaybookRun.playbook_id == playbook_id, PlaybookRun.status.in_(("pending", "running"))
            )
        )
        return count or 0

    async def writing(
        self, workspace_id: UUID, acts_for: str, at: datetime, within: timedelta
    ) -> Sequence[PlaybookStep]:
        """Return steps that may have done what was seen at a moment: at work then, or until shortly before.

        They are of runs that act for somebody, and of the types that write as them; the newest run's first.
        """
        found = await self._session.scalars(
            select(PlaybookStep)
            .join(PlaybookRun, PlaybookRun.id == PlaybookStep.run_id)
            .where(PlaybookRun.workspace_id == workspace_id, PlaybookRun.acts_for == acts_for)
            .where(PlaybookStep.type.in_(("tool", "notify")), PlaybookStep.started_at <= at)
            .where(or_(PlaybookStep.ended_at.is_(None), PlaybookStep.ended_at > at - within))
            .order_by(PlaybookStep.run_id.desc(), PlaybookStep.step_id)
        )
        return found.all()

    async def listening(self, workspace_id: UUID) -> Sequence[tuple[PlaybookRun, PlaybookStep]]:
        """Return the steps of a workspace that wait for an event, with their runs."""
        rows = await self._session.execute(
            select(PlaybookRun, PlaybookStep)
            .join(PlaybookRun, PlaybookRun.id == PlaybookStep.run_id)
            .where(PlaybookStep.listens, PlaybookRun.workspace_id == workspace_id)
            .where(PlaybookRun.status == "running")
            .order_by(PlaybookStep.run_id, PlaybookStep.step_id)
        )
        return [(row[0], row[1]) for row in rows]
