"""What was said in channels, as those need it who tell people of it. Reads projections, writes nothing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Select, Uuid, and_, func, literal, or_, select, union, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Channel, ChannelMember, ChatMessage, Membership, ReadMark

MOST_CHANNELS = 500
"""Channels that are counted for one person, the newest ones."""

_AT_ONCE = 250
"""Channels in one statement: more than a part of a list has; SQLite joins 500 at most."""


class Unread:
    """Threads, and what somebody has not read."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def thread_people(self, channel_id: UUID, thread_id: UUID) -> set[UUID]:
        """Return the people who began a thread or wrote in it."""
        there = (ChatMessage.channel_id == channel_id, ChatMessage.deleted.is_(False))
        senders = await self._session.scalars(
            union(
                select(ChatMessage.sender_id).where(*there, ChatMessage.id == thread_id),
                select(ChatMessage.sender_id).where(*there, ChatMessage.thread_id == thread_id),
            )
        )
        return {UUID(sender.removeprefix("user:")) for sender in senders if sender.startswith("user:")}

    async def messages(self, user_id: UUID, most: int) -> dict[UUID, int]:
        """Return the channels where somebody has unread messages, with how many, counted to `most`.

        Unread are the messages of others behind one's mark that are not deleted. Whoever has no mark yet has
        read what was there before they came to the workspace.
        """
        principal = f"user:{user_id}"
        newest = _channels(user_id, principal).order_by(Channel.id.desc()).limit(MOST_CHANNELS)
        bounds = await self._bounds(newest)
        counts = await self._count(bounds, principal, most)
        return {channel_id: count for channel_id, count in counts.items() if count}

    async def list_channels(
        self,
        workspace_id: UUID,
        user_id: UUID,
        principal_id: str,
        *,
        after: UUID | None,
        limit: int,
        most: int,
    ) -> Sequence[tuple[UUID, UUID | None, int]]:
        """Return channels that somebody sees, in their order, with their mark and how many are unread there.

        The marks are those of `principal_id`, which is the person or a key of theirs.
        """
        statement = _channels(user_id, principal_id).where(Channel.workspace_id == workspace_id)
        if after is not None:
            statement = statement.where(Channel.id > after)
        bounds = await self._bounds(statement.order_by(Channel.id).limit(limit))
        counts = await self._count(bounds, principal_id, most)
        return [(one.channel_id, one.mark, counts[one.channel_id]) for one in bounds]

    async def _bounds(self, statement: Select[UUID, UUID, datetime]) -> Sequence["_Bound"]:
        rows = await self._session.execute(statement)
        return [_Bound(row[0], row[1], row[1] or _first_id(row[2])) for row in rows]

    async def _count(self, bounds: Sequence["_Bound"], principal: str, most: int) -> dict[UUID, int]:
        found: dict[UUID, int] = {}
        for start in range(0, len(bounds), _AT_ONCE):
            parts = [_count(one, principal, most) for one in bounds[start : start + _AT_ONCE]]
            rows = await self._session.execute(union_all(*parts))
            found.update((channel_id, count) for channel_id, count in rows)
        return found


class _Bound(msgspec.Struct, frozen=True):
    """How far somebody has read a channel: unread is what comes behind `read_up_to`."""

    channel_id: UUID
    mark: UUID | None
    read_up_to: UUID


def _channels(user_id: UUID, principal_id: str) -> Select[UUID, UUID, datetime]:
    """Return a statement over the channels in somebody's list: id, their mark, when they came."""
    return (
        select(Channel.id, ReadMark.message_id, Membership.created_at)
        .join(Membership, Membership.workspace_id == Channel.workspace_id)
        .outerjoin(
            ChannelMember, and_(ChannelMember.channel_id == Channel.id, ChannelMember.user_id == user_id)
        )
        .outerjoin(ReadMark, and_(ReadMark.channel_id == Channel.id, ReadMark.principal_id == principal_id))
        .where(
            Membership.user_id == user_id,
            Channel.archived_at.is_(None),
            or_(Channel.type == "public", ChannelMember.user_id.is_not(None)),
        )
    )


def _count(bound: _Bound, principal: str, most: int) -> Select[UUID, int]:
    some = (
        select(ChatMessage.id)
        .where(
            ChatMessage.channel_id == bound.channel_id,
            ChatMessage.id > bound.read_up_to,
            ChatMessage.sender_id != principal,
            ChatMessage.deleted.is_(False),
        )
        .order_by(ChatMessage.id)
        .limit(most)
        .subquery()
    )
    return select(literal(bound.channel_id, Uuid()), func.count()).select_from(some)


def _first_id(moment: datetime) -> UUID:
    """Return a lower bound of the UUIDv7 that are made from a moment on."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
