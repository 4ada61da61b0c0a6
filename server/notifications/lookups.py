"""What has to be known to tell people of a batch of events, each asked for once: a storm is few questions.

Good within one unit of work alone, whose one moment all answers are of.
"""

from collections.abc import Collection, Mapping
from uuid import UUID

from storage.audience import readers
from storage.callers import parse_document_name
from storage.models import Channel, ChannelLevel, NotificationPreference
from storage.unit_of_work import UnitOfWork


class Lookups:
    """Answers of one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow
        self._channels: dict[UUID, Channel | None] = {}
        self._levels: dict[UUID, Mapping[UUID, ChannelLevel]] = {}
        self._members: dict[UUID, Collection[UUID]] = {}
        self._threads: dict[UUID, Collection[UUID]] = {}
        self._muted: dict[str, Collection[UUID]] = {}
        self._readers: dict[tuple[UUID, str], dict[UUID, bool]] = {}
        self._preferences: dict[UUID, NotificationPreference | None] = {}
        self._actors: dict[str, UUID | None] = {}

    async def channel(self, channel_id: UUID) -> Channel | None:
        """Return a channel, or None."""
        if channel_id not in self._channels:
            self._channels[channel_id] = await self.uow.channels.get(channel_id)
        return self._channels[channel_id]

    async def levels(self, channel_id: UUID) -> Mapping[UUID, ChannelLevel]:
        """Return who has chosen something for a channel, and what."""
        if channel_id not in self._levels:
            self._levels[channel_id] = await self.uow.notification_preferences.levels_in(channel_id)
        return self._levels[channel_id]

    async def members(self, channel_id: UUID) -> Collection[UUID]:
        """Return who is in a channel that is not everybody's."""
        if channel_id not in self._members:
            found = await self.uow.channels.members([channel_id])
            self._members[channel_id] = found.get(channel_id, [])
        return self._members[channel_id]

    async def thread_people(self, channel_id: UUID, thread_id: UUID) -> Collection[UUID]:
        """Return the people who began a thread or wrote in it."""
        if thread_id not in self._threads:
            self._threads[thread_id] = await self.uow.unread.thread_people(channel_id, thread_id)
        return self._threads[thread_id]

    async def comment_people(self, page_id: UUID, thread_id: UUID) -> Collection[UUID]:
        """Return the people who wrote in a thread of comments."""
        if thread_id not in self._threads:
            self._threads[thread_id] = await self.uow.comments.people_of(page_id, thread_id)
        return self._threads[thread_id]

    async def muted(self, subject: str) -> Collection[UUID]:
        """Return who wants to hear nothing of a thing."""
        if subject not in self._muted:
            self._muted[subject] = await self.uow.notification_preferences.muted_by(subject)
        return self._muted[subject]

    async def all_readers(self, workspace_id: UUID, subject: str) -> set[UUID]:
        """Return all who may see a channel now."""
        found = await readers(self.uow, workspace_id, subject, None)
        self._readers.setdefault((workspace_id, subject), {}).update(dict.fromkeys(found, True))
        return found

    async def readers(self, workspace_id: UUID, subject: str, people: Collection[UUID]) -> set[UUID]:
        """Return which of these people may see a thing now."""
        known = self._readers.setdefault((workspace_id, subject), {})
        unknown = {user_id for user_id in people if user_id not in known}
        if unknown:
            found = await readers(self.uow, workspace_id, subject, unknown)
            known.update({user_id: user_id in found for user_id in unknown})
        return {user_id for user_id in people if known[user_id]}

    async def preferences(self, people: Collection[UUID]) -> Mapping[UUID, NotificationPreference | None]:
        """Return what these people have chosen; None for who has not."""
        unknown = [user_id for user_id in people if user_id not in self._preferences]
        if unknown:
            found = await self.uow.notification_preferences.of_users(unknown)
            self._preferences.update({user_id: found.get(user_id) for user_id in unknown})
        return self._preferences

    async def person_of(self, principal: str | None) -> UUID | None:
        """Return the person who acts, also by a key of theirs; None for anybody else."""
        match parse_document_name(principal or ""):
            case ("user", user_id):
                return user_id
            case ("key", key_id) if principal is not None:
                if principal not in self._actors:
                    self._actors[principal] = await self.uow.api_keys.person_of(key_id)
                return self._actors[principal]
            case _:
                return None
