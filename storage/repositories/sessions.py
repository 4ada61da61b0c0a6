"""Signed-in devices: refresh families, their rotation and their end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.looks import Look
from storage.models import Membership, Page, Session, User
from storage.repositories.access_changes import AccessChanges

_IS_STANDING = (
    Session.id == bindparam("session_id"),
    Session.revoked_at.is_(None),
    Session.expires_at > bindparam("now", type_=Session.expires_at.type),
    User.deactivated_at.is_(None),
)

STANDING = Look(
    select(User.id, User.name, User.profile_info, Session.refresh_token_hash, Session.expires_at)
    .join(Session, Session.user_id == User.id)
    .where(*_IS_STANDING)
)
"""The person of a session that stands, which every request asks for: id, name, profile; and of the session
the hash of its token and when it ends."""

STANDING_BEFORE_PAGE = Look(
    select(User.id, User.name, User.profile_info, Page.access_root_id, Membership.role)
    .join(Session, Session.user_id == User.id)
    .join(Page, Page.id == bindparam("page_id"))
    .join(Membership, and_(Membership.workspace_id == Page.workspace_id, Membership.user_id == User.id))
    .where(*_IS_STANDING, Page.trashed_at.is_(None))
)
"""Likewise for a page of a workspace that they are a member of, which nearly every join asks for: id, name,
profile; the page's root of restricted access; and their role."""

RevocationReason = Literal["logout", "reuse", "revoked", "password", "deactivated"]


class Sessions:
    """Sessions by id. A session stands while it is neither revoked nor expired."""

    def __init__(self, session: AsyncSession, now: datetime, access_changes: AccessChanges) -> None:
        self._session = session
        self._now = now
        self._access_changes = access_changes

    async def create(
        self,
        session_id: UUID,
        user_id: UUID,
        *,
        refresh_token_hash: str,
        user_agent: str,
        address: str,
        expires_at: datetime,
    ) -> Session:
        """Add a session with its first refresh token."""
        row = Session(
            id=session_id,
            user_id=user_id,
            refresh_token_hash=refresh_token_hash,
            user_agent=user_agent,
            address=address,
            created_at=self._now,
            last_used_at=self._now,
            expires_at=expires_at,
        )
        self._session.add(row)
        await self._session.flush()
        return row

    async def get(self, session_id: UUID) -> Session | None:
        """Return a session, standing or not."""
        return await self._session.get(Session, session_id)

    async def find_standing(self, session_id: UUID) -> User | None:
        """Return the user of a session that stands, or None."""
        return await self._session.scalar(
            select(User).join(Session, Session.user_id == User.id).where(*_IS_STANDING),
            {"session_id": session_id, "now": self._now},
        )

    async def rotate(self, session_id: UUID, *, old_hash: str, new_hash: str, expires_at: datetime) -> bool:
        """Replace the refresh token if `old_hash` is the present one and the session stands.

        One statement decides, so that of two uses of one token only one can win.
        """
        changed = await self._session.scalar(
            update(Session)
            .where(
                Session.id == session_id,
                Session.refresh_token_hash == old_hash,
                Session.revoked_at.is_(None),
                Session.expires_at > self._now,
            )
            .values(refresh_token_hash=new_hash, last_used_at=self._now, expires_at=expires_at)
            .returning(Session.id)
        )
        return changed is not None

    async def list_standing(self, user_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Session]:
        """Return a user's sessions that stand, oldest first, behind `after`."""
        statement = (
            select(Session)
            .where(Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > self._now)
            .order_by(Session.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(Session.id > after)
        return (await self._session.scalars(statement)).all()

    async def revoke_all(self, user_id: UUID, reason: RevocationReason, *, but: UUID | None = None) -> int:
        """End all sessions of a user, or all but one; return how many those were."""
        statement = (
            update(Session)
            .where(Session.user_id == user_id, Session.revoked_at.is_(None))
            .values(revoked_at=self._now, revoked_reason=reason)
            .returning(Session.id)
        )
        if but is not None:
            statement = statement.where(Session.id != but)
        ended = (await self._session.scalars(statement)).all()
        if ended:
            self._access_changes.note(f"user:{user_id}")
        return len(ended)

    async def revoke(self, session_id: UUID, reason: RevocationReason) -> bool:
        """End a session; False when it had ended, or never was."""
        user_id = await self._session.scalar(
            update(Session)
            .where(Session.id == session_id, Session.revoked_at.is_(None))
            .values(revoked_at=self._now, revoked_reason=reason)
            .returning(Session.user_id)
        )
        if user_id is None:
            return False
        self._access_changes.note(f"user:{user_id}")
        return True
