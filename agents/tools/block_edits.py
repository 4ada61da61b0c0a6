"""Changing what stands on pages: each call is one edit, merged with what others do at the same time."""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pycrdt
from msgspec import UNSET, Meta, UnsetType

from agents.ports import Kit
from agents.tools.addresses import asked_in, require_named, unnamed_host
from agents.tools.base import Effect, Plan, ToolContext, ToolResult
from agents.tools.declaring import Tools
from agents.tools.errors import ToolError
from agents.tools.fields import BlockId, Markdown, PageId
from agents.tools.gate import find_page
from agents.tools.pages import document_of, find_block
from agents.tools.words import digest, short
from blocks import page_edits, page_text
from blocks.kind import Fields
from blocks.page import Block
from blocks.page_edits import Stamp
from blocks.page_text import RICH, markdown_of
from blocks.tree import to_json
from storage.models import Page

tools = Tools()

BlockKind = Literal[
    "text", "embed_panel", "table_view", "kanban_board", "image", "video", "shopify_product", "tiktok_post"
]
After = Annotated[
    Annotated[str, Meta(max_length=100)] | None,
    Meta(description="The block to stand behind; null: first. Left out: last."),
]
Content = Annotated[dict[str, Any], Meta(description="By the block's type, as read_block shows it.")]


class AddText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text to add to a page."""

    page_id: PageId
    markdown: Markdown
    after: After | UnsetType = UNSET


class AddBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A block to add to a page."""

    page_id: PageId
    type: BlockKind
    content: Content
    after: After | UnsetType = UNSET


class ReplaceText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to replace in a text."""

    page_id: PageId
    block_id: BlockId
    old: Annotated[
        str, Meta(min_length=1, max_length=20_000, description="As read_page shows it, once there.")
    ]
    new: Markdown


class RewriteText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a text shall be."""

    page_id: PageId
    block_id: BlockId
    markdown: Markdown
    seen: Annotated[str, Meta(max_length=20, description="The `seen` of the text as you read it.")]


class ChangeBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of a block."""

    page_id: PageId
    block_id: BlockId
    content: Annotated[
        Content, Meta(description="A JSON merge patch: what is left out stays, null goes.")
    ] = {}
    after: After | UnsetType = UNSET


class DeleteBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which block."""

    page_id: PageId
    block_id: BlockId


@tools.tool("pages.write")
async def add_text(kit: Kit, context: ToolContext, arguments: AddText) -> Plan:
    """Add a text to a page, in a block of its own."""
    page = await _find(kit, context, arguments)
    tree = (await kit.documents.parse(arguments.markdown)).tree
    await require_named(kit, context, to_json(tree), document_of(page))
    block_id = str(context.new_id("block"))

    def add(doc: pycrdt.Doc[Any]) -> None:
        content: Fields = {"doc": to_json(tree)}
        page_edits.add_block(
            doc, block_id, "text", content, stamp=_stamp(kit, context), after=arguments.after
        )

    what = f"a text to the page “{short(page.title)}”: {short(arguments.markdown)}"
    return _plan(kit, context, page, block_id, add, f"add {what}", f"added {what}")


async def _wanted_consent(kit: Kit, context: ToolContext, arguments: "AddBlock | ChangeBlock") -> str | None:
    """Return whom a block would have asked, by the server or by readers, that no person has named."""
    return await unnamed_host(kit, context, asked_in(arguments.content))


@tools.tool("pages.write", consent=_wanted_consent)
async def add_block(kit: Kit, context: ToolContext, arguments: AddBlock) -> Plan:
    """Add a table, a board, a picture or another block to a page."""
    page = await _find(kit, context, arguments)
    await require_named(kit, context, arguments.content, document_of(page))
    block_id = str(context.new_id("block"))

    def add(doc: pycrdt.Doc[Any]) -> None:
        stamp = _stamp(kit, context)
        page_edits.add_block(
            doc, block_id, arguments.type, arguments.content, stamp=stamp, after=arguments.after
        )

    what = f"a block ({arguments.type}) to the page “{short(page.title)}”"
    return _plan(kit, context, page, block_id, add, f"add {what}", f"added {what}")


@tools.tool("pages.write")
async def replace_text(kit: Kit, context: ToolContext, arguments: ReplaceText) -> Plan:
    """Replace one piece of a text on a page with another, and leave the rest as it is."""
    page = await _find(kit, context, arguments)
    if await kit.documents.is_edited(context, document_of(page)):
        return _done(arguments.block_id)
    rewritten = await kit.documents.read(
        document_of(page), lambda doc: _replaced(_markdown(doc, arguments.block_id), arguments)
    )
    section = await kit.documents.parse(rewritten)
    await require_named(kit, context, to_json(section.tree), document_of(page))

    def replace(doc: pycrdt.Doc[Any]) -> None:
        # Between the reading and this, somebody may have written: their text counts, not the one read then.
        if _replaced(_markdown(doc, arguments.block_id), arguments) != rewritten:
            raise ToolError("Somebody is changing the text at this moment: read it again.")
        page_text.rewrite_text(doc, arguments.block_id, section)

    what = f"“{short(arguments.old)}” with “{short(arguments.new)}” on the page “{short(page.title)}”"
    return _plan(kit, context, page, arguments.block_id, replace, f"replace {what}", f"replaced {what}")


