"""What live documents contain, as rows: written from the log alone, by `storage.repositories.projections`.

The rows refer to pages, channels and workspaces by id and have no foreign keys: a key would lock what it
refers to, in another order than who deletes that. What is left of something that is gone is cleaned away.

Ids of blocks and messages are chosen by clients, so they are unique within their document and nowhere else.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import ByteOrdered, Model, on_postgres, partial_index


class DocumentProjection(Model, kw_only=True):
    """How far the rows of a document follow its log.

    Whatever is written for a document moves `revision` in the same transaction, from what was seen: so two
    who work on one document do not mix. `is_stale` asks for the rows of `position` to be made anew.
    """

    __tablename__ = "document_projections"

    document_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(index=True)
    position: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(BigInteger)
    is_stale: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Up to where and when the last event told that the document was edited.
    told_position: Mapped[int] = mapped_column(BigInteger, default=0)
    told_at: Mapped[datetime | None] = mapped_column(default=None)
    # Why the document cannot be read, if it cannot; its rows are those of an earlier position then.
    fault: Mapped[str | None] = mapped_column(default=None)
    updated_at: Mapped[datetime]


class CanvasBlock(Model, kw_only=True):
    """A block of a page, as `blocks.page` shows it. Blocks are sorted by `order_key`, byte by byte.

    `condition` says whether it is as it was written (`fine`), shows what could be made of it (`repaired`), or
    has the content of a type or version that is not known here (`unreadable`). With `deleted_at` it is in the
    page's trash, with `moved_to` it goes on in another page.
    """

    __tablename__ = "canvas_blocks"
    __table_args__ = (Index(None, "page_id", "order_key", "id"), Index(None, "id"))

    page_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(ByteOrdered, primary_key=True)
    workspace_id: Mapped[UUID]
    type: Mapped[str]
    content: Mapped[dict[str, Any]]
    position_x: Mapped[int]
    position_y: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    z_index: Mapped[int] = mapped_column(default=0)
    order_key: Mapped[str] = mapped_column(ByteOrdered)
    created_by: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(default=None)
    # The time of the newest edit of the page when this block was seen to be another than before.
    updated_at: Mapped[datetime]
    moved_to: Mapped[str | None] = mapped_column(default=None)
    condition: Mapped[str]
    digest: Mapped[bytes] = mapped_column(repr=False)


class PageLink(Model, kw_only=True):
    """A page, a person, an agent or a channel that a block's text mentions or links to."""

    __tablename__ = "page_links"
    __table_args__ = (Index(None, "kind", "target_id", "page_id"),)

    page_id: Mapped[UUID] = mapped_column(primary_key=True)
    block_id: Mapped[str] = mapped_column(ByteOrdered, primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    target_id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID]


def _index_of(name: str, condition: str) -> Index:
    """Return the index of some of a channel's messages."""
    where = text(condition)
    return partial_index(f"ix_chat_messages_{name}", "channel_id", "id", where=where)


class ChatMessage(Model, kw_only=True):
    """A message of a channel; the order of the ids is the order of the messages.

    A message with `archived_at` has left the document, or is about to: this row is all there is of it, and
    whoever archived it writes it. Who has read a message follows from `read_marks`.
    """

    __tablename__ = "chat_messages"
    __table_args__ = (
        # Without an order, in which Postgres would read all channels to page back through one.
        on_postgres(Index(None, "id"), using="hash"),
        Index(None, "channel_id", "thread_id", "id"),
        Index(None, "sender_id", "id"),
        _index_of("live", "archived_at IS NULL"),
        _index_of("pinned", "pinned_by IS NOT NULL"),
    )

    channel_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID]
    sender_id: Mapped[str]
    sender_type: Mapped[str]
    content_type: Mapped[str]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    edited_at: Mapped[datetime | None] = mapped_column(default=None)
    thread_id: Mapped[UUID | None] = mapped_column(default=None)
    deleted: Mapped[bool] = mapped_column(default=False)
    # [{"emoji": ..., "user_ids": [principal id, ...]}, ...]
    reactions: Mapped[list[dict[str, Any]]] = mapped_column(default_factory=list[dict[str, Any]])
    pinned_by: Mapped[str | None] = mapped_column(default=None)
    archived_at: Mapped[datetime | None] = mapped_column(default=None)
    digest: Mapped[bytes] = mapped_column(repr=False)


class MessageMention(Model, kw_only=True):
    """Somebody whom a message mentions; of kind `channel`, everybody in that channel."""

    __tablename__ = "message_mentions"
    __table_args__ = (Index(None, "kind", "target_id", "message_id"),)

    channel_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    target_id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID]


class ReadMark(Model, kw_only=True):
    """The last message of a channel that a principal has read."""

    __tablename__ = "read_marks"

    channel_id: Mapped[UUID] = mapped_column(primary_key=True)
    principal_id: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[UUID]
