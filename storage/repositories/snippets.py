"""Runs of agents that answer in blocks, and blocks that may not show theirs as it stands."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.looks import Look
from storage.models import AgentConfiguration, AgentRunLog, WaitingSnippet
from storage.repositories.upserts import insert_into

ANY_WAITING = Look(select(WaitingSnippet.mark).limit(1))
"""The mark of one of the blocks that wait."""


class Snippets:
    """By page and block."""

    def __init__(self, session: AsyncSession, new_id: Callable[[], UUID]) -> None:
        self._session = session
        self._new_id = new_id

    async def run_of(self, workspace_id: UUID, block_id: str) -> AgentRunLog | None:
        """Return the newest run that answers in a block, on whichever page of the workspace that is now."""
        return await self._session.scalar(
            select(AgentRunLog)
            .join(AgentConfiguration, AgentConfiguration.id == AgentRunLog.agent_configuration_id)
            .where(
                AgentRunLog.answers_in_block,
                AgentRunLog.place_item == block_id,
                AgentConfiguration.workspace_id == workspace_id,
            )
            .order_by(AgentRunLog.id.desc())
            .limit(1)
        )

    async def let_wait(self, page_id: UUID, block_ids: Collection[str]) -> None:
        """Have blocks looked at."""
        if not block_ids:
            return
        rows = [
            {"page_id": page_id, "block_id": block_id, "mark": self._new_id()}
            for block_id in sorted(block_ids)
        ]
        insert = insert_into(self._session, WaitingSnippet).values(rows)
        await self._session.execute(
            insert.on_conflict_do_update(
                index_elements=["page_id", "block_id"], set_={"mark": insert.excluded.mark}
            )
        )

    async def waiting(self, *, after: UUID | None, limit: int) -> Sequence[WaitingSnippet]:
        """Return blocks that wait, those first that have waited longest."""
        statement = select(WaitingSnippet).order_by(WaitingSnippet.mark).limit(limit)
        if after is not None:
            statement = statement.where(WaitingSnippet.mark > after)
        return (await self._session.scalars(statement)).all()

    async def finish(self, waiting: WaitingSnippet) -> None:
        """Let a block wait no more, unless something has changed since."""
        await self._session.execute(
            delete(WaitingSnippet)
            .where(
                WaitingSnippet.page_id == waiting.page_id,
                WaitingSnippet.block_id == waiting.block_id,
                WaitingSnippet.mark == waiting.mark,
            )
            .execution_options(synchronize_session=False)
        )
