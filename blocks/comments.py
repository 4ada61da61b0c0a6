"""The comments on a page, `comments:{page_id}`: the document's schema, the operations on it, its readers.

    threads     Map of thread id -> Map {id, block_id, start, end, quote, created_by, created_at,
                resolved_by, resolved_at}
    comments    Map of comment id -> Map {id, thread_id, author_id, author_type, text, created_at,
                edited_at, deleted}

A thread is on the page, on a block (`block_id`), or on a range of a block's text: `start` and `end` are Yjs
relative positions in the page's document, encoded and in base64url (`blocks.positions`), and `quote` is what
stood there when somebody chose it. Ids are UUIDv7, so their order is the order of time; `text` is Markdown
with mentions (`blocks.mentions`). Who may do what is `blocks.comment_guard`.

Pure: ids and times are arguments. Operations raise UnknownCommentError for what is not there; readers are
total, whatever a document holds.
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

import msgspec
import pycrdt

from blocks.channel import is_message_id, time_of_id
from blocks.errors import UnknownCommentError
from blocks.plain import keys_of, plain_entry, string_of

THREADS = "threads"
COMMENTS = "comments"

AuthorType = Literal["user", "agent", "visitor"]

MAX_TEXT_CHARACTERS = 10_000
MAX_QUOTE_CHARACTERS = 2000
MAX_BLOCK_ID_CHARACTERS = 100
MAX_POSITION_CHARACTERS = 100
"""Of a relative position in base64url: three numbers below 2^53 take less than half."""


class Anchor(msgspec.Struct, frozen=True):
    """What a thread is on; all is None for the whole page."""

    block_id: str | None = None
    start: str | None = None
    end: str | None = None
    quote: str | None = None

    @property
    def is_range(self) -> bool:
        """Whether it is on a part of the block's text."""
        return self.start is not None and self.end is not None


class Thread(msgspec.Struct, frozen=True):
    """A thread as readers give it."""

    id: str
    anchor: Anchor
    created_by: str
    created_at: str
    resolved_by: str | None
    resolved_at: str | None


class Comment(msgspec.Struct, frozen=True):
    """A comment as readers give it."""

    id: str
    thread_id: str
    author_id: str
    author_type: AuthorType
    text: str
    """Empty for what was deleted."""
    created_at: str
    edited_at: str | None
    deleted: bool


# Operations


def begin_thread(
    doc: pycrdt.Doc[Any], thread_id: str, anchor: Anchor, *, created_by: str, created_at: str
) -> None:
    """Add a thread; its first comment is added besides."""
    _root(doc, THREADS)[thread_id] = pycrdt.Map[Any](
        {
            "id": thread_id,
            "block_id": anchor.block_id,
            "start": anchor.start,
            "end": anchor.end,
            "quote": anchor.quote,
            "created_by": created_by,
            "created_at": created_at,
            "resolved_by": None,
            "resolved_at": None,
        }
    )


def add_comment(
    doc: pycrdt.Doc[Any],
    comment_id: str,
    thread_id: str,
    text: str,
    *,
    author_id: str,
    author_type: AuthorType,
    created_at: str,
) -> None:
    """Add a comment to a thread."""
    _entry(doc, THREADS, thread_id)
    _root(doc, COMMENTS)[comment_id] = pycrdt.Map[Any](
        {
            "id": comment_id,
            "thread_id": thread_id,
            "author_id": author_id,
            "author_type": author_type,
            "text": text,
            "created_at": created_at,
            "edited_at": None,
            "deleted": False,
        }
    )


def edit_comment(doc: pycrdt.Doc[Any], comment_id: str, text: str, *, edited_at: str) -> None:
    """Let a comment say something else; one that says it already stays as it is."""
    comment = _entry(doc, COMMENTS, comment_id)
    if comment.get("text") != text:
        comment["text"] = text
        comment["edited_at"] = edited_at


