"""Suggestions: changes of a page that are proposed, shown as hunks, and decided whole or hunk by hunk."""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pycrdt
from msgspec import UNSET, Meta, UnsetType

from blocks.differences import HunkKind, Operation
from blocks.page import Place
from blocks.page_edits import Stamp, add_block, change_block, delete_block
from blocks.page_text import CHARACTER_COST, Section, parse_page, write_page
from server.documents.base import read_base
from server.errors import ConflictError, FieldError, ForbiddenError, InvalidError
from server.rest.blocks import Behind, BlockId, Content, Kind
from server.rest.document_fields import BaseText, Receipt, Seen, show_receipt, show_seen
from server.rest.fields import Listing, Prose, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_page, find_suggestion
from server.rest.page_texts import MarkdownText
from server.rest.pages import document_of
from server.routing import ReaderCall, Routes, UserCall
from server.suggestions import Decided
from storage.access import may_withdraw
from storage.models import Page, Suggestion, SuggestionStatus
from storage.repositories.suggestions import document_of as branch_of
from storage.unit_of_work import UnitOfWork

routes = Routes("Suggestions")

MOST_HUNKS = 500
"""Hunks that are shown, and decided in one request."""

HunkId = Annotated[str, Meta(pattern="^[0-9a-f]{24}(-[0-9]{1,9}-[0-9]{1,9})?$")]


class SuggestionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A suggestion. What it proposes is its document, which any editor of pages opens."""

    id: UUID
    page_id: UUID
    document: Annotated[str, Meta(description="The name of its live document, a branch of the page's.")]
    note: str
    status: SuggestionStatus
    created_by: str
    created_by_user_id: UUID
    created_at: Time
    decided_by: str | None
    decided_at: Time | None


class SuggestionSlice(Slice, frozen=True, forbid_unknown_fields=True):
    """Which of a page's suggestions are wanted."""

    status: SuggestionStatus | None = None


class SuggestedBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A block to add (with a `type`), or to change or delete (with a `block_id`)."""

    block_id: BlockId | None = None
    type: Kind | None = None
    content: Annotated[Content, Meta(description="Of a block that is there, a JSON merge patch.")] = {}
    after: Behind | UnsetType | None = UNSET
    is_deleted: bool = False


class NewSuggestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A suggestion to make; without `markdown` and `blocks` it is to be written in its document."""

    note: Prose = ""
    markdown: MarkdownText | None = None
    blocks: Annotated[list[SuggestedBlock], Meta(max_length=200)] = []
    base: BaseText | None = None


class SegmentAnswer(msgspec.Struct, frozen=True):
    """A part of a text, and what becomes of it."""

    operation: Operation
    text: str


class HunkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One difference that can be decided on by itself."""

    id: Annotated[HunkId, Meta(description="Made of what it says: another one when that changes.")]
    kind: HunkKind
    block_id: str | None
    path: Annotated[list[str], Meta(description="The field, of the page or of the block's content.")]
    before: Annotated[Any, Meta(description="In the page now; null: nothing.")]
    after: Annotated[Any, Meta(description="As it is proposed; null: nothing.")]
    segments: Annotated[list[SegmentAnswer], Meta(description="Of a text, word by word.")]


class DifferencesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a suggestion proposes now."""

    hunks: list[HunkAnswer]
    more: Annotated[int, Meta(ge=0, description="How many hunks there are beyond those.")]
    page: Seen
    branch: Seen


class NewDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to decide on: some hunks, or without them all of it."""

    hunks: Annotated[list[HunkId], Meta(min_length=1, max_length=MOST_HUNKS)] | None = None


class DecisionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A suggestion after a decision that is committed."""

    suggestion: SuggestionAnswer
    decided: Annotated[list[str], Meta(description="The hunks that were decided.")]
    missing: Annotated[
        list[str], Meta(description="Hunks that are not there any more: decided before, or changed since.")
    ]
    left: Annotated[int, Meta(ge=0, description="How many hunks there are still.")]
    receipt: Receipt


