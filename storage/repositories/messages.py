"""Messages of channels as rows: read in parts, counted, and written where they have left their document.

While a message is in its channel's document its row only follows that (`storage.repositories.projections`).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import ChatMessage, Document, DocumentProjection, ReadMark

_SAME_ID = 10
"""Clients choose ids, so several channels may have a message of one id; more are not looked at."""


class Messages:
    """The messages of all channels."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def is_behind(self, document: str) -> bool:
        """Tell whether the rows of a channel's document do not have all of its log yet."""
        head, position = await self.followed(document)
        return position < head

    async def followed(self, document: str) -> tuple[int, int]:
        """Return the newest position of a document, and the one that its rows have; 0, 0 for none."""
        row = (
            await self._session.execute(
                select(Document.head, DocumentProjection.position)
                .outerjoin(DocumentProjection, DocumentProjection.document_id == Document.id)
                .where(Document.name == document)
            )
        ).one_or_none()
        return (row[0], row[1] or 0) if row is not None else (0, 0)

    async def find(self, message_id: UUID) -> Sequence[ChatMessage]:
        """Return the messages that have an id, each in another channel."""
        found = await self._session.scalars(
            select(ChatMessage)
            .where(ChatMessage.id == message_id)
            .order_by(ChatMessage.channel_id)
            .limit(_SAME_ID)
        )
        return found.all()

    async def get(self, channel_id: UUID, message_id: UUID) -> ChatMessage | None:
        """Return a message of a channel."""
        return await self._session.get(ChatMessage, (channel_id, message_id))

    async def list_before(
        self, channel_id: UUID, before: UUID | None, limit: int, *, thread_id: UUID | None = None
    ) -> Sequence[ChatMessage]:
        """Return messages of a channel, or the replies of one thread in it, newest first, before an id."""
        statement = select(ChatMessage).where(ChatMessage.channel_id == channel_id)
        if thread_id is not None:
            statement = statement.where(ChatMessage.thread_id == thread_id)
        if before is not None:
            statement = statement.where(ChatMessage.id < before)
        found = await self._session.scalars(statement.order_by(ChatMessage.id.desc()).limit(limit))
        return found.all()

    async def list_pinned(self, channel_id: UUID, before: UUID | None, limit: int) -> Sequence[ChatMessage]:
        """Return the pinned messages of a channel, newest first, before an id."""
        statement = select(ChatMessage).where(
            ChatMessage.channel_id == channel_id, ChatMessage.pinned_by.is_not(None)
        )
        if before is not None:
            statement = statement.where(ChatMessage.id < before)
        found = await self._session.scalars(statement.order_by(ChatMessage.id.desc()).limit(limit))
        return found.all()

    async def overlong(
        self, *, more_than: int, before: UUID, after: UUID | None, limit: int
    ) -> Sequence[UUID]:
        """Return channels with too many messages that are not archived, or with one older than an id.

        They come in their order, behind a channel. Pinned messages do not count.
        """
        statement = (
            select(ChatMessage.channel_id)
            .where(ChatMessage.archived_at.is_(None), ChatMessage.pinned_by.is_(None))
            .group_by(ChatMessage.channel_id)
            .having(or_(func.count() > more_than, func.sum(case((ChatMessage.id < before, 1), else_=0)) > 0))
            .order_by(ChatMessage.channel_id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(ChatMessage.channel_id > after)
        return (await self._session.scalars(statement)).all()

    async def marks(self, channel_id: UUID) -> dict[str, UUID]:
        """Return how far everybody has read a channel: principal id -> message id."""
        rows = await self._session.execute(
            select(ReadMark.principal_id, ReadMark.message_id).where(ReadMark.channel_id == channel_id)
        )
        return {row[0]: row[1] for row in rows}
