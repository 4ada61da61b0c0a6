"""What was said in channels, as those need it who tell people of it. Reads projections, writes nothing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, func, literal, or_, select, union, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Channel, ChannelMember, ChatMessage, Membership, ReadMark

MOST_CHANNELS = 500
"""Channels that are counted for one person, the newest ones."""

_AT_ONCE = 100
"""Channels in one statement."""


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
        """Return how many messages of others somebody has not read, by channel, and counted to `most`.

        Where they have read nothing yet, what was there before they came counts as read.
        """
        found: dict[UUID, int] = {}
        bounds = await self._bounds(user_id)
        for start in range(0, len(bounds), _AT_ONCE):
            parts = [
                _count(channel_id, bound, f"user:{user_id}", most)
                for channel_id, bound in bounds[start : start + _AT_ONCE]
            ]
            rows = await self._session.execute(union_all(*parts))
            found.update({channel_id: count for channel_id, count in rows if count})
        return found

    async def _bounds(self, user_id: UUID) -> Sequence[tuple[UUID, UUID]]:
        """Return the channels that somebody sees, each with the id up to which they have read."""
        principal = f"user:{user_id}"
        rows = await self._session.execute(
            select(Channel.id, ReadMark.message_id, Membership.created_at)
            .join(Membership, Membership.workspace_id == Channel.workspace_id)
            .outerjoin(
                ChannelMember,
                and_(ChannelMember.channel_id == Channel.id, ChannelMember.user_id == user_id),
            )
            .outerjoin(ReadMark, and_(ReadMark.channel_id == Channel.id, ReadMark.principal_id == principal))
            .where(
                Membership.user_id == user_id,
                or_(Channel.type == "public", ChannelMember.user_id.is_not(None)),
            )
            .order_by(Channel.id.desc())
            .limit(MOST_CHANNELS)
        )
        return [(row[0], row[1] or _first_id(row[2])) for row in rows]


def _count(channel_id: UUID, bound: UUID, principal: str, most: int) -> Select[UUID, int]:
    some = (
        select(ChatMessage.id)
        .where(
            ChatMessage.channel_id == channel_id,
            ChatMessage.id > bound,
            ChatMessage.sender_id != principal,
            ChatMessage.deleted.is_(False),
        )
        .order_by(ChatMessage.id)
        .limit(most)
        .subquery()
    )
    return select(literal(channel_id, Uuid()), func.count()).select_from(some)


def _first_id(moment: datetime) -> UUID:
    """Return a lower bound of the UUIDv7 that are made from a moment on."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
