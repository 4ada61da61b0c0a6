"""Brands: whom a workspace works for, and the shops and accounts that are connected."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, Sealed


class Brand(Model, kw_only=True):
    """A brand. Its access tokens are sealed by `storage.vault`."""

    __tablename__ = "brands"
    __table_args__ = (Index(None, "workspace_id", "id"), Index(None, "workspace_id", "industry", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    industry: Mapped[str | None] = mapped_column(default=None)
    target_audience: Mapped[str | None] = mapped_column(default=None)
    mood_board_urls: Mapped[list[str]] = mapped_column(default_factory=list[str])
    shopify_store_url: Mapped[str | None] = mapped_column(default=None)
    shopify_access_token: Mapped[bytes | None] = mapped_column(Sealed(), default=None, repr=False)
    tiktok_profile_url: Mapped[str | None] = mapped_column(default=None)
    tiktok_access_token: Mapped[bytes | None] = mapped_column(Sealed(), default=None, repr=False)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
