"""Pages as Markdown and HTML: of what is committed, and back into the live document."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pycrdt
from msgspec import Meta

from blocks.overlaps import find_overlaps
from blocks.page import Block, read_blocks
from blocks.page_edits import Stamp
from blocks.page_text import (
    CHARACTER_COST,
    Section,
    page_to_html,
    page_to_markdown,
    parse_page,
    write_page,
)
from server.rest.block_gate import find_open_page
from server.rest.document_fields import BaseText, Receipt, Seen, show_receipt, show_seen
from server.rest.gate import find_page
from server.rest.pages import document_of
from server.routing import ReaderCall, Routes, UserCall

routes = Routes("Pages as text")

MAX_CHARACTERS = 200_000
"""What a page's new text may have; a page that has grown larger is still given whole."""

_LINES = "Where the page has other blocks than one text, `<!-- block:ID -->` stands above each."
Markdown = Annotated[str, Meta(description=_LINES)]
MarkdownText = Annotated[str, Meta(max_length=MAX_CHARACTERS, description=_LINES)]


class PageMarkdown(msgspec.Struct, frozen=True, kw_only=True):
    """A page as Markdown, and the moment of its document."""

    markdown: Markdown
    seen: Seen


class PageHtml(msgspec.Struct, frozen=True, kw_only=True):
    """A page as HTML that may be put into any page, and the moment of its document."""

    html: str
    seen: Seen


class NewMarkdown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page's texts shall be."""

    markdown: MarkdownText
    base: BaseText | None = None


class MarkdownWritten(PageMarkdown, frozen=True, kw_only=True):
    """A page after a change that is committed."""

    receipt: Receipt
    overlaps: Annotated[
        list[str], Meta(description="Blocks in which others have changed the same since `base`: merged.")
    ]


@routes.get("/v1/pages/{page_id}/markdown", "pages.read", refuses=(503,))
async def get_page_markdown(call: ReaderCall, page_id: UUID) -> PageMarkdown:
    """Return a page as Markdown, as it is committed now."""
    async with call.services.database.read() as uow:
        name = document_of(await find_page(call, uow, page_id, "pages.read"))
    markdown, base, state_vector = await call.services.documents.render(name, page_to_markdown)
    return PageMarkdown(markdown=markdown, seen=show_seen(name, base, state_vector))


@routes.get("/v1/pages/{page_id}/html", "pages.read", refuses=(503,))
async def get_page_html(call: ReaderCall, page_id: UUID) -> PageHtml:
    """Return a page as HTML, sanitised, as it is committed now."""
    async with call.services.database.read() as uow:
        name = document_of(await find_page(call, uow, page_id, "pages.read"))
    html, base, state_vector = await call.services.documents.render(name, page_to_html)
    return PageHtml(html=html, seen=show_seen(name, base, state_vector))


@routes.put("/v1/pages/{page_id}/markdown", "pages.write", refuses=(403, 409))
async def put_page_markdown(call: UserCall, page_id: UUID, body: NewMarkdown) -> MarkdownWritten:
    """Change a page's texts to what a Markdown text says, word by word where they differ.

    What stands under `<!-- block:ID -->` is that block's; under an id that is not there, or before the first,
    it becomes a new text. A text whose line was taken out goes into the page's trash; blocks that are no text
    stay as they are. Without any such line it is the page's first text.
    """
    documents = call.services.documents
    name = document_of(await find_open_page(call, page_id))
    # Outside the transaction of the change, and for a long text outside the process.
    cost = len(body.markdown) * CHARACTER_COST
    sections = await call.services.offload.run(cost, parse_page, body.markdown)
    stamp = Stamp(call.services.clock().isoformat(), call.actor)
    ids = [str(call.services.database.new_id()) for _ in sections]
    change = partial(_write, sections=sections, stamp=stamp, ids=ids)
    size, _, _ = await documents.read(name, lambda doc: len(doc.get_update()))
    written = await documents.write(
        name, await call.principal(), change, base=body.base, look=_blocks, cost=cost + size
    )
    before, mine = written.result
    for block_id in mine.keys() - before.keys():
        documents.index.note(block_id, page_id)
    overlaps = _overlaps(before, mine, written.met) if written.met is not None else []
    markdown, base, state_vector = await documents.render(name, page_to_markdown)
    return MarkdownWritten(
        markdown=markdown,
        seen=show_seen(name, base, state_vector),
        receipt=show_receipt(name, written.position, written.state_vector),
        overlaps=overlaps,
    )


def _write(
    doc: pycrdt.Doc[Any], sections: Sequence[Section], stamp: Stamp, ids: Sequence[str]
) -> tuple[dict[str, Block], dict[str, Block]]:
    """Write a page's texts; return its blocks before and after."""
    before = _blocks(doc)
    write_page(doc, sections, stamp=stamp, new_id=iter(ids).__next__)
    return before, _blocks(doc)


def _blocks(doc: pycrdt.Doc[Any]) -> dict[str, Block]:
    return {block.id: block for block in read_blocks(doc)}


def _overlaps(before: dict[str, Block], mine: dict[str, Block], theirs: dict[str, Block]) -> list[str]:
    """Return the blocks of which both changed the same, or which one changed and the other deleted."""
    return [
        block_id
        for block_id, block in before.items()
        if find_overlaps(
            block.content,
            mine[block_id].content if block_id in mine else None,
            theirs[block_id].content if block_id in theirs else None,
        )
    ]
