"""What a document of comments contains, as rows for tables; total like `blocks.rows`."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import pycrdt

from blocks import comments
from blocks.links import Link
from blocks.mentions import find_mentions, read_aloud
from blocks.rows import EPOCH, Changes, Known, bounded, compare, read_time


class ThreadRow(msgspec.Struct, frozen=True, tag="thread"):
    """A thread of comments on a page."""

    id: UUID
    block_id: str | None
    start: str | None
    end: str | None
    quote: str | None
    created_by: str
    created_at: datetime
    resolved_by: str | None
    resolved_at: datetime | None


class CommentRow(msgspec.Struct, frozen=True, tag="comment"):
    """A comment in a thread."""

    id: UUID
    thread_id: UUID
    author_id: str
    author_type: str
    text: str
    created_at: datetime
    edited_at: datetime | None
    deleted: bool

    @property
    def mentions(self) -> tuple[Link, ...]:
        """Whom it mentions."""
        return tuple(dict.fromkeys(Link(found.kind, found.id) for found in find_mentions(self.text)))

    @property
    def words(self) -> str:
        """What people read in it, for search."""
        return read_aloud(self.text)


RemarkRow = ThreadRow | CommentRow
THREAD_KEY = "thread:"
COMMENT_KEY = "comment:"
"""Before the ids of rows among the digests: clients choose the ids, and may choose one for both."""


def comment_changes(doc: pycrdt.Doc[Any], known: Known) -> Changes[RemarkRow]:
    """Compare the comments on a page with what the tables have of them."""
    rows: list[tuple[str, RemarkRow]] = []
    threads, written = comments.thread_ids(doc), comments.comment_ids(doc)
    rows += [(f"{THREAD_KEY}{id_}", row) for id_ in threads if (row := read_thread_row(doc, id_))]
    rows += [(f"{COMMENT_KEY}{id_}", row) for id_ in written if (row := read_comment_row(doc, id_))]
    entries = sum(len(doc.get(root, type=pycrdt.Map[Any])) for root in (comments.THREADS, comments.COMMENTS))
    return compare(rows, known.digests, {}, entries - len(rows))


def read_thread_row(doc: pycrdt.Doc[Any], thread_id: str) -> ThreadRow | None:
    """Return a thread as a row; None where there is none."""
    thread = comments.read_thread(doc, thread_id)
    if thread is None:
        return None
    is_resolved = thread.resolved_by is not None
    return ThreadRow(
        id=UUID(thread.id),
        block_id=thread.anchor.block_id,
        start=thread.anchor.start,
        end=thread.anchor.end,
        quote=thread.anchor.quote,
        created_by=bounded(thread.created_by) or "",
        created_at=read_time(thread.created_at) or EPOCH,
        resolved_by=bounded(thread.resolved_by),
        resolved_at=(read_time(thread.resolved_at) or EPOCH) if is_resolved else None,
    )


def read_comment_row(doc: pycrdt.Doc[Any], comment_id: str) -> CommentRow | None:
    """Return a comment as a row; None where there is none."""
    comment = comments.read_comment(doc, comment_id)
    if comment is None:
        return None
    return CommentRow(
        id=UUID(comment.id),
        thread_id=UUID(comment.thread_id),
        author_id=bounded(comment.author_id) or "",
        author_type=comment.author_type,
        text=comment.text,
        created_at=read_time(comment.created_at) or EPOCH,
        edited_at=read_time(comment.edited_at),
        deleted=comment.deleted,
    )
