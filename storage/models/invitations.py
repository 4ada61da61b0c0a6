"""Invitations into workspaces, by a mailed link."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, partial_index
from storage.models.workspaces import Role

_OPEN = text("accepted_at IS NULL AND revoked_at IS NULL")


class Invitation(Model, kw_only=True):
    """An invitation to whoever reads the mail of an address. Of the mailed token only a hash is stored."""

    __tablename__ = "invitations"
    __table_args__ = (
        Index(None, "workspace_id", "id"),
        # Of two for one address, one would go on working when the other is revoked.
        partial_index("uq_invitations_open", "workspace_id", "email", unique=True, where=_OPEN),
        CheckConstraint("role IN ('owner', 'admin', 'member', 'guest')", name="role_known"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    email: Mapped[str]
    role: Mapped[Role] = mapped_column(Text)
    token_hash: Mapped[str] = mapped_column(repr=False)
    invited_by_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
