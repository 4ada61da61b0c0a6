"""API keys: making, finding, ending them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import ApiKey, User
from storage.repositories.access_changes import AccessChanges

USE_NOTED_EVERY = timedelta(minutes=1)
"""A key that is used all the time costs a write no more often than this."""


class ApiKeys:
    """Keys by id. A key stands while it is neither revoked nor expired and its person's account stands."""

    def __init__(self, session: AsyncSession, now: datetime, access_changes: AccessChanges) -> None:
        self._session = session
        self._now = now
        self._access_changes = access_changes

    async def create(
        self,
        key_id: UUID,
        workspace_id: UUID,
        user_id: UUID,
        *,
        name: str,
        scopes: Sequence[str],
        secret_hash: str,
        last_characters: str,
        expires_at: datetime | None,
    ) -> ApiKey:
        """Add a key."""
        key = ApiKey(
            id=key_id,
            workspace_id=workspace_id,
            user_id=user_id,
            name=name,
            secret_hash=secret_hash,
            last_characters=last_characters,
            scopes=list(scopes),
            created_at=self._now,
            expires_at=expires_at,
        )
        self._session.add(key)
        await self._session.flush()
        return key

    async def person_of(self, key_id: UUID) -> UUID | None:
        """Return whose a key is, or was."""
        return await self._session.scalar(select(ApiKey.user_id).where(ApiKey.id == key_id))

    async def get(self, workspace_id: UUID, key_id: UUID) -> ApiKey | None:
        """Return a workspace's key, standing or not."""
        return await self._session.scalar(
            select(ApiKey).where(ApiKey.id == key_id, ApiKey.workspace_id == workspace_id)
        )

    async def find_standing(self, key_id: UUID) -> tuple[ApiKey, User] | None:
        """Return a key that stands, with its person, or None."""
        row = (
            await self._session.execute(
                select(ApiKey, User)
                .join(User, User.id == ApiKey.user_id)
                .where(
                    ApiKey.id == key_id,
                    ApiKey.revoked_at.is_(None),
                    or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > self._now),
                    User.deactivated_at.is_(None),
                )
            )
        ).one_or_none()
        return (row[0], row[1]) if row else None

    async def list_of_workspace(
        self, workspace_id: UUID, *, of_user: UUID | None, after: UUID | None, limit: int
    ) -> Sequence[ApiKey]:
        """Return the keys that are not revoked, of one person or all, oldest first, behind `after`."""
        statement = (
            select(ApiKey)
            .where(ApiKey.workspace_id == workspace_id, ApiKey.revoked_at.is_(None))
            .order_by(ApiKey.id)
            .limit(limit)
        )
        if of_user is not None:
            statement = statement.where(ApiKey.user_id == of_user)
        if after is not None:
            statement = statement.where(ApiKey.id > after)
        return (await self._session.scalars(statement)).all()

    def is_use_due(self, key: ApiKey) -> bool:
        """Tell whether it is time to note again that a key is used."""
        return key.last_used_at is None or key.last_used_at <= self._now - USE_NOTED_EVERY

    async def note_use(self, key_id: UUID) -> None:
        """Note that a key is used, unless that has just been noted."""
        due = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= self._now - USE_NOTED_EVERY)
        await self._session.execute(
            update(ApiKey)
            .where(ApiKey.id == key_id, due)
            .values(last_used_at=self._now)
            .execution_options(synchronize_session=False)
        )

    async def revoke(self, key: ApiKey) -> None:
        """End a key."""
        key.revoked_at = self._now
        self._access_changes.note(f"key:{key.id}")
        await self._session.flush()

    async def revoke_of_member(self, workspace_id: UUID, user_id: UUID) -> None:
        """End the keys of somebody who leaves a workspace."""
        await self._revoke_all(ApiKey.workspace_id == workspace_id, ApiKey.user_id == user_id)

    async def revoke_of_user(self, user_id: UUID) -> None:
        """End all keys of somebody."""
        await self._revoke_all(ApiKey.user_id == user_id)

    async def _revoke_all(self, *chosen: ColumnElement[bool]) -> None:
        revoked = await self._session.scalars(
            update(ApiKey)
            .where(*chosen, ApiKey.revoked_at.is_(None))
            .values(revoked_at=self._now)
            .returning(ApiKey.id)
            .execution_options(synchronize_session=False)
        )
        self._access_changes.note(*(f"key:{key_id}" for key_id in revoked))
