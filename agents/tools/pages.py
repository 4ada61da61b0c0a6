"""Finding and reading pages, and making new ones."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pycrdt
from msgspec import Meta

from agents.ports import Kit
from agents.tools.addresses import require_named
from agents.tools.base import Effect, Plan, ToolContext, ToolResult
from agents.tools.declaring import Tools
from agents.tools.errors import ToolError
from agents.tools.fields import BlockId, Markdown, PageId, PageTitle
from agents.tools.gate import find_page, within_grant, workspace_of
from agents.tools.words import digest, listed, short
from blocks.order import key_between
from blocks.page import Block, read_blocks
from blocks.page import read_block as read_one
from blocks.page_edits import Stamp, add_block
from blocks.page_text import RICH, markdown_of
from blocks.tree import to_json
from storage.models import Page

tools = Tools()

MOST_PAGES = 200
MOST_TEXT = 16_000
"""Characters of a page that one call reads."""

MOST_FOUND = 40
_AROUND = 80


class ListPages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which pages are wanted."""

    after: Annotated[UUID | None, Meta(description="The last page of the part before.")] = None


class ReadPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page, and from where on."""

    page_id: PageId
    from_block: Annotated[str | None, Meta(description="The block to begin with; the first if left out.")] = (
        None
    )


class ReadBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which block."""

    page_id: PageId
    block_id: BlockId


class FindInPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for in a page."""

    page_id: PageId
    text: Annotated[str, Meta(min_length=1, max_length=200, description="Compared without case.")]


class CreatePage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page to make."""

    title: PageTitle
    below: Annotated[UUID | None, Meta(description="The page it goes below; the top if left out.")] = None
    markdown: Markdown = ""


@tools.tool("pages.read")
async def list_pages(kit: Kit, context: ToolContext, arguments: ListPages) -> ToolResult:
    """List the pages of the workspace: id, title, and the page each is below."""
    after: tuple[str, UUID] | None = None
    async with kit.database.read() as uow:
        standing = await workspace_of(uow, context, "pages.read")
        if arguments.after is not None:
            last = await find_page(uow, context, arguments.after, "pages.read")
            after = (last.order_key, last.id)
        rows = await uow.pages.list_tree(
            context.workspace_id, reader=standing.page_reader, after=after, limit=MOST_PAGES + 1
        )
        granted = await within_grant(uow, context, [document_of(page) for page in rows])
    shown = [page for page in rows[:MOST_PAGES] if document_of(page) in granted]
    lines = [_line_of(page) for page in shown]
    if len(rows) > MOST_PAGES:
        lines.append(f"[more: go on with after={rows[MOST_PAGES - 1].id}]")
    data = [{"id": str(page.id), "title": page.title} for page in shown]
    return ToolResult(listed(lines, "There are no pages."), data, source="the list of pages")


@tools.tool("pages.read")
async def read_page(kit: Kit, context: ToolContext, arguments: ReadPage) -> ToolResult:
    """Read a page: its blocks with their ids, each as Markdown. `seen` names what you saw of a text."""
    page = await _find(kit, context, arguments.page_id)

    def read(doc: pycrdt.Doc[Any]) -> str:
        lines = [f"# {page.title} (page {page.id})"]
        size, is_there = 0, arguments.from_block is None
        for block in read_blocks(doc):
            is_there = is_there or block.id == arguments.from_block
            if not is_there:
                continue
            shown = show_block(doc, block)
            size += len(shown)
            if size > MOST_TEXT and len(lines) > 1:
                lines.append(f"[more: go on with from_block={block.id}]")
                break
            lines.append(shown)
        if not is_there:
            raise ToolError("The page has no such block.")
        return "\n\n".join(lines)

    return ToolResult(await kit.documents.read(document_of(page), read), source=source_of(page))


@tools.tool("pages.read")
async def read_block(kit: Kit, context: ToolContext, arguments: ReadBlock) -> ToolResult:
    """Read all of one block as JSON: of tables and boards the columns, rows and cards with their ids."""
    page = await _find(kit, context, arguments.page_id)
    block = await kit.documents.read(document_of(page), lambda doc: find_block(doc, arguments.block_id))
    data = {"id": block.id, "type": block.type, "content": block.content}
    return ToolResult(msgspec.json.encode(data).decode(), data, source=source_of(page))


@tools.tool("pages.read")
async def find_in_page(kit: Kit, context: ToolContext, arguments: FindInPage) -> ToolResult:
    """Find the blocks of a page in which a text is."""
    page = await _find(kit, context, arguments.page_id)
    lines = await kit.documents.render(document_of(page), partial(_lines_with, text=arguments.text))
    return ToolResult(listed(lines, "It is nowhere in the page."), source=source_of(page))