@routes.get("/v1/pages/{page_id}/suggestions", "pages.read")
async def list_suggestions(
    call: ReaderCall, uow: UnitOfWork, page_id: UUID, query: SuggestionSlice
) -> Listing[SuggestionAnswer]:
    """List the suggestions for a page, the newest first."""
    page = await find_page(call, uow, page_id, "pages.read")
    rows = await uow.suggestions.list_of_page(
        page.id, status=query.status, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, show_suggestion, lambda suggestion: suggestion.id)


@routes.post(
    "/v1/pages/{page_id}/suggestions", "pages.comment", status=201, refuses=(403, 409), idempotent=True
)
async def create_suggestion(call: UserCall, page_id: UUID, body: NewSuggestion) -> SuggestionAnswer:
    """Propose a change of a page: make a branch of its document, which follows the page until it is decided.

    `markdown` is what the page's texts would be, as in `PUT /v1/pages/{id}/markdown`; `blocks` are added,
    changed or deleted. With a `base` they are changes of what the caller saw. Or write into the document,
    with any editor.
    """
    async with call.services.database.read() as uow:
        page = await find_page(call, uow, page_id, "pages.comment")
    _refuse_trashed(page)
    sections: list[Section] | None = None
    if body.markdown is not None:
        cost = len(body.markdown) * CHARACTER_COST
        sections = await call.services.offload.run(cost, parse_page, body.markdown)
    base = None
    if body.base is not None:
        _, now, _ = await call.services.documents.read(document_of(page), lambda doc: None)
        base = read_base(body.base, now=now)
    made = await call.services.suggestions.make(
        page, await call.principal(), call.user_id, body.note, _change_of(call, body, sections), base
    )
    return show_suggestion(made)


@routes.get("/v1/suggestions/{suggestion_id}", "pages.read")
async def get_suggestion(call: ReaderCall, uow: UnitOfWork, suggestion_id: UUID) -> SuggestionAnswer:
    """Return a suggestion, whatever became of it."""
    suggestion, _, _ = await find_suggestion(call, uow, suggestion_id, "pages.read")
    return show_suggestion(suggestion)


@routes.get("/v1/suggestions/{suggestion_id}/differences", "pages.read", refuses=(503,))
async def get_differences(call: ReaderCall, suggestion_id: UUID) -> DifferencesAnswer:
    """Return what a suggestion would change of its page, as both are committed now.

    Blocks are added, removed, restored, replaced, moved or placed; contents change by field, rich texts by
    node and word.
    """
    async with call.services.database.read() as uow:
        suggestion, page, _ = await find_suggestion(call, uow, suggestion_id, "pages.read")
    found = await call.services.suggestions.differences(suggestion)
    hunks = found.comparison.hunks
    return DifferencesAnswer(
        hunks=[
            HunkAnswer(
                id=hunk.id,
                kind=hunk.kind,
                block_id=hunk.block_id,
                path=list(hunk.path),
                before=hunk.before,
                after=hunk.after,
                segments=[SegmentAnswer(segment.operation, segment.text) for segment in hunk.segments],
            )
            for hunk in hunks[:MOST_HUNKS]
        ],
        more=max(0, len(hunks) - MOST_HUNKS),
        page=show_seen(document_of(page), found.page.base, found.page.state_vector),
        branch=show_seen(branch_of(suggestion), found.branch.base, found.branch.state_vector),
    )


@routes.post("/v1/suggestions/{suggestion_id}/accept", "pages.write", refuses=(403, 409))
async def accept_suggestion(call: UserCall, suggestion_id: UUID, body: NewDecision) -> DecisionAnswer:
    """Bring a suggestion, or some hunks of it, into the page, merged with what others do there.

    Answers when that is committed. Asked again, it changes nothing more.
    """
    suggestion = await _find_open(call, suggestion_id, "pages.write")
    return _show_decided(
        await call.services.suggestions.accept(
            suggestion, await call.principal(), body.hunks, call.services.clock().isoformat()
        )
    )


