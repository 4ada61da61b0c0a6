"""Triggers of agents and playbooks: which are due, what became of them, and the pages they wait for.

Single triggers are `owned` rows.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import and_, delete, exists, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import (
    AgentConfiguration,
    AgentRunLog,
    AgentTrigger,
    Document,
    Event,
    Playbook,
    PlaybookRun,
    QuietPage,
    TriggerFire,
    TriggerType,
    Update,
)


class Ancestor(msgspec.Struct, frozen=True):
    """A run that something came of."""

    of: UUID
    """The agent, or the playbook."""
    depth: int
    parent_run_id: UUID | None


class Triggers:
    """What those need who fire."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def list_of(self, agent_id: UUID, *, after: UUID | None, limit: int) -> Sequence[AgentTrigger]:
        """Return an agent's triggers, oldest first, behind `after`."""
        statement = (
            select(AgentTrigger)
            .where(AgentTrigger.agent_configuration_id == agent_id)
            .order_by(AgentTrigger.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(AgentTrigger.id > after)
        return (await self._session.scalars(statement)).all()

    async def count_of(self, agent_id: UUID) -> int:
        """Return how many triggers an agent has."""
        count = await self._session.scalar(
            select(func.count())
            .select_from(AgentTrigger)
            .where(AgentTrigger.agent_configuration_id == agent_id)
        )
        return count or 0

    async def active_in(self, workspace_id: UUID, type: TriggerType) -> Sequence[AgentTrigger]:
        """Return a workspace's active triggers of a type, oldest first."""
        found = await self._session.scalars(
            select(AgentTrigger)
            .where(
                AgentTrigger.workspace_id == workspace_id,
                AgentTrigger.type == type,
                AgentTrigger.state == "active",
            )
            .order_by(AgentTrigger.id)
        )
        return found.all()

    async def waits_for_events(self, workspace_id: UUID) -> bool:
        """Tell whether any active trigger of a workspace waits for an event, or for edits of pages."""
        found = await self._session.scalar(
            select(AgentTrigger.id)
            .where(
                AgentTrigger.workspace_id == workspace_id,
                AgentTrigger.type.in_(("event", "page_edit")),
                AgentTrigger.state == "active",
            )
            .limit(1)
        )
        return found is not None

    async def agents_to_follow(self, *, after: UUID | None, limit: int) -> Sequence[AgentConfiguration]:
        """Return agents that are not archived, by id behind `after`."""
        statement = (
            select(AgentConfiguration)
            .where(AgentConfiguration.status != "archived")
            .order_by(AgentConfiguration.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(AgentConfiguration.id > after)
        return (await self._session.scalars(statement)).all()

    async def due_schedules(self, limit: int) -> Sequence[tuple[UUID, UUID]]:
        """Return schedules whose time has come, the longest due first: ids, and their workspaces."""
        rows = await self._session.execute(
            select(AgentTrigger.id, AgentTrigger.workspace_id)
            .where(AgentTrigger.next_fire_at <= self._now)
            .order_by(AgentTrigger.next_fire_at)
            .limit(limit)
        )
        return [(row[0], row[1]) for row in rows]

    async def due_pages(self, limit: int) -> Sequence[tuple[UUID, UUID, UUID]]:
        """Return pages that were to be left alone until now: triggers, their workspaces, and pages."""
        rows = await self._session.execute(
            select(AgentTrigger.id, AgentTrigger.workspace_id, QuietPage.page_id)
            .join(AgentTrigger, AgentTrigger.id == QuietPage.trigger_id)
            .where(QuietPage.due_at <= self._now)
            .order_by(QuietPage.due_at)
            .limit(limit)
        )
        return [(row[0], row[1], row[2]) for row in rows]

    async def next_due(self) -> datetime | None:
        """Return when the next schedule or page is due; None for never."""
        times = [
            await self._session.scalar(select(func.min(AgentTrigger.next_fire_at))),
            await self._session.scalar(select(func.min(QuietPage.due_at))),
        ]
        return min((time for time in times if time is not None), default=None)

    async def take(self, trigger_id: UUID) -> AgentTrigger | None:
        """Return a trigger that nobody else fires until this unit ends."""
        return await self._session.scalar(
            select(AgentTrigger)
            .where(AgentTrigger.id == trigger_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )

    async def fire_of(self, trigger_id: UUID, cause: str) -> TriggerFire | None:
        """Return what became of a cause, if it made the trigger fire."""
        return await self._session.scalar(
            select(TriggerFire).where(TriggerFire.trigger_id == trigger_id, TriggerFire.cause == cause)
        )

    async def add_fire(self, fire: TriggerFire) -> None:
        """Write a fire down."""
        self._session.add(fire)
        await self._session.flush()

    async def started_since(self, trigger_id: UUID, age: timedelta) -> int:
        """Return how many runs a trigger started within a time, tests aside."""
        count = await self._session.scalar(
            select(func.count())
            .select_from(TriggerFire)
            .where(
                TriggerFire.trigger_id == trigger_id,
                TriggerFire.outcome == "started",
                TriggerFire.created_at > self._now - age,
                TriggerFire.is_test.is_(False),
            )
        )
        return count or 0

    async def last_fire(self, trigger_id: UUID) -> TriggerFire | None:
        """Return a trigger's newest fire."""
        rows = await self.list_fires(trigger_id, before=None, limit=1)
        return rows[0] if rows else None

    async def list_fires(self, trigger_id: UUID, *, before: UUID | None, limit: int) -> Sequence[TriggerFire]:
        """Return a trigger's fires, the latest first, older than the one with the id `before`."""
        statement = (
            select(TriggerFire)
            .where(TriggerFire.trigger_id == trigger_id)
            .order_by(TriggerFire.id.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(TriggerFire.id < before)
        return (await self._session.scalars(statement)).all()

    async def forget_older_than(self, age: timedelta, limit: int) -> int:
        """Delete fires of long ago, `limit` at most; return how many."""
        old = select(TriggerFire.id).where(TriggerFire.created_at < self._now - age).limit(limit)
        gone = await self._session.scalars(
            delete(TriggerFire)
            .where(TriggerFire.id.in_(old))
            .returning(TriggerFire.id)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())

    async def page(self, trigger_id: UUID, page_id: UUID) -> QuietPage | None:
        """Return what a trigger knows of a page."""
        return await self._session.get(QuietPage, (trigger_id, page_id), populate_existing=True)

    async def set_page(self, trigger_id: UUID, page_id: UUID, values: Mapping[str, object]) -> None:
        """Write down what a trigger knows of a page."""
        row = await self.page(trigger_id, page_id)
        if row is None:
            row = QuietPage(trigger_id=trigger_id, page_id=page_id)
            self._session.add(row)
        for name, value in values.items():
            setattr(row, name, value)
        await self._session.flush()

    async def forget_page(self, trigger_id: UUID, page_id: UUID) -> None:
        """Forget a page."""
        await self._session.execute(
            delete(QuietPage).where(QuietPage.trigger_id == trigger_id, QuietPage.page_id == page_id)
        )

    async def forget_pages(self, trigger_id: UUID) -> None:
        """Forget all pages that a trigger waits for."""
        await self._session.execute(delete(QuietPage).where(QuietPage.trigger_id == trigger_id))

    async def last_edit(
        self, page_id: UUID, *, after: int, without: str
    ) -> tuple[int, datetime, Sequence[str]] | None:
        """Return a page's head, its newest edit behind a position, and who made those, the last one last.

        Edits of the principal `without`, and of the server, do not count; None where there are no others.
        """
        document = await self._session.scalar(select(Document).where(Document.name == f"page:{page_id}"))
        if document is None:
            return None
        is_own = or_(
            Update.author == without,
            Update.author.startswith(f"{without}|", autoescape=True),
            Update.author.startswith("system:"),
        )
        edited = and_(Update.document_id == document.id, Update.position > after, not_(is_own))
        rows = await self._session.execute(
            select(Update.author, func.max(Update.position).label("last"), func.max(Update.created_at))
            .where(edited)
            .group_by(Update.author)
            .order_by("last")
        )
        found = rows.all()
        return (document.head, max(row[2] for row in found), [row[0] for row in found]) if found else None

    async def chain(self, run_id: UUID, limit: int) -> Sequence[Ancestor]:
        """Return a run, of an agent or a playbook, and those that it came of, up to the first one."""
        found: list[Ancestor] = []
        wanted: UUID | None = run_id
        while wanted is not None and len(found) < limit:
            run = await self._ancestor(wanted)
            if run is None:
                break
            found.append(run)
            wanted = run.parent_run_id
        return found

    async def _ancestor(self, run_id: UUID) -> Ancestor | None:
        agents = select(AgentRunLog.agent_configuration_id, AgentRunLog.depth, AgentRunLog.parent_run_id)
        playbooks = select(PlaybookRun.playbook_id, PlaybookRun.depth, PlaybookRun.parent_run_id)
        for statement in (
            agents.where(AgentRunLog.run_id == run_id),
            playbooks.where(PlaybookRun.id == run_id),
        ):
            row = (await self._session.execute(statement)).one_or_none()
            if row is not None:
                return Ancestor(row[0], row[1], row[2])
        return None

    async def of_playbooks(self, playbook_ids: Collection[UUID]) -> Sequence[AgentTrigger]:
        """Return the triggers of playbooks; each has one at most."""
        found = await self._session.scalars(
            select(AgentTrigger).where(AgentTrigger.playbook_id.in_(playbook_ids))
        )
        return found.all()

    async def playbooks_without(self, *, after: UUID | None, limit: int) -> Sequence[Playbook]:
        """Return playbooks that have no trigger, by id behind `after`: of most, people start the runs."""
        statement = (
            select(Playbook)
            .where(~exists().where(AgentTrigger.playbook_id == Playbook.id))
            .order_by(Playbook.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(Playbook.id > after)
        return (await self._session.scalars(statement)).all()

    async def last_author(self, playbook: Playbook) -> str | None:
        """Return who changed a playbook last, as far as its events tell."""
        return await self._session.scalar(
            select(Event.actor)
            .where(
                Event.workspace_id == playbook.workspace_id,
                Event.subject == f"playbook:{playbook.id}",
                Event.type.in_(("playbook.created", "playbook.updated")),
            )
            .order_by(Event.position.desc())
            .limit(1)
        )

    async def newest_run(self, agent_id: UUID, at: datetime) -> UUID | None:
        """Return the run that an agent was in at a moment, or had been in last."""
        return await self._session.scalar(
            select(AgentRunLog.run_id)
            .where(AgentRunLog.agent_configuration_id == agent_id, AgentRunLog.start_time <= at)
            .order_by(AgentRunLog.id.desc())
            .limit(1)
        )

    async def of_agent(self, agent_id: UUID, *, paused_for: str | None) -> Sequence[AgentTrigger]:
        """Return an agent's triggers that are active, or those that are paused for a reason."""
        statement = select(AgentTrigger).where(AgentTrigger.agent_configuration_id == agent_id)
        if paused_for is None:
            statement = statement.where(AgentTrigger.state == "active")
        else:
            statement = statement.where(AgentTrigger.paused_reason == paused_for)
        return (await self._session.scalars(statement.order_by(AgentTrigger.id))).all()

    async def of_configurations(self, agent_ids: Collection[UUID]) -> Sequence[AgentTrigger]:
        """Return the triggers that the configurations of some agents have made."""
        found = await self._session.scalars(
            select(AgentTrigger)
            .where(AgentTrigger.agent_configuration_id.in_(agent_ids), AgentTrigger.source == "configuration")
            .order_by(AgentTrigger.agent_configuration_id, AgentTrigger.position)
        )
        return found.all()
