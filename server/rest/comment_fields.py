"""What requests and answers about comments have in them."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from blocks.comment_rows import CommentRow, ThreadRow
from blocks.comments import (
    MAX_BLOCK_ID_CHARACTERS,
    MAX_QUOTE_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    AuthorType,
)
from server.comments import Spot
from server.rest.document_fields import Receipt
from server.rest.fields import Slice, Time
from storage.models import Comment, CommentThread, Page

CommentText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_TEXT_CHARACTERS,
        pattern=r"^[^\x00]*[^\s\x00][^\x00]*$",
        description="Markdown, with mentions: `@[Ann Lee](user:{id})`.",
    ),
]
BlockId = Annotated[str, Meta(min_length=1, max_length=MAX_BLOCK_ID_CHARACTERS)]
Quote = Annotated[str, Meta(min_length=1, max_length=MAX_QUOTE_CHARACTERS)]
Offset = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class RangeAnswer(msgspec.Struct, frozen=True):
    """The part of the block's text that a thread is on, as it is now."""

    start: Annotated[int, Meta(description="In characters, from the beginning of the block's text.")]
    end: int
    text: str


class CommentAnswer(msgspec.Struct, frozen=True):
    """A comment."""

    id: UUID
    page_id: UUID
    thread_id: UUID
    author_id: Annotated[str, Meta(description="A principal, for instance `user:{id}` or `agent:{id}`.")]
    author_type: AuthorType
    text: Annotated[str, Meta(description="Empty for a comment that was deleted.")]
    created_at: Time
    edited_at: Time | None
    deleted: bool


class ThreadFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A thread of comments: on a page, a block of it, or a range of a block's text."""

    id: UUID
    page_id: UUID
    block_id: str | None
    range: Annotated[
        RangeAnswer | None, Meta(description="Null where it is on no range, or its text is gone.")
    ]
    quote: Annotated[str | None, Meta(description="What stood there when the thread was begun.")]
    is_orphaned: Annotated[bool, Meta(description="Whether the block, or all of the text, is gone.")]
    created_by: str
    created_at: Time
    resolved_by: str | None
    resolved_at: Time | None


class ThreadAnswer(ThreadFacts, frozen=True, kw_only=True):
    """A thread with its first comments."""

    comment_count: int
    comments: Annotated[list[CommentAnswer], Meta(description="The first ten, oldest first.")]


class WrittenThread(msgspec.Struct, frozen=True):
    """A thread that was begun, with its comment, and what proves that it is durable."""

    thread: ThreadFacts
    comment: CommentAnswer
    receipt: Receipt


class ChangedThread(msgspec.Struct, frozen=True):
    """A thread that was resolved or reopened, and what proves that it is durable."""

    thread: ThreadFacts
    receipt: Receipt


class WrittenComment(msgspec.Struct, frozen=True):
    """A comment as it was written, and what proves that it is durable."""

    comment: CommentAnswer
    receipt: Receipt


class ThreadPart(Slice, frozen=True):
    """Which threads of a page are wanted."""

    block_id: Annotated[BlockId, Meta(description="Only those on this block, or on its text.")] | None = None
    is_resolved: Annotated[bool, Meta(description="Only those that are resolved, or are not.")] | None = None


class OnPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where something is: its id says so, unless several pages have one of that id."""

    page_id: UUID | None = None


class OnPageSlice(Slice, frozen=True):
    """Which part of a thread is wanted; `page_id` where several pages have one of that id."""

    page_id: UUID | None = None


class NewThread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A thread to begin: on the page; with `block_id` on a block; with a quote or offsets on its text."""

    text: CommentText
    block_id: BlockId | None = None
    quote: Annotated[Quote, Meta(description="A part of the block's text.")] | None = None
    occurrence: Annotated[
        int, Meta(ge=1, le=10**6, description="Which one, if the quote is there often.")
    ] = 1
    start: Annotated[Offset, Meta(description="Instead, in characters of the block's text.")] | None = None
    end: Annotated[Offset, Meta(description="The first character behind the range.")] | None = None


class NewComment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to say."""

    text: CommentText


def as_model(page: Page, thread: ThreadRow) -> CommentThread:
    """Return a thread as its row will be."""
    return CommentThread(
        page_id=page.id,
        id=thread.id,
        workspace_id=page.workspace_id,
        block_id=thread.block_id,
        range_start=thread.start,
        range_end=thread.end,
        quote=thread.quote,
        created_by=thread.created_by,
        created_at=thread.created_at,
        resolved_by=thread.resolved_by,
        resolved_at=thread.resolved_at,
        digest=b"",
    )


def show_thread(
    thread: CommentThread, spots: Mapping[UUID, Spot], firsts: Mapping[UUID, tuple[int, list[Comment]]]
) -> ThreadAnswer:
    """Return a thread as its readers see it, given where it is and its first comments."""
    count, first = firsts.get(thread.id, (0, []))
    return ThreadAnswer(
        **facts_of(thread, spots),
        comment_count=count,
        comments=[show_comment(thread.page_id, comment) for comment in first],
    )


def facts_of(thread: CommentThread, spots: Mapping[UUID, Spot]) -> dict[str, Any]:
    """Return the fields of `ThreadFacts`, given where the thread is."""
    spot = spots[thread.id]
    there = spot.range
    return {
        "id": thread.id,
        "page_id": thread.page_id,
        "block_id": thread.block_id,
        "range": RangeAnswer(there.start, there.end, there.text) if there and not spot.is_orphaned else None,
        "quote": thread.quote,
        "is_orphaned": spot.is_orphaned,
        "created_by": thread.created_by,
        "created_at": thread.created_at,
        "resolved_by": thread.resolved_by,
        "resolved_at": thread.resolved_at,
    }


def show_comment(page_id: UUID, comment: Comment | CommentRow) -> CommentAnswer:
    """Return a comment as its readers see it."""
    kind = comment.author_type
    return CommentAnswer(
        id=comment.id,
        page_id=page_id,
        thread_id=comment.thread_id,
        author_id=comment.author_id,
        author_type=kind if kind in ("agent", "visitor") else "user",
        text=comment.text,
        created_at=comment.created_at,
        edited_at=comment.edited_at,
        deleted=comment.deleted,
    )