@tools.tool("pages.write")
async def rewrite_text(kit: Kit, context: ToolContext, arguments: RewriteText) -> Plan:
    """Give a text on a page another wording as a whole. Only what differs is changed."""
    page = await _find(kit, context, arguments)
    if await kit.documents.is_edited(context, document_of(page)):
        return _done(arguments.block_id)
    section = await kit.documents.parse(arguments.markdown)
    await require_named(kit, context, to_json(section.tree), document_of(page))

    def check(doc: pycrdt.Doc[Any]) -> None:
        now = _markdown(doc, arguments.block_id)
        if digest(now) != arguments.seen:
            raise ToolError(f"The text is not what you saw. Now it is (seen {digest(now)}):\n{now}")

    def rewrite(doc: pycrdt.Doc[Any]) -> None:
        check(doc)
        page_text.rewrite_text(doc, arguments.block_id, section)

    await kit.documents.read(document_of(page), check)
    what = f"a text on the page “{short(page.title)}”: {short(arguments.markdown)}"
    return _plan(kit, context, page, arguments.block_id, rewrite, f"rewrite {what}", f"rewrote {what}")


@tools.tool("pages.write", consent=_wanted_consent)
async def change_block(kit: Kit, context: ToolContext, arguments: ChangeBlock) -> Plan:
    """Change fields of a block, rows of a table or cards of a board; or move the block with `after`."""
    page = await _find(kit, context, arguments)
    if await kit.documents.is_edited(context, document_of(page)):
        return _done(arguments.block_id)
    await require_named(kit, context, arguments.content, document_of(page))
    block = await _read(kit, page, arguments.block_id)

    def change(doc: pycrdt.Doc[Any]) -> None:
        page_edits.change_block(
            doc, arguments.block_id, after=arguments.after, patch=arguments.content or None
        )

    what = f"a block ({block.type}) on the page “{short(page.title)}”"
    return _plan(kit, context, page, block.id, change, f"change {what}", f"changed {what}")


@tools.tool("pages.write")
async def delete_block(kit: Kit, context: ToolContext, arguments: DeleteBlock) -> Plan:
    """Put a block into its page's trash, where people can restore it."""
    page = await _find(kit, context, arguments)
    if await kit.documents.is_edited(context, document_of(page)):
        return _done(arguments.block_id)
    block = await _read(kit, page, arguments.block_id)

    def delete(doc: pycrdt.Doc[Any]) -> None:
        page_edits.delete_block(doc, block.id, stamp=_stamp(kit, context))

    what = f"a block ({block.type}) of the page “{short(page.title)}” into its trash: {short(block.text)}"
    return _plan(kit, context, page, block.id, delete, f"put {what}", f"put {what}")


Edit = AddText | AddBlock | ReplaceText | RewriteText | ChangeBlock | DeleteBlock


async def _find(kit: Kit, context: ToolContext, arguments: Edit) -> Page:
    async with kit.database.read() as uow:
        return await find_page(uow, context, arguments.page_id, "pages.write")


async def _read(kit: Kit, page: Page, block_id: str) -> Block:
    return await kit.documents.read(document_of(page), lambda doc: find_block(doc, block_id))


def _markdown(doc: "pycrdt.Doc[Any]", block_id: str) -> str:
    """Return a text as `read_page` shows it. Raises ToolError."""
    block = find_block(doc, block_id)
    if block.type not in RICH:
        raise ToolError(f"This is a block of the type {block.type}: use change_block.")
    return markdown_of(doc, block).strip("\n")


def _replaced(text: str, arguments: ReplaceText) -> str:
    count = text.count(arguments.old)
    if count != 1:
        where = "is not in the text" if count == 0 else f"is in the text {count} times: give more around it"
        raise ToolError(f"“{short(arguments.old)}” {where}. The text is:\n{text}")
    return text.replace(arguments.old, arguments.new)


def _stamp(kit: Kit, context: ToolContext) -> Stamp:
    return Stamp(kit.database.clock().isoformat(), context.principal.id)


def _plan(
    kit: Kit,
    context: ToolContext,
    page: Page,
    block_id: str,
    change: Callable[["pycrdt.Doc[Any]"], None],
    would: str,
    did: str,
) -> Plan:
    async def commit() -> ToolResult:
        edited = await kit.documents.edit(context, document_of(page), change, note=short(would))
        if edited.suggestion_id is not None:
            return _suggested(page, edited.suggestion_id)
        kit.documents.note_block(block_id, page.id)
        effect = Effect(did, document_of(page), edited.position)
        return ToolResult(f"Done, in the block {block_id}.", {"block_id": block_id}, (effect,))

    return Plan(would, commit)


def _done(block_id: str) -> Plan:
    """Return what a step comes to that is repeated: what it was about may not be there any more."""

    async def commit() -> ToolResult:
        return ToolResult(f"Done, in the block {block_id}.", {"block_id": block_id})

    return Plan("do nothing more", commit)


def _suggested(page: Page, suggestion_id: UUID) -> ToolResult:
    """Return what became of an edit where a person was writing."""
    text = f"Somebody is writing there, so it became the suggestion {suggestion_id}: people decide on it."
    effect = Effect(f"suggested a change of the page “{short(page.title)}”", f"suggestion:{suggestion_id}")
    return ToolResult(text, {"suggestion_id": str(suggestion_id)}, (effect,))
