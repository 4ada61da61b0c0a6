"""Proposing changes of pages, for people to decide on."""

from typing import Annotated, Any

import msgspec
import pycrdt
from msgspec import UNSET, Meta, UnsetType

from agents.ports import Kit
from agents.tools.addresses import require_named
from agents.tools.base import Effect, Plan, ToolContext, ToolResult
from agents.tools.block_edits import After
from agents.tools.declaring import Tools
from agents.tools.errors import ToolError
from agents.tools.fields import BlockId, Markdown, Note, PageId
from agents.tools.gate import find_page
from agents.tools.pages import document_of, source_of
from agents.tools.words import listed, short
from blocks import page_edits, page_text
from blocks.kind import Fields
from blocks.page_edits import Stamp
from blocks.page_text import Section
from blocks.tree import to_json

tools = Tools()

MOST_SUGGESTIONS = 50


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text to add (without `block_id`), to reword, or a block to delete."""

    block_id: BlockId | None = None
    markdown: Markdown | None = None
    after: After | UnsetType = UNSET
    is_deleted: bool = False


class SuggestChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to propose for a page, and why."""

    page_id: PageId
    note: Annotated[Note, Meta(description="Why, for the people who decide.")]
    changes: Annotated[list[Change], Meta(min_length=1, max_length=50)]


class ListSuggestions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which page."""

    page_id: PageId


@tools.tool("pages.comment")
async def suggest_changes(kit: Kit, context: ToolContext, arguments: SuggestChanges) -> Plan:
    """Propose changes of a page, which people accept or reject. The page itself stays as it is."""
    async with kit.database.read() as uow:
        page = await find_page(uow, context, arguments.page_id, "pages.comment")
    sections = [
        await kit.documents.parse(change.markdown) if change.markdown is not None else None
        for change in arguments.changes
    ]
    for change in arguments.changes:
        if (change.markdown is None) == (not change.is_deleted) or (
            change.is_deleted and not change.block_id
        ):
            raise ToolError("Each change has a `markdown`, or a `block_id` and `is_deleted`.")
    trees = [to_json(section.tree) for section in sections if section is not None]
    await require_named(kit, context, trees, document_of(page))
    suggestion_id = context.new_id("suggestion")

    def change_page(doc: pycrdt.Doc[Any]) -> None:
        for n, (change, section) in enumerate(zip(arguments.changes, sections, strict=True)):
            _apply(doc, change, section, _stamp(kit, context), str(context.new_id(f"block {n}")))

    # What cannot be done on the page as it is cannot be proposed either: the model is told now.
    await kit.documents.read(document_of(page), lambda doc: _try(doc, change_page))

    async def commit() -> ToolResult:
        await kit.proposals.propose(context, page, arguments.note, change_page, suggestion_id)
        effect = Effect(
            f"suggested a change of the page “{short(page.title)}”", f"suggestion:{suggestion_id}"
        )
        data = {"suggestion_id": str(suggestion_id)}
        return ToolResult(f"Made the suggestion {suggestion_id}. People decide on it.", data, (effect,))

    count = len(arguments.changes)
    return Plan(f"suggest {count} changes of the page “{short(page.title)}”: {short(arguments.note)}", commit)


@tools.tool("pages.read")
async def list_suggestions(kit: Kit, context: ToolContext, arguments: ListSuggestions) -> ToolResult:
    """List the newest suggestions for a page, and what became of them."""
    async with kit.database.read() as uow:
        page = await find_page(uow, context, arguments.page_id, "pages.read")
        rows = await uow.suggestions.list_of_page(page.id, status=None, after=None, limit=MOST_SUGGESTIONS)
    lines = [f"{row.id} {row.status}, by {row.created_by}: {short(row.note)}" for row in rows]
    return ToolResult(listed(lines, "There are none."), source=source_of(page))


def _apply(
    doc: "pycrdt.Doc[Any]", change: Change, section: Section | None, stamp: Stamp, new_id: str
) -> None:
    if section is None:
        assert change.block_id is not None, "it was checked"
        page_edits.delete_block(doc, change.block_id, stamp=stamp)
    elif change.block_id is None:
        content: Fields = {"doc": to_json(section.tree)}
        page_edits.add_block(doc, new_id, "text", content, stamp=stamp, after=change.after)
    else:
        page_text.rewrite_text(doc, change.block_id, section)
        if change.after is not UNSET:
            page_edits.change_block(doc, change.block_id, after=change.after)


def _try(doc: "pycrdt.Doc[Any]", change: Any) -> None:
    """Make a change on a copy of a page. Raises what the change raises."""
    copy = pycrdt.Doc[Any]()
    copy.apply_update(doc.get_update())
    change(copy)


def _stamp(kit: Kit, context: ToolContext) -> Stamp:
    return Stamp(kit.database.clock().isoformat(), context.principal.id)
