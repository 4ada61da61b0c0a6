"""Files: what is known of them. Their contents are `storage.files`'."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, partial_index

IS_UNREAD = text("NOT is_text_read")


class File(Model, kw_only=True):
    """A file. Whoever may read its document may read it, without one every member.

    `is_text_read` where the search has what it says, or knows that it says nothing.
    """

    __tablename__ = "files"
    __table_args__ = (
        Index(None, "workspace_id", "id"),
        partial_index("ix_files_unread", "id", where=IS_UNREAD),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    document: Mapped[str | None] = mapped_column(default=None)
    name: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    width: Mapped[int | None] = mapped_column(default=None)
    height: Mapped[int | None] = mapped_column(default=None)
    thumbnail_size: Mapped[int | None] = mapped_column(default=None)
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    is_text_read: Mapped[bool] = mapped_column(default=False, server_default=false())
