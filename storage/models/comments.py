"""Comments on pages, as rows: written from their documents alone, like `storage.models.projections`.

Ids of threads and comments are chosen by clients, so they are unique within their page and nowhere else.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class CommentThread(Model, kw_only=True):
    """A thread on a page, on a block of it, or on a range of a block's text (`range_start`, `range_end`).

    A thread is shown while there is a comment in it that was not deleted.
    """

    __tablename__ = "comment_threads"
    __table_args__ = (Index(None, "id", "page_id"),)

    page_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID]
    block_id: Mapped[str | None] = mapped_column(default=None)
    # Yjs relative positions in the page's document, encoded (`blocks.positions`).
    range_start: Mapped[str | None] = mapped_column(default=None)
    range_end: Mapped[str | None] = mapped_column(default=None)
    # What stood there when the thread was begun.
    quote: Mapped[str | None] = mapped_column(default=None)
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    resolved_by: Mapped[str | None] = mapped_column(default=None)
    resolved_at: Mapped[datetime | None] = mapped_column(default=None)
    digest: Mapped[bytes] = mapped_column(repr=False)


class Comment(Model, kw_only=True):
    """A comment in a thread; the order of the ids is the order of the comments."""

    __tablename__ = "comments"
    __table_args__ = (Index(None, "id", "page_id"), Index(None, "page_id", "thread_id", "id"))

    page_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID]
    thread_id: Mapped[UUID]
    author_id: Mapped[str]
    author_type: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime]
    edited_at: Mapped[datetime | None] = mapped_column(default=None)
    deleted: Mapped[bool] = mapped_column(default=False)
    digest: Mapped[bytes] = mapped_column(repr=False)
