"""Agent definitions and the log of runs. Configurations are `storage.repositories.owned`'s."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import (
    AgentConfiguration,
    AgentDefinition,
    AgentRunLog,
    ConfigurationStatus,
    DefinitionStatus,
    LastRunStatus,
    Membership,
    Role,
    RunStatus,
)


class AgentDefinitions:
    """The catalogue."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def get(self, definition_id: str) -> AgentDefinition | None:
        """Return a definition, or None."""
        return await self._session.get(AgentDefinition, definition_id)

    async def list_all(
        self, *, category: str | None, status: DefinitionStatus | None, after: str | None, limit: int
    ) -> Sequence[AgentDefinition]:
        """Return the definitions by id, behind `after`."""
        statement = select(AgentDefinition).order_by(AgentDefinition.id).limit(limit)
        statement = statement.where(AgentDefinition.id > (after or ""))
        if category is not None:
            statement = statement.where(AgentDefinition.category == category)
        if status is not None:
            statement = statement.where(AgentDefinition.status == status)
        return (await self._session.scalars(statement)).all()

    async def replace_all(self, catalogue: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Make the catalogue what is given, id -> fields; return the ids of those known before that changed.

        Of what is new there is no agent yet. A definition that is given no more stays, since agents refer to
        it, and is deprecated.
        """
        known = {row.id: row for row in await self._session.scalars(select(AgentDefinition))}
        changed: set[str] = set()
        for definition_id, fields in catalogue.items():
            row = known.get(definition_id)
            if row is None:
                self._session.add(
                    AgentDefinition(id=definition_id, created_at=self._now, updated_at=self._now, **fields)
                )
            elif self._set(row, fields):
                changed.add(definition_id)
        for definition_id in known.keys() - catalogue.keys():
            self._set(known[definition_id], {"status": "deprecated"})
        await self._session.flush()
        return changed

    def _set(self, row: AgentDefinition, fields: Mapping[str, Any]) -> bool:
        differing = {name: value for name, value in fields.items() if getattr(row, name) != value}
        for name, value in differing.items():
            setattr(row, name, value)
        if differing:
            row.updated_at = self._now
        return bool(differing)


class Agents:
    """What is asked of configurations beyond what `Owned` knows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_in(
        self,
        workspace_id: UUID,
        *,
        status: ConfigurationStatus | None,
        definition_id: str | None,
        after: UUID | None,
        limit: int,
    ) -> Sequence[AgentConfiguration]:
        """Return a workspace's agents, oldest first, behind `after`; without a status those not archived."""
        statement = (
            select(AgentConfiguration)
            .where(AgentConfiguration.workspace_id == workspace_id)
            .order_by(AgentConfiguration.id)
            .limit(limit)
        )
        if status is None:
            statement = statement.where(AgentConfiguration.status != "archived")
        else:
            statement = statement.where(AgentConfiguration.status == status)
        if definition_id is not None:
            statement = statement.where(AgentConfiguration.agent_definition_id == definition_id)
        if after is not None:
            statement = statement.where(AgentConfiguration.id > after)
        return (await self._session.scalars(statement)).all()

    async def of_definition(
        self, definition_id: str, *, after: UUID | None, limit: int
    ) -> Sequence[AgentConfiguration]:
        """Return the agents of a definition in all workspaces, oldest first, behind `after`."""
        statement = (
            select(AgentConfiguration)
            .where(AgentConfiguration.agent_definition_id == definition_id)
            .order_by(AgentConfiguration.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(AgentConfiguration.id > after)
        return (await self._session.scalars(statement)).all()


class AgentRuns:
    """The log of runs, by run and by agent."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def find_with_role(
        self, run_id: UUID, user_id: UUID
    ) -> tuple[tuple[AgentRunLog, AgentConfiguration], Role] | None:
        """Return a run with its agent and the user's role in the workspace, or None for no member."""
        row = (
            await self._session.execute(
                select(AgentRunLog, AgentConfiguration, Membership.role)
                .join(AgentConfiguration, AgentConfiguration.id == AgentRunLog.agent_configuration_id)
                .join(Membership, Membership.workspace_id == AgentConfiguration.workspace_id)
                .where(AgentRunLog.run_id == run_id, Membership.user_id == user_id)
            )
        ).one_or_none()
        return ((row[0], row[1]), row[2]) if row else None

    async def find_open(self, run_id: UUID) -> tuple[AgentRunLog, AgentConfiguration] | None:
        """Return a run that has not ended, with its agent, which is active; or None."""
        row = (
            await self._session.execute(
                select(AgentRunLog, AgentConfiguration)
                .join(AgentConfiguration, AgentConfiguration.id == AgentRunLog.agent_configuration_id)
                .where(
                    AgentRunLog.run_id == run_id,
                    AgentRunLog.status.in_(("pending", "running")),
                    AgentConfiguration.status == "active",
                )
            )
        ).one_or_none()
        return (row[0], row[1]) if row else None

    async def find(self, run_id: UUID) -> tuple[AgentRunLog, AgentConfiguration] | None:
        """Return a run with its agent, or None."""
        row = (
            await self._session.execute(
                select(AgentRunLog, AgentConfiguration)
                .join(AgentConfiguration, AgentConfiguration.id == AgentRunLog.agent_configuration_id)
                .where(AgentRunLog.run_id == run_id)
            )
        ).one_or_none()
        return (row[0], row[1]) if row else None

    async def starter(self, run_id: UUID) -> UUID | None:
        """Return who began a run; None for one that nobody began, or that is not known."""
        return await self._session.scalar(
            select(AgentRunLog.triggered_by_user_id).where(AgentRunLog.run_id == run_id)
        )

    async def get(self, run_id: UUID) -> AgentRunLog | None:
        """Return a run, or None."""
        return await self._session.scalar(select(AgentRunLog).where(AgentRunLog.run_id == run_id))

    async def hold_agent(self, agent_id: UUID) -> None:
        """Keep other units that hold an agent waiting until this one ends: for rules over its runs.

        Not by its row: that is written after those of its runs, and whoever took them in the other order
        would wait in a circle.
        """
        if self._session.get_bind().dialect.name == "postgresql":
            await self._session.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:agent, 0))"), {"agent": str(agent_id)}
            )

    async def add(self, run: AgentRunLog) -> None:
        """Add a run, which becomes its agent's last one."""
        self._session.add(run)
        await self._session.flush()
        await self.note_last(run, is_new=True)

    async def note_last(self, run: AgentRunLog, *, is_new: bool = False) -> None:
        """Let the agent tell how a run stands, if it is its last one."""
        status: LastRunStatus = run.status
        statement = update(AgentConfiguration).where(AgentConfiguration.id == run.agent_configuration_id)
        if not is_new:
            statement = statement.where(AgentConfiguration.last_run_id == run.run_id)
        await self._session.execute(
            statement.values(
                last_run_id=run.run_id,
                last_run_at=run.start_time,
                last_run_status=status,
                # What was said in one place is not for everybody who sees the agent.
                last_run_output_preview=run.output_preview if run.place is None else None,
                last_run_full_output_ref=run.full_output_ref,
            )
        )

    async def active_of(self, agent_id: UUID) -> Sequence[AgentRunLog]:
        """Return the runs of an agent that are not over, oldest first."""
        found = await self._session.scalars(
            select(AgentRunLog)
            .where(AgentRunLog.agent_configuration_id == agent_id)
            .where(AgentRunLog.status.in_(("pending", "running")))
            .order_by(AgentRunLog.id)
        )
        return found.all()

    async def forget(self, age: timedelta, limit: int) -> int:
        """Delete runs that have been over for long; return how many."""
        old = (
            select(AgentRunLog.id)
            .where(AgentRunLog.end_time < self._now - age)
            .order_by(AgentRunLog.end_time)
            .limit(limit)
            .scalar_subquery()
        )
        found = await self._session.scalars(
            delete(AgentRunLog)
            .where(AgentRunLog.id.in_(old))
            .returning(AgentRunLog.id)
            .execution_options(synchronize_session=False)
        )
        return len(found.all())

    async def set_waiting(self, run_id: UUID, waiting: dict[str, Any] | None) -> None:
        """Note what a run waits for, or that it does not any more."""
        await self._session.execute(
            update(AgentRunLog).where(AgentRunLog.run_id == run_id).values(waiting_for=waiting)
        )

    async def set_progress(self, run_id: UUID, message_id: UUID) -> None:
        """Note which message tells how a run is going."""
        await self._session.execute(
            update(AgentRunLog).where(AgentRunLog.run_id == run_id).values(progress_id=message_id)
        )

    async def untold(
        self, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[AgentRunLog, AgentConfiguration]]:
        """Return runs that are over and whose message does not say so yet, with their agents."""
        statement = (
            select(AgentRunLog, AgentConfiguration)
            .join(AgentConfiguration, AgentConfiguration.id == AgentRunLog.agent_configuration_id)
            .where(
                AgentRunLog.progress_id.is_not(None),
                AgentRunLog.told_at.is_(None),
                AgentRunLog.end_time.is_not(None),
            )
            .order_by(AgentRunLog.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(AgentRunLog.id > after)
        return [(row[0], row[1]) for row in await self._session.execute(statement)]

    async def note_told(self, run_id: UUID) -> None:
        """Note that the message about a run says how it ended."""
        await self._session.execute(
            update(AgentRunLog).where(AgentRunLog.run_id == run_id).values(told_at=self._now)
        )

    async def active_children(self, run_id: UUID) -> Sequence[tuple[AgentRunLog, AgentConfiguration]]:
        """Return the runs that a run has started and that are not over, each with its agent."""
        found = await self._session.execute(
            select(AgentRunLog, AgentConfiguration)
            .join(AgentConfiguration, AgentConfiguration.id == AgentRunLog.agent_configuration_id)
            .where(AgentRunLog.parent_run_id == run_id, AgentRunLog.status.in_(("pending", "running")))
            .order_by(AgentRunLog.id)
        )
        return [(row[0], row[1]) for row in found]

    async def callers_of(self, run_id: UUID) -> list[tuple[AgentRunLog, AgentConfiguration]]:
        """Return a run and those that wait for it, because they have called it: each with its agent."""
        found: list[tuple[AgentRunLog, AgentConfiguration]] = []
        one = await self.find(run_id)
        while one is not None:
            found.append(one)
            run = one[0]
            is_called = run.parent_run_id is not None and run.cause.startswith("run:")
            one = await self.find(run.parent_run_id) if is_called and run.parent_run_id else None
        return found

    async def list_of(
        self, agent_id: UUID, *, status: RunStatus | None, before: UUID | None, limit: int
    ) -> Sequence[AgentRunLog]:
        """Return the runs of an agent, the newest first, older than the one with the id `before`."""
        statement = (
            select(AgentRunLog)
            .where(AgentRunLog.agent_configuration_id == agent_id)
            .order_by(AgentRunLog.id.desc())
            .limit(limit)
        )
        if status is not None:
            statement = statement.where(AgentRunLog.status == status)
        if before is not None:
            statement = statement.where(AgentRunLog.id < before)
        return (await self._session.scalars(statement)).all()
