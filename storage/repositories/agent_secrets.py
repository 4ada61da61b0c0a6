"""The secrets of agents, by their names."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import AgentSecret


class AgentSecrets:
    """Secrets by agent and name."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, agent_id: UUID, name: str) -> AgentSecret | None:
        """Return a secret, or None."""
        return await self._session.scalar(
            select(AgentSecret).where(
                AgentSecret.agent_configuration_id == agent_id, AgentSecret.name == name
            )
        )

    async def list_of(self, agent_id: UUID, *, after: str | None, limit: int) -> Sequence[AgentSecret]:
        """Return the secrets of an agent by their names, behind `after`."""
        found = await self._session.scalars(
            select(AgentSecret)
            .where(AgentSecret.agent_configuration_id == agent_id, AgentSecret.name > (after or ""))
            .order_by(AgentSecret.name)
            .limit(limit)
        )
        return found.all()

    async def count(self, agent_id: UUID) -> int:
        """Return how many secrets an agent has."""
        statement = (
            select(func.count())
            .select_from(AgentSecret)
            .where(AgentSecret.agent_configuration_id == agent_id)
        )
        return await self._session.scalar(statement) or 0

    async def replace(self, secret: AgentSecret, old: AgentSecret | None) -> None:
        """Keep a secret in the place of the one that has its name."""
        if old is not None:
            await self._session.delete(old)
            await self._session.flush()
        self._session.add(secret)
        await self._session.flush()

    async def remove(self, secret: AgentSecret) -> None:
        """Delete a secret for good."""
        await self._session.delete(secret)
        await self._session.flush()
