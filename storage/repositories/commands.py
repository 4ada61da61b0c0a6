"""Slash commands, each once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import ChatCommand


class Commands:
    """The commands of all channels."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def is_known(self, channel_id: UUID, message_id: UUID) -> bool:
        """Tell whether a message was taken as a command before."""
        return await self._session.get(ChatCommand, (channel_id, message_id)) is not None

    async def add(self, command: ChatCommand) -> None:
        """Keep a command with its answer."""
        self._session.add(command)
        await self._session.flush()

    async def unanswered(self, *, after: UUID | None, limit: int) -> Sequence[ChatCommand]:
        """Return commands whose answer has not been posted, oldest first, behind an answer's id."""
        statement = select(ChatCommand).where(ChatCommand.answered_at.is_(None))
        if after is not None:
            statement = statement.where(ChatCommand.response_id > after)
        return (await self._session.scalars(statement.order_by(ChatCommand.response_id).limit(limit))).all()

    async def note_answer(self, channel_id: UUID, message_id: UUID) -> None:
        """Note that the answer is in the channel."""
        await self._session.execute(
            update(ChatCommand)
            .where(ChatCommand.channel_id == channel_id, ChatCommand.message_id == message_id)
            .values(answered_at=self._now)
            .execution_options(synchronize_session=False)
        )
