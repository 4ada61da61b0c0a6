"""Canvas pages: the tree, titles and trash. What a page contains is its document `page:{id}`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import ByteOrdered, Model, partial_index


class Page(Model, kw_only=True):
    """A page. Siblings are sorted by `order_key`, a fractional index compared byte by byte."""

    __tablename__ = "pages"
    __table_args__ = (
        Index(None, "workspace_id", "parent_page_id", "order_key"),
        Index(None, "workspace_id", "order_key", "id"),
        Index(None, "parent_page_id", "order_key", "id"),
        Index(None, "workspace_id", "trashed_at", "id"),
        partial_index("ix_pages_templates", "workspace_id", "id", where=text("is_template")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    # A page that is deleted for good takes its subtree along, as it does into the trash.
    parent_page_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("pages.id", ondelete="CASCADE"), default=None
    )
    title: Mapped[str]
    icon_url: Mapped[str | None] = mapped_column(default=None)
    order_key: Mapped[str] = mapped_column(ByteOrdered)
    trashed_at: Mapped[datetime | None] = mapped_column(default=None)
    created_by_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    # The page, this or one above, that is restricted to those with a grant; NULL: the workspace's roles hold.
    access_root_id: Mapped[UUID | None] = mapped_column(default=None)
    # Whether new pages are made from it.
    is_template: Mapped[bool] = mapped_column(default=False, server_default=false())
    # What of `title` and `icon_url` was here before the page's document said something else: once that has no
    # word of it any more, it is here again.
    own_names: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any], server_default="{}")
