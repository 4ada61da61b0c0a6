"""What was done that concerns security, for those who have to answer for it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class AuditEntry(Model, kw_only=True):
    """One act, in a workspace or on an account; never changed. Ids are in the order of the acts."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "workspace_id", "id"), Index(None, "user_id", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), default=None
    )
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), default=None)
    """Whose account it concerns; None for an act in a workspace."""
    action: Mapped[str]
    actor: Mapped[str | None] = mapped_column(default=None)
    subject: Mapped[str | None] = mapped_column(default=None)
    address: Mapped[str | None] = mapped_column(default=None)
    details: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    created_at: Mapped[datetime]
