"""How people want to be told, and what they want to hear nothing of."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import (
    ChannelLevel,
    ChannelPreference,
    NotificationMute,
    NotificationPreference,
)

_IDS = 1000
"""Of one statement."""


class NotificationPreferences:
    """Preferences and mutes by person."""

    def __init__(self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id

    async def get(self, user_id: UUID) -> NotificationPreference:
        """Return what somebody has chosen, or what holds for everybody; it may be changed."""
        found = await self._session.get(NotificationPreference, user_id)
        if found is None:
            found = NotificationPreference(user_id=user_id)
        return found

    async def save(self, preference: NotificationPreference) -> None:
        """Keep what was chosen."""
        self._session.add(preference)
        await self._session.flush()

    async def of_users(self, user_ids: Collection[UUID]) -> dict[UUID, NotificationPreference]:
        """Return what those of these people have chosen who did."""
        found: dict[UUID, NotificationPreference] = {}
        for some in _parts(user_ids):
            rows = await self._session.scalars(
                select(NotificationPreference).where(NotificationPreference.user_id.in_(some))
            )
            found.update((row.user_id, row) for row in rows)
        return found

    async def channels_of(self, user_id: UUID) -> dict[UUID, ChannelLevel]:
        """Return what somebody has chosen for channels."""
        rows = await self._session.scalars(
            select(ChannelPreference)
            .where(ChannelPreference.user_id == user_id)
            .order_by(ChannelPreference.channel_id)
        )
        return {row.channel_id: row.level for row in rows}

    async def set_channels(self, user_id: UUID, levels: Mapping[UUID, ChannelLevel]) -> None:
        """Replace what somebody has chosen for channels."""
        await self._session.execute(delete(ChannelPreference).where(ChannelPreference.user_id == user_id))
        self._session.add_all(
            ChannelPreference(user_id=user_id, channel_id=channel_id, level=level)
            for channel_id, level in levels.items()
        )
        await self._session.flush()

    async def levels_in(self, channel_id: UUID) -> dict[UUID, ChannelLevel]:
        """Return who has chosen something for a channel, and what."""
        rows = await self._session.execute(
            select(ChannelPreference.user_id, ChannelPreference.level).where(
                ChannelPreference.channel_id == channel_id
            )
        )
        return {row[0]: row[1] for row in rows}

    async def muted_by(self, document: str) -> set[UUID]:
        """Return who wants to hear nothing of a document now."""
        rows = await self._session.scalars(
            select(NotificationMute.user_id).where(NotificationMute.document == document, *_still(self._now))
        )
        return set(rows.all())

    async def muted_of(self, user_id: UUID, documents: Collection[str]) -> set[str]:
        """Return which of the documents somebody wants to hear nothing of now."""
        rows = await self._session.scalars(
            select(NotificationMute.document).where(
                NotificationMute.user_id == user_id,
                NotificationMute.document.in_(documents),
                *_still(self._now),
            )
        )
        return set(rows.all())

    async def list_mutes(self, user_id: UUID, *, after: str | None, limit: int) -> Sequence[NotificationMute]:
        """Return somebody's mutes in the order of the documents' names, behind `after`."""
        statement = (
            select(NotificationMute)
            .where(NotificationMute.user_id == user_id)
            .order_by(NotificationMute.document)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(NotificationMute.document > after)
        return (await self._session.scalars(statement)).all()

    async def mute(self, user_id: UUID, document: str, until: datetime | None) -> NotificationMute:
        """Mute a document until a time, or for good; one that is muted is from now on muted like this."""
        found = await self._session.scalar(
            select(NotificationMute).where(
                NotificationMute.user_id == user_id, NotificationMute.document == document
            )
        )
        if found is None:
            found = NotificationMute(
                id=self._new_id(), user_id=user_id, document=document, created_at=self._now
            )
            self._session.add(found)
        found.until = until
        await self._session.flush()
        return found

    async def unmute(self, user_id: UUID, mute_id: UUID) -> bool:
        """End a mute; False where somebody has none of this id."""
        found = await self._session.get(NotificationMute, mute_id)
        if found is None or found.user_id != user_id:
            return False
        await self._session.delete(found)
        await self._session.flush()
        return True


def _still(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (or_(NotificationMute.until.is_(None), NotificationMute.until > now),)


def _parts(ids: Collection[UUID]) -> Iterator[Sequence[UUID]]:
    listed = list(ids)
    for start in range(0, len(listed), _IDS):
        yield listed[start : start + _IDS]
