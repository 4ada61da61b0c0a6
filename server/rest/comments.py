"""Comments on pages, their blocks and ranges of their text: the live document `comments:{page_id}` by REST.

A write is an edit of that document under the caller's principal, judged by its guard, and answered when it
is committed. Reading is from the rows that follow the document; it waits a moment for them where they are
behind.
"""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, Literal, TypeVar
from uuid import UUID

import pycrdt

from blocks import comments
from blocks.comment_rows import CommentRow, ThreadRow, read_comment_row, read_thread_row
from blocks.comments import MAX_QUOTE_CHARACTERS, Anchor
from blocks.errors import UnknownBlockError
from server.comments import document_of_comments
from server.errors import ConflictError, FieldError, ForbiddenError, InvalidError, NotFoundError
from server.rest.comment_fields import (
    ChangedThread,
    CommentAnswer,
    NewComment,
    NewThread,
    OnPage,
    OnPageSlice,
    ThreadAnswer,
    ThreadFacts,
    ThreadPart,
    WrittenComment,
    WrittenThread,
    as_model,
    facts_of,
    show_comment,
    show_thread,
)
from server.rest.document_fields import show_receipt
from server.rest.fields import Listing, list_slice, read_cursor
from server.rest.gate import find_page
from server.rest.late_rows import find_written
from server.rest.pages import refuse_trashed
from server.routing import Routes, UserCall
from storage.actions import Action
from storage.models import Comment, CommentThread, Page
from storage.unit_of_work import UnitOfWork

routes = Routes("Comments")

Remark = TypeVar("Remark", Comment, CommentThread)


@routes.get("/v1/pages/{page_id}/comments", "pages.read", refuses=(503,))
async def list_comment_threads(call: UserCall, page_id: UUID, query: ThreadPart) -> Listing[ThreadAnswer]:
    """List the threads on a page, newest first, with their first comments.

    A thread of which every comment was deleted is not listed.
    """
    database, service = call.services.database, call.services.comments
    async with database.read() as uow:
        await find_page(call, uow, page_id, "pages.read")
    await service.catch_up(page_id)
    async with database.read() as uow:
        rows = await uow.comments.list_threads(
            page_id,
            before=read_cursor(query, UUID),
            limit=query.limit + 1,
            block_id=query.block_id,
            is_resolved=query.is_resolved,
        )
        firsts = await uow.comments.first_of_threads(page_id, [row.id for row in rows[: query.limit]])
    spots = await service.spots(page_id, rows[: query.limit])
    return list_slice(rows, query, lambda row: show_thread(row, spots, firsts), lambda row: row.id)


@routes.post("/v1/pages/{page_id}/comments", "pages.comment", status=201, refuses=(403, 409), idempotent=True)
async def begin_comment_thread(call: UserCall, page_id: UUID, body: NewThread) -> WrittenThread:
    """Begin a thread with a comment. Answers when that is committed."""
    async with call.services.database.read() as uow:
        page = await find_page(call, uow, page_id, "pages.comment")
        thread_id, comment_id = uow.new_id(), uow.new_id()
    refuse_trashed(page)
    anchor = await _find_anchor(call, page_id, body)
    principal, at = await call.principal(), _now(call)

    def add(doc: pycrdt.Doc[Any]) -> tuple[ThreadRow | None, CommentRow | None]:
        comments.begin_thread(doc, str(thread_id), anchor, created_by=principal.id, created_at=at)
        _add(doc, comment_id, thread_id, body.text, principal.id, at)
        return read_thread_row(doc, str(thread_id)), read_comment_row(doc, str(comment_id))

    written = await call.services.comments.write(page_id, principal, add, thread_id, comment_id)
    thread, comment = written.result
    assert thread is not None
    assert comment is not None
    row = as_model(page, thread)
    return WrittenThread(
        ThreadFacts(**facts_of(row, await call.services.comments.spots(page_id, [row]))),
        show_comment(page_id, comment),
        show_receipt(document_of_comments(page_id), written.position, written.state_vector),
    )


@routes.get("/v1/comment-threads/{thread_id}", "pages.read", refuses=(409, 503))
async def get_comment_thread(call: UserCall, thread_id: UUID, query: OnPage) -> ThreadAnswer:
    """Return a thread with its first comments."""
    thread, page = await _find_thread(call, thread_id, query.page_id, "pages.read")
    async with call.services.database.read() as uow:
        firsts = await uow.comments.first_of_threads(page.id, [thread.id])
    return show_thread(thread, await call.services.comments.spots(page.id, [thread]), firsts)