@routes.post("/v1/suggestions/{suggestion_id}/reject", "pages.write", refuses=(403, 409))
async def reject_suggestion(call: UserCall, suggestion_id: UUID, body: NewDecision) -> DecisionAnswer:
    """Reject a suggestion, or take some hunks back in its document. The page stays as it is."""
    suggestion = await _find_open(call, suggestion_id, "pages.write")
    suggestions = call.services.suggestions
    if body.hunks is None:
        return _show_decided(await suggestions.close(suggestion, "rejected", call.actor))
    at = call.services.clock().isoformat()
    return _show_decided(await suggestions.reject(suggestion, await call.principal(), body.hunks, at))


@routes.delete("/v1/suggestions/{suggestion_id}", "pages.comment", status=200, refuses=(403, 409))
async def withdraw_suggestion(call: UserCall, suggestion_id: UUID) -> SuggestionAnswer:
    """Take a suggestion back: for who made it, and for those who may write the page."""
    async with call.services.database.read() as uow:
        suggestion, _, standing = await find_suggestion(call, uow, suggestion_id, "pages.comment")
    if not may_withdraw(suggestion, standing):
        raise ForbiddenError("This is somebody else's suggestion.")
    ended = await call.services.suggestions.close(suggestion, "withdrawn", call.actor)
    return show_suggestion(ended.suggestion)


def show_suggestion(suggestion: Suggestion) -> SuggestionAnswer:
    """Return a suggestion as its readers see it."""
    return SuggestionAnswer(
        id=suggestion.id,
        page_id=suggestion.page_id,
        document=branch_of(suggestion),
        note=suggestion.note,
        status=suggestion.status,
        created_by=suggestion.created_by,
        created_by_user_id=suggestion.created_by_user_id,
        created_at=suggestion.created_at,
        decided_by=suggestion.decided_by,
        decided_at=suggestion.decided_at,
    )


def _show_decided(decided: Decided) -> DecisionAnswer:
    written = decided.written
    return DecisionAnswer(
        suggestion=show_suggestion(decided.suggestion),
        decided=[hunk.id for hunk in decided.decision.decided[:MOST_HUNKS]],
        missing=list(decided.decision.missing),
        left=decided.decision.left,
        receipt=show_receipt(written.document, written.position, written.state_vector),
    )


async def _find_open(
    call: UserCall, suggestion_id: UUID, action: Literal["pages.write", "pages.comment"]
) -> Suggestion:
    async with call.services.database.read() as uow:
        suggestion, page, _ = await find_suggestion(call, uow, suggestion_id, action)
    _refuse_trashed(page)
    return suggestion


def _refuse_trashed(page: Page) -> None:
    if page.trashed_at is not None:
        raise ConflictError("The page is in the trash: restore it first.", code="page_trashed")


def _change_of(
    call: UserCall, body: NewSuggestion, sections: list[Section] | None
) -> Callable[["pycrdt.Doc[Any]"], object] | None:
    """Return what makes the proposed change on a page; None where nothing is proposed yet."""
    if sections is None and not body.blocks:
        return None
    stamp = Stamp(call.services.clock().isoformat(), call.actor)

    def new_id() -> str:
        return str(call.services.database.new_id())

    def change(doc: pycrdt.Doc[Any]) -> None:
        if sections is not None:
            write_page(doc, sections, stamp=stamp, new_id=new_id)
        for block in body.blocks:
            _propose(doc, block, stamp, new_id)

    return change


def _propose(doc: "pycrdt.Doc[Any]", block: SuggestedBlock, stamp: Stamp, new_id: Callable[[], str]) -> None:
    if block.block_id is None:
        if block.type is None:
            fault = FieldError("body.blocks", "A new block has a type, another one a block_id")
            raise InvalidError(f"{fault.detail}.", errors=(fault,))
        add_block(doc, new_id(), block.type, block.content, stamp=stamp, place=Place(), after=block.after)
    elif block.is_deleted:
        delete_block(doc, block.block_id, stamp=stamp)
    else:
        change_block(doc, block.block_id, after=block.after, patch=block.content or None)
