"""The audit log: what was done that concerns security. Entries are added and read, never changed."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import AuditEntry

AUDITED = frozenset(
    {
        "api_key",
        "channel_member",
        "connection",
        "export",
        "grant",
        "import",
        "invitation",
        "key",
        "llm_budget",
        "llm_provider",
        "member",
        "ownership",
        "page_access",
        "share_link",
        "webhook",
        "workspace",
    }
)
"""What events begin with that concern security: `storage.events` adds an entry for each."""


class Audit:
    """The entries of workspaces and of accounts."""

    def __init__(self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id

    def add(
        self,
        action: str,
        *,
        workspace_id: UUID | None = None,
        user_id: UUID | None = None,
        actor: str | None = None,
        subject: str | None = None,
        address: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Add an entry, in the transaction of what it tells."""
        self._session.add(
            AuditEntry(
                id=self._new_id(),
                workspace_id=workspace_id,
                user_id=user_id,
                action=action,
                actor=actor,
                subject=subject,
                address=address,
                details=details or {},
                created_at=self._now,
            )
        )

    async def list_of_workspace(
        self, workspace_id: UUID, *, before: UUID | None, limit: int
    ) -> Sequence[AuditEntry]:
        """Return a workspace's entries, the newest first, from behind `before` on."""
        statement = select(AuditEntry).where(AuditEntry.workspace_id == workspace_id)
        if before is not None:
            statement = statement.where(AuditEntry.id < before)
        return (await self._session.scalars(statement.order_by(AuditEntry.id.desc()).limit(limit))).all()

    async def list_of_user(self, user_id: UUID, *, before: UUID | None, limit: int) -> Sequence[AuditEntry]:
        """Return an account's entries, the newest first, from behind `before` on."""
        statement = select(AuditEntry).where(AuditEntry.user_id == user_id)
        if before is not None:
            statement = statement.where(AuditEntry.id < before)
        return (await self._session.scalars(statement.order_by(AuditEntry.id.desc()).limit(limit))).all()
