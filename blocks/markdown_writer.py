"""Writes the tree of a rich text as Markdown that `blocks.markdown_reader` reads as the same tree.

What Markdown has no words for is written as the HTML that the reader knows: `<u>`, `<mark>`, images with
sizes, and tables that are no grid under one row of headers. So are marks whose signs would not be read as
such. Of nodes that are not known here the text is written, or a note that they are unreadable; marks that are
not known are left out. Total.
"""

import re
from collections.abc import Sequence

from blocks import tiptap
from blocks.html_writer import note, write_table
from blocks.markdown_line import write_line
from blocks.richtext import text_attribute
from blocks.tree import Element, Node, Text, texts_of

_RULE = "___"
"""Of the signs for a rule the one that no list begins with."""

_COMMENT = "<!--"
"""No line begins with it here, as those do that part a page."""

_DELIMITERS = {"": "---", "left": ":--", "center": ":-:", "right": "--:"}


def to_markdown(document: Element) -> str:
    """Return a document as Markdown."""
    lines = _write_blocks(document.content, is_top=True)
    return "\n".join(lines) + "\n" if lines else ""


def _write_blocks(nodes: Sequence[Node], *, is_tight: bool = False, is_top: bool = False) -> list[str]:
    lines: list[str] = []
    before: Node | None = None
    is_other = False
    for block in _gather_lines(nodes):
        # Lists that follow each other would be one if they had the same signs.
        is_other = _list_sign(before) == _list_sign(block) is not None and not is_other
        if lines and not is_tight:
            lines.append("")
        lines += _write_block(block, is_other=is_other, is_top=is_top)
        before = block
    return lines


def _gather_lines(nodes: Sequence[Node]) -> list[Element]:
    """Return nodes as blocks: texts that stand among them are paragraphs."""
    blocks: list[Element] = []
    line: list[Node] = []
    for node in nodes:
        if isinstance(node, Text) or node.type in tiptap.INLINE:
            line.append(node)
            continue
        if line:
            blocks.append(tiptap.paragraph(*line))
        line = []
        blocks.append(node)
    return [*blocks, tiptap.paragraph(*line)] if line else blocks


def _list_sign(node: Node | None) -> str | None:
    if not isinstance(node, Element) or node.type not in tiptap.LISTS:
        return None
    return "." if node.type == "orderedList" else "-"


def _write_block(node: Element, *, is_other: bool, is_top: bool) -> list[str]:
    match node.type:
        case "paragraph":
            return write_line(node.content).split("\n")
        case "heading":
            return [f"{'#' * _level(node)} {_write_heading(node)}".rstrip()]
        case "blockquote":
            return _prefixed(_write_blocks(node.content) or [""], "> ", "> ")
        case "bulletList" | "orderedList" | "taskList":
            return _write_list(node, is_other=is_other)
        case "codeBlock":
            return _write_code(node, is_top=is_top)
        case "horizontalRule":
            return [_RULE]
        case "image":
            return write_line((node,)).split("\n")
        case "table":
            return _write_grid(node) or [write_table(node)]
        case "doc" | "listItem" | "taskItem" | "tableRow" | "tableCell" | "tableHeader":
            return _write_blocks(node.content, is_top=is_top)
        case _:
            return write_line(node.content or (Text(note(node)),)).split("\n")


def _write_heading(node: Element) -> str:
    line = write_line(node.content, is_single=True)
    # Signs at the end of a heading are no text of it.
    return f"{line[:-1]}\\#" if line.endswith("#") and not line.endswith("\\#") else line


def _level(node: Element) -> int:
    level = node.attrs.get("level")
    return min(max(level, 1), 6) if isinstance(level, int) else 1


def _prefixed(lines: Sequence[str], first: str, rest: str) -> list[str]:
    prefixes = [first] + [rest] * (len(lines) - 1)
    return [
        f"{prefix}{line}" if line else prefix.rstrip() for prefix, line in zip(prefixes, lines, strict=True)
    ]


def _write_list(node: Element, *, is_other: bool) -> list[str]:
    lines: list[str] = []
    items = _gather_lines(node.content)
    is_tight = all(_is_short(item) for item in items)
    number = _start(node)
    for item in items:
        sign = (
            f"{number}{')' if is_other else '.'}" if node.type == "orderedList" else "*" if is_other else "-"
        )
        number += 1
        is_task = item.type == "taskItem" or node.type == "taskList"
        content = _write_item(item, is_tight=is_tight, is_task=is_task)
        if is_task:
            box = "[x]" if item.attrs.get("checked") is True else "[ ]"
            content[0] = f"{box} {content[0]}".rstrip()
        if lines and not is_tight:
            lines.append("")
        lines += _prefixed(content, f"{sign} ", " " * (len(sign) + 1))
    return lines


