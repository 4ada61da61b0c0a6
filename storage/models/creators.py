"""Creators: the people whose content a workspace plans and follows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, Sealed


class Creator(Model, kw_only=True):
    """A creator. The access token is sealed by `storage.vault`."""

    __tablename__ = "creators"
    __table_args__ = (Index(None, "workspace_id", "id"), Index(None, "workspace_id", "niche", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    niche: Mapped[str | None] = mapped_column(default=None)
    tiktok_handle: Mapped[str | None] = mapped_column(default=None)
    tiktok_access_token: Mapped[bytes | None] = mapped_column(Sealed(), default=None, repr=False)
    portfolio_links: Mapped[list[str]] = mapped_column(default_factory=list[str])
    audience_demographics: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
