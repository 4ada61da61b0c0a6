"""Chat dock channels and who is in the private ones."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Channel, ChannelMember, ChannelType, Membership, Role, User
from storage.repositories.access_changes import AccessChanges
from storage.repositories.among import select_among


class Channels:
    """Channels by id and by workspace."""

    def __init__(
        self,
        session: AsyncSession,
        now: datetime,
        new_id: Callable[[], UUID],
        access_changes: AccessChanges,
    ) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id
        self._access_changes = access_changes

    async def create(
        self,
        workspace_id: UUID,
        *,
        name: str,
        type: ChannelType,
        description: str | None,
        created_by_user_id: UUID,
        members: Sequence[UUID] = (),
    ) -> Channel:
        """Add a channel; `members` are the people in a private one."""
        channel = Channel(
            id=self._new_id(),
            workspace_id=workspace_id,
            name=name,
            type=type,
            description=description,
            created_by_user_id=created_by_user_id,
            dm_key=_dm_key(members) if type == "dm" else None,
            created_at=self._now,
            updated_at=self._now,
        )
        self._session.add(channel)
        await self._session.flush()
        self._session.add_all(ChannelMember(channel_id=channel.id, user_id=user_id) for user_id in members)
        await self._session.flush()
        return channel

    async def get(self, channel_id: UUID) -> Channel | None:
        """Return a channel, or None."""
        return await self._session.get(Channel, channel_id)

    async def readers(
        self,
        workspace_id: UUID,
        channel_id: UUID,
        user_ids: Collection[UUID] | None,
        *,
        roles: Collection[Role],
    ) -> set[UUID]:
        """Return which of these people, or of all, see a channel: active members with one of the roles."""
        statement = (
            select(Membership.user_id)
            .join(Channel, Channel.workspace_id == Membership.workspace_id)
            .join(User, User.id == Membership.user_id)
            .outerjoin(
                ChannelMember,
                and_(ChannelMember.channel_id == Channel.id, ChannelMember.user_id == Membership.user_id),
            )
            .where(
                Channel.id == channel_id,
                Membership.workspace_id == workspace_id,
                Membership.role.in_(roles),
                User.deactivated_at.is_(None),
                or_(Channel.type == "public", ChannelMember.user_id.is_not(None)),
            )
        )
        return await select_among(self._session, statement, Membership.user_id, user_ids)

    async def visible_anywhere(self, user_id: UUID, channel_ids: Collection[UUID]) -> set[UUID]:
        """Return which of the channels, of whatever workspace, somebody sees."""
        statement = (
            select(Channel.id)
            .join(Membership, Membership.workspace_id == Channel.workspace_id)
            .outerjoin(ChannelMember, _is_in_channel(user_id))
            .where(
                Membership.user_id == user_id,
                or_(Channel.type == "public", ChannelMember.user_id.is_not(None)),
            )
        )
        return await select_among(self._session, statement, Channel.id, channel_ids)

    async def find_direct_message(self, workspace_id: UUID, members: Sequence[UUID]) -> Channel | None:
        """Return the direct conversation of these people."""
        return await self._session.scalar(
            select(Channel).where(Channel.workspace_id == workspace_id, Channel.dm_key == _dm_key(members))
        )

    async def change(self, channel: Channel) -> None:
        """Write the fields that were set on a channel."""
        channel.updated_at = self._now
        await self._session.flush()

    async def archive(self, channel: Channel) -> None:
        """Let a channel be read only: who has its document open is told."""
        channel.archived_at = self._now
        self._access_changes.note(f"channel:{channel.id}")
        await self.change(channel)

    async def bring_back(self, channel: Channel) -> None:
        """Let a channel that was archived be written again."""
        channel.archived_at = None
        self._access_changes.note(f"channel:{channel.id}")
        await self.change(channel)

    async def add_member(self, channel_id: UUID, user_id: UUID) -> bool:
        """Put somebody into a private channel; False for one who is in it."""
        if await self._session.get(ChannelMember, (channel_id, user_id)):
            return False
        self._session.add(ChannelMember(channel_id=channel_id, user_id=user_id))
        await self._access_changes.note_user(user_id)
        await self._session.flush()
        return True

    async def remove_member(self, channel_id: UUID, user_id: UUID) -> bool:
        """Take somebody out of a private channel; False for one who is not in it."""
        member = await self._session.get(ChannelMember, (channel_id, user_id))
        if member is None:
            return False
        await self._session.delete(member)
        await self._access_changes.note_user(user_id)
        await self._session.flush()
        return True

    async def find_with_role(self, channel_id: UUID, user_id: UUID) -> tuple[Channel, Role, bool] | None:
        """Return a channel, the user's role in its workspace and whether they are in the channel.

        None for somebody who is not in the workspace.
        """
        row = (
            await self._session.execute(
                select(Channel, Membership.role, ChannelMember)
                .join(Membership, Membership.workspace_id == Channel.workspace_id)
                .outerjoin(ChannelMember, _is_in_channel(user_id))
                .where(Channel.id == channel_id, Membership.user_id == user_id)
            )
        ).one_or_none()
        return (row[0], row[1], cast("ChannelMember | None", row[2]) is not None) if row else None

    async def list_visible(
        self,
        workspace_id: UUID,
        user_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        are_archived: bool = False,
    ) -> Sequence[Channel]:
        """Return the public channels and those the user is in, oldest first, behind `after`.

        Those that are archived are a list of their own.
        """
        statement = (
            select(Channel)
            .outerjoin(ChannelMember, _is_in_channel(user_id))
            .where(
                Channel.workspace_id == workspace_id,
                or_(Channel.type == "public", ChannelMember.user_id.is_not(None)),
                Channel.archived_at.is_not(None) if are_archived else Channel.archived_at.is_(None),
            )
            .order_by(Channel.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(Channel.id > after)
        return (await self._session.scalars(statement)).all()

    async def visible(
        self, workspace_id: UUID, user_id: UUID, channel_ids: Collection[UUID]
    ) -> Sequence[UUID]:
        """Return which of the channels are in a workspace, and public or with the user in it."""
        found = await self._session.scalars(
            select(Channel.id)
            .outerjoin(ChannelMember, _is_in_channel(user_id))
            .where(
                Channel.workspace_id == workspace_id,
                Channel.id.in_(channel_ids),
                or_(Channel.type == "public", ChannelMember.user_id.is_not(None)),
            )
        )
        return found.all()

    async def members(self, channel_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
        """Return who is in each of the channels; public ones have no list."""
        rows = await self._session.scalars(
            select(ChannelMember)
            .where(ChannelMember.channel_id.in_(channel_ids))
            .order_by(ChannelMember.user_id)
        )
        found: dict[UUID, list[UUID]] = {}
        for row in rows:
            found.setdefault(row.channel_id, []).append(row.user_id)
        return found

    async def remove_from_all(self, workspace_id: UUID, user_id: UUID) -> None:
        """Take somebody who leaves a workspace out of its private channels."""
        rows = await self._session.scalars(
            select(ChannelMember)
            .join(Channel, Channel.id == ChannelMember.channel_id)
            .where(Channel.workspace_id == workspace_id, ChannelMember.user_id == user_id)
        )
        for row in rows:
            await self._session.delete(row)
        await self._session.flush()


def _dm_key(members: Sequence[UUID]) -> str:
    return ",".join(sorted(map(str, members)))


def _is_in_channel(user_id: UUID) -> ColumnElement[bool]:
    return and_(ChannelMember.channel_id == Channel.id, ChannelMember.user_id == user_id)
