"""Invitations: sent, sent again, accepted, revoked."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Invitation, Role, User, Workspace


class Invitations:
    """Invitations by id and address. One is open while it is neither accepted nor revoked."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def create(
        self,
        invitation_id: UUID,
        workspace_id: UUID,
        *,
        email: str,
        role: Role,
        token_hash: str,
        invited_by_user_id: UUID,
        expires_at: datetime,
    ) -> Invitation:
        """Add an invitation. A second open one for an address makes the unit fail with `ConstraintError`."""
        invitation = Invitation(
            id=invitation_id,
            workspace_id=workspace_id,
            email=email,
            role=role,
            token_hash=token_hash,
            invited_by_user_id=invited_by_user_id,
            created_at=self._now,
            sent_at=self._now,
            expires_at=expires_at,
        )
        self._session.add(invitation)
        await self._session.flush()
        return invitation

    async def get(self, workspace_id: UUID, invitation_id: UUID) -> Invitation | None:
        """Return an open invitation of a workspace."""
        return await self._session.scalar(
            select(Invitation).where(
                Invitation.id == invitation_id, Invitation.workspace_id == workspace_id, *_is_open()
            )
        )

    async def find_open(self, workspace_id: UUID, email: str) -> Invitation | None:
        """Return the open invitation of an address, expired or not."""
        return await self._session.scalar(
            select(Invitation).where(
                Invitation.workspace_id == workspace_id, Invitation.email == email, *_is_open()
            )
        )

    async def find_standing(self, invitation_id: UUID) -> tuple[Invitation, Workspace, User] | None:
        """Return an open invitation that has not expired, its workspace and who invites."""
        row = (
            await self._session.execute(
                select(Invitation, Workspace, User)
                .join(Workspace, Workspace.id == Invitation.workspace_id)
                .join(User, User.id == Invitation.invited_by_user_id)
                .where(Invitation.id == invitation_id, Invitation.expires_at > self._now, *_is_open())
            )
        ).one_or_none()
        return (row[0], row[1], row[2]) if row else None

    async def list_open(self, workspace_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Invitation]:
        """Return the open invitations, expired or not, oldest first, behind `after`."""
        statement = (
            select(Invitation)
            .where(Invitation.workspace_id == workspace_id, *_is_open())
            .order_by(Invitation.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(Invitation.id > after)
        return (await self._session.scalars(statement)).all()

    async def send_again(self, invitation: Invitation, token_hash: str, expires_at: datetime) -> None:
        """Replace the token, so that the earlier mail is good for nothing."""
        invitation.token_hash = token_hash
        invitation.sent_at = self._now
        invitation.expires_at = expires_at
        await self._session.flush()

    async def accept(self, invitation: Invitation) -> None:
        """Note that it was accepted."""
        invitation.accepted_at = self._now
        await self._session.flush()

    async def revoke(self, invitation: Invitation) -> None:
        """End an invitation."""
        invitation.revoked_at = self._now
        await self._session.flush()


def _is_open() -> tuple[ColumnElement[bool], ...]:
    return Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None)
