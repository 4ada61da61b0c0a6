"""Changes of access, noted in the transaction that makes them, read by every process that serves sockets."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.looks import Look
from storage.models import AccessChange, ApiKey

NOTED = Look(
    select(AccessChange.id, AccessChange.target).where(AccessChange.created_at >= bindparam("since"))
)
"""What was noted `since` a time: ids and targets."""


class AccessChanges:
    """What has changed lately. Repositories that change access note it, so that no caller forgets."""

    def __init__(self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id

    def note(self, *targets: str) -> None:
        """Note that the access of these principals, or to these documents, is to be decided anew."""
        self._session.add_all(
            AccessChange(id=self._new_id(), target=target, created_at=self._now) for target in targets
        )

    def note_run(self, run_id: UUID) -> None:
        """Note that a run of an agent has ended, or was told to: its open peers are to leave."""
        self.note(f"run:{run_id}")

    async def note_user(self, user_id: UUID) -> None:
        """Note that what somebody may do has changed, and with it what their keys may."""
        keys = await self._session.scalars(
            select(ApiKey.id).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
        )
        self.note(f"user:{user_id}", *(f"key:{key_id}" for key_id in keys))

    async def forget_older_than(self, age: timedelta) -> None:
        """Remove what every process has read long ago."""
        await self._session.execute(delete(AccessChange).where(AccessChange.created_at < self._now - age))