@routes.get("/v1/comment-threads/{thread_id}/comments", "pages.read", refuses=(409,))
async def list_thread_comments(call: UserCall, thread_id: UUID, query: OnPageSlice) -> Listing[CommentAnswer]:
    """List the comments of a thread, oldest first."""
    thread, page = await _find_thread(call, thread_id, query.page_id, "pages.read")
    async with call.services.database.read() as uow:
        rows = await uow.comments.list_of_thread(
            page.id, thread.id, after=read_cursor(query, UUID), limit=query.limit + 1
        )
    return list_slice(rows, query, lambda row: show_comment(page.id, row), lambda row: row.id)


@routes.post(
    "/v1/comment-threads/{thread_id}/comments",
    "pages.comment",
    status=201,
    refuses=(403, 409),
    idempotent=True,
)
async def add_comment(call: UserCall, thread_id: UUID, query: OnPage, body: NewComment) -> WrittenComment:
    """Answer in a thread."""
    _, page = await _find_thread(call, thread_id, query.page_id, "pages.comment", to_write=True)
    comment_id, at = call.services.database.new_id(), _now(call)
    return await _write_comment(
        call, page.id, comment_id, lambda doc: _add(doc, comment_id, thread_id, body.text, call.actor, at)
    )


@routes.post("/v1/comment-threads/{thread_id}/resolve", "pages.comment", refuses=(403, 409))
async def resolve_comment_thread(call: UserCall, thread_id: UUID, query: OnPage) -> ChangedThread:
    """Mark a thread as settled; one that is stays so by who did it."""
    at = _now(call)
    return await _write_thread(
        call,
        thread_id,
        query,
        lambda doc, id_: comments.resolve_thread(doc, id_, resolved_by=call.actor, resolved_at=at),
    )


@routes.post("/v1/comment-threads/{thread_id}/reopen", "pages.comment", refuses=(403, 409))
async def reopen_comment_thread(call: UserCall, thread_id: UUID, query: OnPage) -> ChangedThread:
    """Take back that a thread is settled."""
    return await _write_thread(call, thread_id, query, comments.reopen_thread)


@routes.patch("/v1/comments/{comment_id}", "pages.comment", refuses=(403, 409))
async def edit_comment(call: UserCall, comment_id: UUID, query: OnPage, body: NewComment) -> WrittenComment:
    """Let a comment of one's own say something else."""
    page, at = await _find_comment(call, comment_id, query.page_id), _now(call)
    return await _write_comment(
        call,
        page.id,
        comment_id,
        lambda doc: comments.edit_comment(doc, str(comment_id), body.text, edited_at=at),
    )


@routes.delete("/v1/comments/{comment_id}", "pages.comment", status=200, refuses=(403, 409))
async def delete_comment(call: UserCall, comment_id: UUID, query: OnPage) -> WrittenComment:
    """Mark a comment as deleted: one's own, or anybody's for those who manage the page."""
    page = await _find_comment(call, comment_id, query.page_id)
    return await _write_comment(
        call, page.id, comment_id, lambda doc: comments.delete_comment(doc, str(comment_id))
    )


# Finding


async def _find_thread(
    call: UserCall, thread_id: UUID, page_id: UUID | None, action: Action, *, to_write: bool = False
) -> tuple[CommentThread, Page]:
    async def find() -> tuple[CommentThread, Page]:
        async with call.services.database.read() as uow:
            return await _choose(call, uow, await uow.comments.find_threads(thread_id), page_id, action)

    found = await find_written(call, "comments", thread_id, find)
    if to_write:
        refuse_trashed(found[1])
    return found


async def _find_comment(call: UserCall, comment_id: UUID, page_id: UUID | None) -> Page:
    """Return the page of a comment that the caller may change, as far as the page decides."""

    async def find() -> Page:
        async with call.services.database.read() as uow:
            rows = await uow.comments.find(comment_id)
            return (await _choose(call, uow, rows, page_id, "pages.comment"))[1]

    page = await find_written(call, "comments", comment_id, find)
    refuse_trashed(page)
    return page