@tools.tool("pages.write")
async def create_page(kit: Kit, context: ToolContext, arguments: CreatePage) -> Plan:
    """Make a page, with a first text if `markdown` is given."""
    where = "at the top"
    async with kit.database.read() as uow:
        if arguments.below is None:
            await workspace_of(uow, context, "pages.write")
        else:
            parent = await find_page(uow, context, arguments.below, "pages.write")
            where = f"below “{short(parent.title)}”"
    section = await kit.documents.parse(arguments.markdown)
    await require_named(kit, context, to_json(section.tree))
    page_id, block_id = context.new_id("page"), str(context.new_id("block"))
    name = f"page:{page_id}"

    def fill(doc: pycrdt.Doc[Any]) -> None:
        stamp = Stamp(kit.database.clock().isoformat(), context.principal.id)
        add_block(doc, block_id, "text", {"doc": to_json(section.tree)}, stamp=stamp)

    async def commit() -> ToolResult:
        await _make(kit, context, arguments, page_id)
        position: int | None = None
        if section.text:
            position = (await kit.documents.edit(context, name, fill)).position
            kit.documents.note_block(block_id, page_id)
        effect = Effect(f"made the page “{short(arguments.title)}”", name, position)
        return ToolResult(f"Made the page {page_id}.", {"page_id": str(page_id)}, (effect,))

    told = f": {short(arguments.markdown)}" if arguments.markdown else ""
    return Plan(f"make the page “{short(arguments.title)}” {where}{told}", commit)


async def _make(kit: Kit, context: ToolContext, arguments: CreatePage, page_id: UUID) -> None:
    """Make a page, unless this step has made it before."""
    async with kit.database.transaction() as uow:
        if await uow.pages.get(page_id) is not None:
            return
        if context.invoker_user_id is None:
            raise ToolError("There is nobody in whose name a page could be made.")
        parent: Page | None = None
        if arguments.below is not None:
            parent = await find_page(uow, context, arguments.below, "pages.write")
        last = await uow.pages.last_key(context.workspace_id, arguments.below, moving=None)
        page = await uow.pages.create(
            context.workspace_id,
            title=arguments.title,
            parent=parent,
            icon_url=None,
            order_key=key_between(last, None),
            created_by_user_id=context.invoker_user_id,
            page_id=page_id,
        )
        await uow.documents.create(document_of(page), context.workspace_id)
        payload = {"title": page.title, "parent_page_id": str(parent.id) if parent else None}
        await uow.events.append(
            context.workspace_id, "page.created", context.principal.id, document_of(page), payload
        )


def document_of(page: Page) -> str:
    """Return the name of a page's document."""
    return f"page:{page.id}"


def source_of(page: Page) -> str:
    """Return what a text of a page is said to be."""
    return f"what stands on a page ({page.id})"


def find_block(doc: "pycrdt.Doc[Any]", block_id: str) -> Block:
    """Return a block that is not in the trash. Raises UnknownBlockError, ToolError."""
    block = read_one(doc, block_id)
    if block.is_deleted:
        raise ToolError("The block is in its page's trash.")
    return block


def _lines_with(doc: "pycrdt.Doc[Any]", text: str) -> list[str]:
    found: list[str] = []
    for block in read_blocks(doc):
        at = block.text.casefold().find(text.casefold())
        if at >= 0:
            around = block.text[max(0, at - _AROUND) : at + len(text) + _AROUND]
            found.append(f"[block {block.id}, {block.type}] {short(around)}")
    more = len(found) - MOST_FOUND
    return found[:MOST_FOUND] + ([f"[and {more} more blocks]"] if more > 0 else [])


def show_block(doc: "pycrdt.Doc[Any]", block: Block) -> str:
    """Return a block as a model reads it."""
    markdown = markdown_of(doc, block).strip("\n")
    seen = f", seen {digest(markdown)}" if block.type in RICH else ""
    return f"[block {block.id}, {block.type or 'unreadable'}{seen}]\n{markdown}"


def _line_of(page: Page) -> str:
    below = f" (below {page.parent_page_id})" if page.parent_page_id else ""
    return f"{page.id} {short(page.title) or 'without a title'}{below}"


async def _find(kit: Kit, context: ToolContext, page_id: UUID) -> Page:
    async with kit.database.read() as uow:
        return await find_page(uow, context, page_id, "pages.read")
