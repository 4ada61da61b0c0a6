"""A page as one text: Markdown that can be brought back changed, and HTML that is shown.

A page of a single text is that text. Of several blocks, each begins with a line that says which one it is:

    <!-- block:0198c5b7-5c2f-7000-8000-000000000001 -->

Bringing Markdown back changes texts by what differs from what they read as; as it was, it changes nothing.
What stands under a line whose block is not there, or before the first one, becomes a new text; a text whose
line was taken out goes into the page's trash. Blocks that are no text are shown, and neither changed nor
deleted. Without any such line it is the page's first text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast
from urllib.parse import quote, unquote
from uuid import UUID

import msgspec
import pycrdt
from msgspec import UNSET

from blocks import tiptap
from blocks.carrying import carry
from blocks.edits import change_fragment
from blocks.errors import TooManyElementsError, UnknownBlockError, UnreadableBlockError
from blocks.html_writer import to_html
from blocks.kind import Fields
from blocks.links import address_of_file
from blocks.lists import in_order
from blocks.markdown_reader import count_elements, from_markdown
from blocks.markdown_writer import to_markdown
from blocks.page import CONTENT, Block, blocks_of, read_block, read_blocks, read_content
from blocks.page_edits import After, Queue, Stamp, add_block, change_block, delete_block, tree_of_lines
from blocks.richtext import read_fragment
from blocks.tree import Element, Node, Text, document, from_json, to_json

RICH = frozenset(("text", "chat_bubble", "agent_snippet"))
"""The types that are a rich text."""

CHARACTER_COST = 64
"""What a character of Markdown costs to be read, in bytes of a document; signs cost the most."""

MAX_ELEMENTS = 10_000
"""Of Markdown that is brought back: comparing so many takes seconds, in which no other long text is read."""

_LINE = re.compile(r"^<!-- block:([A-Za-z0-9_.:~%-]*) -->[ \t]*$", re.MULTILINE)


class Section(msgspec.Struct, frozen=True):
    """What stands under one line, or without one."""

    block_id: str | None
    text: str
    tree: Element


def page_to_markdown(doc: pycrdt.Doc[Any]) -> str:
    """Return a page as Markdown."""
    blocks = [*read_blocks(doc)]
    if len(blocks) == 1 and blocks[0].type == "text":
        return markdown_of(doc, blocks[0])
    return "\n".join(f"{_line_of(block.id)}\n\n{markdown_of(doc, block)}" for block in blocks)


def _line_of(block_id: str) -> str:
    # A client may have called a block anything.
    return f"<!-- block:{quote(block_id, safe=':')} -->"


def page_to_html(doc: pycrdt.Doc[Any]) -> str:
    """Return a page as HTML that may be put into any page."""
    return "\n".join(map(to_html, page_trees(doc)))


def page_trees(doc: pycrdt.Doc[Any]) -> list[Element]:
    """Return what is shown of a page, block by block."""
    return [block_tree(doc, block) for block in read_blocks(doc)]


def parse_page(markdown: str) -> list[Section]:
    """Return the parts of a page's Markdown. Raises TooManyElementsError."""
    parts = _LINE.split(markdown)
    sections = [(None, parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    is_marked = len(sections) > 1
    found: list[Section] = []
    count = 0
    for block_id, text in sections:
        if block_id is None and is_marked and not text.strip():
            continue
        tree = from_markdown(text, most=MAX_ELEMENTS)
        count += count_elements(tree)
        if count > MAX_ELEMENTS:
            raise TooManyElementsError(MAX_ELEMENTS)
        found.append(Section(None if block_id is None else unquote(block_id), text.strip("\n"), tree))
    return found


def write_page(
    doc: pycrdt.Doc[Any], sections: Sequence[Section], *, stamp: Stamp, new_id: Callable[[], str]
) -> None:
    """Give the texts of a page what their sections say."""
    blocks = {block.id: block for block in read_blocks(doc)}
    texts = [block_id for block_id, block in blocks.items() if block.type == "text"]
    queue = Queue(doc)
    if len(sections) == 1 and sections[0].block_id is None:
        if not texts and not sections[0].text:
            return
        _write_section(doc, blocks, texts[0] if texts else None, sections[0], UNSET, stamp, new_id, queue)
        return
    behind: str | None = None
    for section in sections:
        behind = _write_section(doc, blocks, section.block_id, section, behind, stamp, new_id, queue)
    for block_id in set(texts) - {section.block_id for section in sections}:
        delete_block(doc, block_id, stamp=stamp)


def parse_text(markdown: str) -> Section:
    """Return Markdown of one text. Raises TooManyElementsError."""
    return Section(None, markdown.strip("\n"), from_markdown(markdown, most=MAX_ELEMENTS))


def rewrite_text(doc: pycrdt.Doc[Any], block_id: str, section: Section) -> None:
    """Give one text what a section says. Raises UnknownBlockError, UnreadableBlockError."""
    block = read_block(doc, block_id)
    if block.is_deleted:
        raise UnknownBlockError(block_id)
    if block.type not in RICH or block.condition == "unreadable":
        raise UnreadableBlockError("This block is no text.")
    with doc.transaction():
        _change_text(doc, block, section)


def put_lines(
    doc: pycrdt.Doc[Any],
    block_id: str,
    lines: Sequence[str],
    *,
    stamp: Stamp,
    after: str | None,
    is_new: bool = True,
) -> None:
    """Give a text a small heading and paragraphs, changing what differs; add it, if new, behind another.

    Raises UnknownBlockError for one that is not new and not there, or in the trash, and UnreadableBlockError.
    """
    tree = tree_of_lines(lines, level=3)
    blocks = blocks_of(doc)
    if is_new and block_id not in blocks:
        behind: After = after if after is not None and after in blocks else UNSET
        add_block(doc, block_id, "text", {"doc": to_json(tree)}, stamp=stamp, after=behind)
        return
    block = read_block(doc, block_id)
    fragment = fragment_of(doc, block_id)
    if block.is_deleted:
        raise UnknownBlockError(block_id)
    if fragment is None:
        raise UnreadableBlockError("This block is no text.")
    change_fragment(fragment, tree)


def _write_section(
    doc: pycrdt.Doc[Any],
    blocks: dict[str, Block],
    block_id: str | None,
    section: Section,
    after: After,
    stamp: Stamp,
    new_id: Callable[[], str],
    queue: Queue,
) -> str:
    """Write one section; return the id of its block."""
    block = blocks.get(block_id) if block_id is not None else None
    if block is None:
        made = new_id()
        content: Fields = {"doc": to_json(section.tree)}
        add_block(doc, made, "text", content, stamp=stamp, after=after, queue=queue)
        return made
    if block.type in RICH and block.condition != "unreadable":
        _change_text(doc, block, section)
    return block.id


def _change_text(doc: pycrdt.Doc[Any], block: Block, section: Section) -> None:
    """Change a rich text by what differs from what it reads as."""
    was = block_tree(doc, block)
    if to_markdown(was).strip("\n") == section.text:
        return
    tree = carry(was, section.tree)
    fragment = fragment_of(doc, block.id)
    if fragment is not None:
        change_fragment(fragment, tree)
    else:
        change_block(doc, block.id, patch={"doc": to_json(tree)})


def fragment_of(doc: pycrdt.Doc[Any], block_id: str) -> pycrdt.XmlFragment | None:
    """Return the rich text of a block; None where a client has put something else."""
    content: object = cast("pycrdt.Map[Any]", blocks_of(doc)[block_id]).get(CONTENT)
    fragment: object = (
        cast("pycrdt.Map[Any]", content).get("doc") if isinstance(content, pycrdt.Map) else None
    )
    return fragment if isinstance(fragment, pycrdt.XmlFragment) else None


def markdown_of(doc: pycrdt.Doc[Any], block: Block) -> str:
    """Return a block as Markdown."""
    return to_markdown(block_tree(doc, block))


def block_tree(doc: pycrdt.Doc[Any], block: Block) -> Element:
    """Return what is shown of a block."""
    if block.condition == "unreadable":
        return document((_line(f"(unreadable: {block.type or 'no block'})"),))
    if block.type in RICH:
        fragment = fragment_of(doc, block.id)
        return from_json(block.content["doc"]) if fragment is None else read_fragment(fragment)
    content: Any = read_content(cast("pycrdt.Map[Any]", blocks_of(doc)[block.id])).content
    return document(tuple(_SHOWN.get(block.type, _show_text)(block, content)))


def _line(text: str) -> Element:
    return tiptap.paragraph(Text(text)) if text else tiptap.paragraph()


def _link(text: str, url: str) -> Element:
    return tiptap.paragraph(Text(text or url, (tiptap.link(url),)))


def _show_text(block: Block, content: Any) -> Iterator[Node]:
    for line in block.text.split("\n"):
        yield _line(line)


def _address_of(content: Any) -> str | None:
    """Return where a picture or a film is: among the workspace's files, or elsewhere."""
    try:
        return address_of_file(UUID(content.file_id))
    except (TypeError, ValueError):
        return content.url


def _show_image(block: Block, content: Any) -> Iterator[Node]:
    if address := _address_of(content):
        yield tiptap.image(address, content.alt)
    elif content.alt:
        yield _line(content.alt)
    if content.caption:
        yield _line(content.caption)


def _show_video(block: Block, content: Any) -> Iterator[Node]:
    if address := _address_of(content):
        yield _link(content.caption or content.alt, address)
    else:
        yield _line(content.caption or content.alt)


def _show_embed(block: Block, content: Any) -> Iterator[Node]:
    if content.url:
        yield _link(content.title, content.url)


def _show_table(block: Block, content: Any) -> Iterator[Node]:
    columns = in_order(content.columns)
    if not columns:
        return
    head = [tiptap.cell((_line(column.name),), is_header=True) for _, column in columns]
    rows = [Element("tableRow", {}, tuple(head))]
    for _, row in in_order(content.rows):
        cells = [_say(row.cells.get(column_id)) for column_id, _ in columns]
        rows.append(
            Element("tableRow", {}, tuple(tiptap.cell((_line(cell),), is_header=False) for cell in cells))
        )
    yield Element("table", {}, tuple(rows))


def _say(cell: object) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, list):
        return ", ".join(map(str, cast("list[object]", cell)))
    return "" if cell is None else str(cell)


def _show_board(block: Block, content: Any) -> Iterator[Node]:
    cards = in_order(content.cards)
    for column_id, column in [*in_order(content.columns), (None, None)]:
        items = [
            Element("listItem", {}, (_line(card.title),)) for _, card in cards if card.column == column_id
        ]
        if column is not None:
            yield Element("heading", {"level": 3}, (Text(column.name or "Column"),))
        if items:
            yield Element("bulletList", {}, tuple(items))


_SHOWN: dict[str, Callable[[Block, Any], Iterator[Node]]] = {
    "image": _show_image,
    "video": _show_video,
    "embed_panel": _show_embed,
    "table_view": _show_table,
    "kanban_board": _show_board,
}