def delete_comment(doc: pycrdt.Doc[Any], comment_id: str) -> None:
    """Mark a comment as deleted: readers show that there was one, and not what it said."""
    comment = _entry(doc, COMMENTS, comment_id)
    if comment.get("deleted") is not True:
        comment["deleted"] = True


def resolve_thread(doc: pycrdt.Doc[Any], thread_id: str, *, resolved_by: str, resolved_at: str) -> None:
    """Mark a thread as settled; one that is stays so by who did it."""
    thread = _entry(doc, THREADS, thread_id)
    if thread.get("resolved_by") is None:
        thread["resolved_by"] = resolved_by
        thread["resolved_at"] = resolved_at


def reopen_thread(doc: pycrdt.Doc[Any], thread_id: str) -> None:
    """Take back that a thread is settled."""
    thread = _entry(doc, THREADS, thread_id)
    if thread.get("resolved_by") is not None:
        thread["resolved_by"] = None
        thread["resolved_at"] = None


# Readers


def thread_ids(doc: pycrdt.Doc[Any]) -> list[str]:
    """Return the ids of all threads that have a proper one, oldest first."""
    return [key for key in keys_of(doc, THREADS) if is_message_id(key)]


def comment_ids(doc: pycrdt.Doc[Any]) -> list[str]:
    """Return the ids of all comments that have a proper one, oldest first."""
    return [key for key in keys_of(doc, COMMENTS) if is_message_id(key)]


def read_thread(doc: pycrdt.Doc[Any], thread_id: str) -> Thread | None:
    """Return a thread; None where there is none."""
    fields = plain_entry(doc, THREADS, thread_id)
    if fields is None:
        return None
    known: dict[str, object] = cast("dict[str, object]", fields) if isinstance(fields, dict) else {}
    return Thread(
        id=thread_id,
        anchor=Anchor(
            block_id=_bounded(known, "block_id", MAX_BLOCK_ID_CHARACTERS),
            start=_bounded(known, "start", MAX_POSITION_CHARACTERS),
            end=_bounded(known, "end", MAX_POSITION_CHARACTERS),
            quote=_bounded(known, "quote", MAX_QUOTE_CHARACTERS),
        ),
        created_by=string_of(known, "created_by") or "",
        created_at=string_of(known, "created_at") or time_of_id(thread_id),
        resolved_by=string_of(known, "resolved_by"),
        resolved_at=string_of(known, "resolved_at"),
    )


def read_comment(doc: pycrdt.Doc[Any], comment_id: str) -> Comment | None:
    """Return a comment; None where there is none, or where it is in no thread."""
    fields = plain_entry(doc, COMMENTS, comment_id)
    if not isinstance(fields, dict):
        return None
    known = cast("dict[str, object]", fields)
    thread_id, author_type = known.get("thread_id"), known.get("author_type")
    if not is_message_id(thread_id):
        return None
    deleted = known.get("deleted") is True
    return Comment(
        id=comment_id,
        thread_id=cast("str", thread_id),
        author_id=string_of(known, "author_id") or "",
        author_type=author_type if author_type in ("agent", "visitor") else "user",
        text="" if deleted else (string_of(known, "text") or ""),
        created_at=string_of(known, "created_at") or time_of_id(comment_id),
        edited_at=string_of(known, "edited_at"),
        deleted=deleted,
    )


def _bounded(fields: Mapping[str, object], name: str, most: int) -> str | None:
    value = string_of(fields, name)
    return value if value is None else value[:most]


def _root(doc: pycrdt.Doc[Any], name: str) -> "pycrdt.Map[Any]":
    return doc.get(name, type=pycrdt.Map[Any])


def _entry(doc: pycrdt.Doc[Any], root: str, key: str) -> "pycrdt.Map[Any]":
    entry: object = _root(doc, root).get(key)
    if not isinstance(entry, pycrdt.Map):
        raise UnknownCommentError(key)
    return cast("pycrdt.Map[Any]", entry)
