"""The rows of messages in channels, of whom they mention, and of how far people have read."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import ChatMessage, MessageMention, ReadMark, some_of, table_of
from storage.repositories.among import in_parts

# Asked again and again about channels that people write in, so they are built once.
_messages, _mentions, _marks = table_of(ChatMessage).c, table_of(MessageMention).c, table_of(ReadMark).c
_KNOWN = select(_messages.id, _messages.digest).where(
    _messages.channel_id == bindparam("channel_id"), _messages.archived_at.is_(None)
)
_SOME_KNOWN = _KNOWN.where(_messages.id.in_(some_of("ids")))
_REMOVE = delete(table_of(ChatMessage)).where(
    _messages.channel_id == bindparam("channel_id"), _messages.id.in_(some_of("ids"))
)
_REMOVE_MENTIONS = delete(table_of(MessageMention)).where(
    _mentions.channel_id == bindparam("channel_id"), _mentions.message_id.in_(some_of("ids"))
)
_REMOVE_MARKS = delete(table_of(ReadMark)).where(
    _marks.channel_id == bindparam("channel_id"), _marks.principal_id.in_(some_of("whose"))
)


class ProjectedMessages:
    """The tables `chat_messages`, `message_mentions` and `read_marks`; whoever writes what is in the
    document, too, has claimed the channel's projection."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def known(self, channel_id: UUID, ids: Collection[UUID] | None = None) -> dict[str, bytes]:
        """Return the digests of a channel's messages, or of some, by their ids, without archived ones."""
        known: dict[str, bytes] = {}
        for some in [None] if ids is None else in_parts(ids):
            chosen = _KNOWN if some is None else _SOME_KNOWN
            values = {"channel_id": channel_id} | ({} if some is None else {"ids": some})
            known |= {str(row[0]): row[1] for row in await self._session.execute(chosen, values)}
        return known

    async def marks(self, channel_id: UUID) -> dict[str, UUID]:
        """Return how far everybody has read a channel."""
        rows = await self._session.execute(
            select(ReadMark.principal_id, ReadMark.message_id).where(ReadMark.channel_id == channel_id)
        )
        return {row[0]: row[1] for row in rows}

    async def find(self, channel_id: UUID, ids: Collection[UUID]) -> dict[UUID, ChatMessage]:
        """Return messages of a channel by their ids, as they are."""
        found = await self._session.scalars(
            select(ChatMessage)
            .where(ChatMessage.channel_id == channel_id, ChatMessage.id.in_(ids))
            .execution_options(populate_existing=True)
        )
        return {message.id: message for message in found}

    async def archived(self, channel_id: UUID, *, after: UUID | None, limit: int) -> Sequence[ChatMessage]:
        """Return archived messages of a channel by id, behind `after`."""
        statement = (
            select(ChatMessage)
            .where(ChatMessage.channel_id == channel_id, ChatMessage.archived_at.is_not(None))
            .order_by(ChatMessage.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(ChatMessage.id > after)
        return (await self._session.scalars(statement)).all()

    async def replace_mentions(
        self, channel_id: UUID, message_ids: Collection[UUID], mentions: Sequence[MessageMention]
    ) -> None:
        """Write whom some messages of a channel mention, and nobody else."""
        for some in in_parts(message_ids):
            await self._session.execute(_REMOVE_MENTIONS, {"channel_id": channel_id, "ids": some})
        self._session.add_all(mentions)
        await self._session.flush()

    async def replace(
        self,
        channel_id: UUID,
        before: Collection[UUID],
        messages: Sequence[dict[str, Any]],
        mentions: Sequence[MessageMention],
    ) -> None:
        """Write messages of a channel, by columns, with all their mentions; `before` are those it had."""
        await self.remove(channel_id, before)
        if messages:
            await self._session.execute(insert(ChatMessage), messages)
        self._session.add_all(mentions)
        await self._session.flush()

    async def remove(self, channel_id: UUID, ids: Collection[UUID]) -> None:
        """Remove messages of a channel with their mentions."""
        for some in in_parts(ids):
            await self._session.execute(_REMOVE, {"channel_id": channel_id, "ids": some})
            await self._session.execute(_REMOVE_MENTIONS, {"channel_id": channel_id, "ids": some})

    async def replace_marks(self, channel_id: UUID, marks: Mapping[str, UUID]) -> None:
        """Write how far some people have read a channel."""
        for some in in_parts(marks):
            await self._session.execute(_REMOVE_MARKS, {"channel_id": channel_id, "whose": some})
        self._session.add_all(
            ReadMark(channel_id=channel_id, principal_id=who, message_id=mark) for who, mark in marks.items()
        )
        await self._session.flush()

    async def take_back_mark(self, channel_id: UUID, principal_id: str, to: UUID, *, seen: UUID) -> None:
        """Move a mark back to a message, unless somebody has read on beyond `seen` meanwhile."""
        await self._session.execute(
            update(ReadMark)
            .where(
                ReadMark.channel_id == channel_id,
                ReadMark.principal_id == principal_id,
                ReadMark.message_id > to,
                ReadMark.message_id <= seen,
            )
            .values(message_id=to)
            .execution_options(synchronize_session=False)
        )

    async def archive(self, channel_id: UUID, ids: Collection[UUID]) -> Sequence[UUID]:
        """Let rows outlive their messages in the document; return the ids of those that there are."""
        archived: list[UUID] = []
        for some in in_parts(ids):
            found = await self._session.scalars(
                update(ChatMessage)
                .where(ChatMessage.channel_id == channel_id, ChatMessage.id.in_(some))
                .values(archived_at=func.coalesce(ChatMessage.archived_at, self._now))
                .returning(ChatMessage.id)
                .execution_options(synchronize_session=False)
            )
            archived += found
        return archived