def _start(node: Element) -> int:
    start = node.attrs.get("start", 1)
    return min(max(start, 0), 999_999_999) if isinstance(start, int) else 1


def _is_short(item: Element) -> bool:
    """Whether an item is one line, with lists under it at most that may follow it at once."""
    first, rest = item.content[:1], item.content[1:]
    return all(_is_text(node) for node in first) and all(
        isinstance(node, Element) and _may_follow(node) for node in rest
    )


def _is_text(node: Node) -> bool:
    """Whether a node is a paragraph that has text in it: a break alone would be a block of HTML."""
    return (
        isinstance(node, Element)
        and node.type == "paragraph"
        and (not node.content or any(isinstance(child, Text) for child in node.content))
    )


def _may_follow(node: Element) -> bool:
    """Whether a list may follow a line of text without an empty one between them."""
    if node.type not in tiptap.LISTS or (node.type == "orderedList" and _start(node) != 1):
        return False
    item = node.content[0] if node.content else None
    return isinstance(item, Element) and any(
        isinstance(child, Element) and child.content for child in item.content[:1]
    )


def _write_item(item: Element, *, is_tight: bool, is_task: bool) -> list[str]:
    if item.type not in tiptap.ITEMS:
        return _write_blocks((item,)) or [""]
    content = item.content
    if not content or not _is_blank(content[0]):
        return _write_blocks(content, is_tight=is_tight) or [""]
    if len(content) == 1:
        return [""]
    rest = _write_blocks(content[1:], is_tight=is_tight)
    if is_task:
        return ["", *([] if is_tight else [""]), *rest]
    # A reader puts an empty paragraph before what is none.
    return rest if _has_own_sign(content[1]) else _write_blocks(content, is_tight=is_tight)


def _is_blank(node: Node) -> bool:
    return isinstance(node, Element) and node.type == "paragraph" and not node.content


def _has_own_sign(node: Node) -> bool:
    return isinstance(node, Element) and node.type in tiptap.BLOCKS and node.type != "paragraph"


def _write_code(node: Element, *, is_top: bool) -> list[str]:
    text = "".join(child.text for child in texts_of(node))
    language = _escape_info(text_attribute(node.attrs, "language"))
    sign = "~" if "`" in language else "`"
    longest = max((len(run) for run in re.findall(f"{sign}+", text)), default=0)
    fence = sign * max(3, longest + 1)
    lines = [f"{fence}{language}", *(text.split("\n") if text else ()), fence]
    # The space before a fence is taken away from every line in it.
    is_apart = is_top and any(line.startswith(_COMMENT) for line in lines)
    return _prefixed(lines, " ", " ") if is_apart else lines


def _escape_info(language: str) -> str:
    word, *_ = language.split() or [""]
    return word.replace("\\", "\\\\").replace("&", "&amp;")


def _write_grid(table: Element) -> list[str]:
    """Return a table as a grid; nothing if it is none under one row of headers."""
    rows = [row.content for row in table.content if isinstance(row, Element) and row.type == "tableRow"]
    if not rows or len(rows) < len(table.content) or not rows[0]:
        return []
    columns = [_alignment(cell) for cell in rows[0]]
    for index, row in enumerate(rows):
        kind = "tableCell" if index else "tableHeader"
        if len(row) != len(columns) or not all(
            _is_grid_cell(cell, kind) and _alignment(cell) == align
            for cell, align in zip(row, columns, strict=True)
        ):
            return []
    lines = [_grid_row([_write_cell(cell) for cell in row]) for row in rows]
    return [lines[0], _grid_row([_DELIMITERS[align] for align in columns]), *lines[1:]]


def _grid_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _is_grid_cell(cell: Node, kind: str) -> bool:
    if not isinstance(cell, Element) or cell.type != kind or len(cell.content) > 1:
        return False
    if any(cell.attrs.get(name, 1) != 1 for name in ("colspan", "rowspan")):
        return False
    return all(isinstance(node, Element) and node.type in ("paragraph", "image") for node in cell.content)


def _alignment(cell: Node) -> str:
    align = text_attribute(cell.attrs, "align") if isinstance(cell, Element) else ""
    return align if align in tiptap.ALIGNMENTS else ""


def _write_cell(cell: Node) -> str:
    block = cell.content[0] if isinstance(cell, Element) and cell.content else None
    if not isinstance(block, Element) or _is_blank(block):
        return ""
    return write_line((block,) if block.type == "image" else block.content, is_cell=True)
