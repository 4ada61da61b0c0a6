"""The versions of agents' configurations."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import AgentConfiguration, AgentDefinition, AgentVersion

MOST_VERSIONS = 200
"""Of one agent; the oldest give way."""

VERSIONED = ("name", "description", "yaml_config", "external_memory_namespace")
"""The fields that make a version."""


class AgentVersions:
    """Versions by agent and number."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def add(
        self,
        agent: AgentConfiguration,
        definition: AgentDefinition,
        by: str,
        *,
        restored_from: int | None = None,
    ) -> None:
        """Keep what an agent is now under its number, which nobody has used before."""
        self._session.add(
            AgentVersion(
                agent_configuration_id=agent.id,
                number=agent.version,
                **{name: getattr(agent, name) for name in VERSIONED},
                definition_version=definition.version,
                restored_from=restored_from,
                changed_by=by,
                changed_at=self._now,
            )
        )
        await self._session.flush()
        await self._session.execute(
            delete(AgentVersion)
            .where(
                AgentVersion.agent_configuration_id == agent.id,
                AgentVersion.number <= agent.version - MOST_VERSIONS,
            )
            .execution_options(synchronize_session=False)
        )

    async def get(self, agent_id: UUID, number: int) -> AgentVersion | None:
        """Return a version, or None."""
        return await self._session.get(AgentVersion, (agent_id, number))

    async def list_of(self, agent_id: UUID, *, before: int | None, limit: int) -> Sequence[AgentVersion]:
        """Return the versions of an agent, the newest first, older than the number `before`."""
        statement = (
            select(AgentVersion)
            .where(AgentVersion.agent_configuration_id == agent_id)
            .order_by(AgentVersion.number.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(AgentVersion.number < before)
        return (await self._session.scalars(statement)).all()