async def _choose(
    call: UserCall, uow: UnitOfWork, rows: Sequence[Remark], page_id: UUID | None, action: Action
) -> tuple[Remark, Page]:
    """Return the row that the caller may see, and its page.

    Raises NotFoundError, ForbiddenError, ConflictError for several.
    """
    found: list[tuple[Remark, Page]] = []
    refusal: ForbiddenError | None = None
    for row in rows:
        if page_id in (None, row.page_id):
            try:
                found.append((row, await find_page(call, uow, row.page_id, action)))
            except NotFoundError:
                continue
            except ForbiddenError as error:
                refusal = error
    if len(found) > 1:
        raise ConflictError(
            "Several pages have something of this id: say which one in `page_id`.", code="ambiguous_comment"
        )
    if not found:
        raise refusal or NotFoundError("There is no such comment, or you may not see it.")
    return found[0]


async def _find_anchor(call: UserCall, page_id: UUID, body: NewThread) -> Anchor:
    """Return what a new thread is on. Raises InvalidError for what is not there."""
    is_range = body.quote is not None or body.start is not None or body.end is not None
    if body.block_id is None:
        if is_range:
            raise _bad("block_id", "A range of text is in a block: say in which")
        return Anchor()
    if not await call.services.comments.has_block(page_id, body.block_id):
        raise _bad("block_id", "No block of the page")
    if not is_range:
        return Anchor(body.block_id)
    try:
        marked = await call.services.comments.mark(
            page_id, body.block_id, lambda text: _choose_part(body, text)
        )
    except UnknownBlockError:
        raise _bad("block_id", "No block of the page") from None
    except ValueError as error:
        raise _bad("start", str(error).rstrip(".")) from None
    return Anchor(body.block_id, marked.start, marked.end, marked.quote[:MAX_QUOTE_CHARACTERS])


def _choose_part(body: NewThread, text: str) -> tuple[int, int]:
    """Return the offsets that somebody means in a block's text. Raises InvalidError."""
    if body.start is not None or body.end is not None:
        if body.start is None or body.end is None:
            raise _bad("start", "A range has a start and an end")
        if not body.start < body.end <= len(text):
            raise _bad("end", f"Not a part of the text, which has {len(text)} characters")
        if body.quote not in (None, text[body.start : body.end]):
            raise _bad("quote", "Something else stands there now", code="quote_not_found")
        return body.start, body.end
    assert body.quote is not None, "a range was asked for"
    at = -1
    for _ in range(body.occurrence):
        at = text.find(body.quote, at + 1)
        if at < 0:
            raise _bad("quote", "Not in the text of the block", code="quote_not_found")
    return at, at + len(body.quote)


def _bad(field: str, detail: str, *, code: str = "invalid_reference") -> InvalidError:
    return InvalidError(f"{detail}.", code=code, errors=(FieldError(f"body.{field}", detail),))


# Writing


def _add(
    doc: pycrdt.Doc[Any], comment_id: UUID, thread_id: UUID, text: str, author_id: str, created_at: str
) -> None:
    kind: Literal["user", "agent"] = "agent" if author_id.startswith("agent:") else "user"
    comments.add_comment(
        doc,
        str(comment_id),
        str(thread_id),
        text,
        author_id=author_id,
        author_type=kind,
        created_at=created_at,
    )


async def _write_comment(
    call: UserCall, page_id: UUID, comment_id: UUID, change: Callable[["pycrdt.Doc[Any]"], None]
) -> WrittenComment:
    def edit(doc: pycrdt.Doc[Any]) -> CommentRow | None:
        change(doc)
        return read_comment_row(doc, str(comment_id))

    principal = await call.principal()
    written = await call.services.comments.write(page_id, principal, edit, comment_id)
    assert written.result is not None, "it was written just now"
    receipt = show_receipt(document_of_comments(page_id), written.position, written.state_vector)
    return WrittenComment(show_comment(page_id, written.result), receipt)


async def _write_thread(
    call: UserCall, thread_id: UUID, query: OnPage, change: Callable[["pycrdt.Doc[Any]", str], None]
) -> ChangedThread:
    _, page = await _find_thread(call, thread_id, query.page_id, "pages.comment", to_write=True)

    def edit(doc: pycrdt.Doc[Any]) -> ThreadRow | None:
        change(doc, str(thread_id))
        return read_thread_row(doc, str(thread_id))

    service = call.services.comments
    written = await service.write(page.id, await call.principal(), edit, thread_id)
    assert written.result is not None, "it was written just now"
    row = as_model(page, written.result)
    receipt = show_receipt(document_of_comments(page.id), written.position, written.state_vector)
    return ChangedThread(ThreadFacts(**facts_of(row, await service.spots(page.id, [row]))), receipt)


def _now(call: UserCall) -> str:
    return call.services.clock().astimezone(UTC).isoformat().replace("+00:00", "Z")
