"""Who may do what with a page, beyond what the workspace's roles say: grants to people, and share links."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model

GrantLevel = Literal["read", "comment", "write", "manage"]
LinkLevel = Literal["read", "comment", "write"]


class PageGrant(Model, kw_only=True):
    """A person's level on a page and on what lies below it, down to pages that are restricted themselves."""

    __tablename__ = "page_grants"
    __table_args__ = (
        CheckConstraint("level IN ('read', 'comment', 'write', 'manage')", name="level_known"),
        Index(None, "user_id", "page_id"),
    )

    page_id: Mapped[UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    level: Mapped[GrantLevel] = mapped_column(Text)
    created_at: Mapped[datetime]


class ShareLink(Model, kw_only=True):
    """A link to a page for whoever has it. Of its secret and its password only hashes are stored."""

    __tablename__ = "share_links"
    __table_args__ = (
        CheckConstraint("level IN ('read', 'comment', 'write')", name="level_known"),
        Index(None, "page_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    page_id: Mapped[UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    level: Mapped[LinkLevel] = mapped_column(Text)
    secret_hash: Mapped[str] = mapped_column(repr=False)
    password_hash: Mapped[str | None] = mapped_column(repr=False, default=None)
    created_by_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
