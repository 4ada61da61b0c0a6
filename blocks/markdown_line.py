"""Writes a line of text as Markdown: marks, links, mentions, images, and whatever must be escaped.

Marks are written with Markdown's own signs, and read again: signs between letters and spaces are not always
read as such. If anything else comes of it, the line is written with tags, which always work.
"""

import re
from collections.abc import Sequence

import msgspec

from blocks import tiptap
from blocks.html_writer import note, write_image
from blocks.markdown_reader import read_line
from blocks.markdown_rules import is_safe_address
from blocks.nesting import nest_marks
from blocks.richtext import mention_text, text_attribute
from blocks.tree import Element, Mark, Node, Text, join_texts, texts_of

_SIGNS = {"bold": "**", "italic": "*", "strike": "~~"}
_TAGS = {"bold": "strong", "italic": "em", "strike": "s", "underline": "u", "highlight": "mark"}

_ANYWHERE = re.compile(
    r"[\\`*\[\]]|^~|~$|~(?=~)|(?<=~)~|<(?=[A-Za-z/!?]|$)|&(?=#|[A-Za-z][A-Za-z0-9]*;)|!$"
    r"|(?<![^\W_])_|_(?![^\W_])"
)
_AT_START = re.compile(r"#{1,6}(?=\s|$)|>|[-+](?=[\s-]|$)|=|\||:(?=-)|~(?=~)")
_NUMBER = re.compile(r"(\d{1,9})([.)])(?=\s|$)")
_PLAIN_DESTINATION = re.compile(r"[^\s<>()\\&\x00-\x20\x7f]+")
_IN_DESTINATION = re.compile(r"[\\<>&]")
_MENTION_SIGNS = "@#"


class _Style(msgspec.Struct, frozen=True):
    """How a line is written."""

    is_cell: bool
    is_single: bool
    """Whether there can be no second line, as in headings."""
    with_tags: bool


def write_line(nodes: Sequence[Node], *, is_cell: bool = False, is_single: bool = False) -> str:
    """Return the nodes of a line as Markdown; an empty line as the sign for it."""
    if not nodes:
        return "" if is_cell or is_single else "&nbsp;"
    shown = _project(nodes)
    style = _Style(is_cell=is_cell, is_single=is_single or is_cell, with_tags=False)
    line = _write(shown, style)
    is_marked = any(isinstance(node, Text) and node.marks for node in shown)
    if is_marked and not _is_read_back(line.replace("\\|", "|") if is_cell else line, shown):
        return _write(shown, msgspec.structs.replace(style, with_tags=True))
    return line


def _is_read_back(line: str, nodes: Sequence[Node]) -> bool:
    read = read_line(line)
    return len(read) == len(nodes) and all(
        left == right if isinstance(left, Text) or isinstance(right, Text) else left.type == right.type
        for left, right in zip(read, nodes, strict=True)
    )


def _known_marks(text: Text) -> tuple[Mark, ...]:
    marks = {mark.type: mark for mark in text.marks if mark.type in tiptap.MARKS}
    if "link" in marks:
        href, title = (text_attribute(marks["link"].attrs, name) for name in ("href", "title"))
        marks["link"] = tiptap.link(href, title)
        if not is_safe_address(href):
            del marks["link"]
    return tuple(marks[kind] if kind == "link" else Mark(kind) for kind in tiptap.MARKS if kind in marks)


def _project(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Return nodes with the marks that Markdown can say."""
    return join_texts(
        [Text(node.text, _known_marks(node)) if isinstance(node, Text) else node for node in nodes]
    )


def _write(nodes: Sequence[Node], style: _Style) -> str:
    written: list[str] = []
    is_start = True
    for index, (ended, begun, node) in enumerate(nest_marks(nodes, beside="code")):
        written += [_end(mark, style) for mark in ended]
        written += [_start(mark, style) for mark in begun]
        following = nodes[index + 1] if index + 1 < len(nodes) else None
        if isinstance(node, Element) and node.type == "hardBreak":
            before = nodes[index - 1] if index else None
            is_start = not style.is_single and _is_word(before) and _is_word(following)
            written.append("\\\n" if is_start else "<br>")
        elif node is not None:
            is_end = following is None or (isinstance(following, Element) and following.type == "hardBreak")
            written.append(_write_node(node, style, is_start=is_start, is_end=is_end))
            is_start = False
    line = "".join(written)
    return line.replace("|", "\\|") if style.is_cell else line


def _is_word(node: Node | None) -> bool:
    return isinstance(node, Text) or (isinstance(node, Element) and node.type == "mention")


def _start(mark: Mark, style: _Style) -> str:
    if mark.type == "link":
        return "["
    return _SIGNS[mark.type] if mark.type in _SIGNS and not style.with_tags else f"<{_TAGS[mark.type]}>"


def _end(mark: Mark, style: _Style) -> str:
    if mark.type == "link":
        return f"]({_target(mark.attrs['href'], mark.attrs['title'])})"
    return _SIGNS[mark.type] if mark.type in _SIGNS and not style.with_tags else f"</{_TAGS[mark.type]}>"


def _target(href: object, title: object) -> str:
    destination = _destination(str(href))
    if not title:
        return destination
    escaped = re.sub(r'[\\"&]', r"\\\g<0>", str(title)).replace("\n", "&#10;").replace("\r", "&#13;")
    return f'{destination or "<>"} "{escaped}"'


def _destination(href: str) -> str:
    if not href or _PLAIN_DESTINATION.fullmatch(href):
        return href
    escaped = _IN_DESTINATION.sub(r"\\\g<0>", href)
    return f"<{escaped}>".replace("\n", "%0A").replace("\r", "%0D")


def _write_node(node: Node, style: _Style, *, is_start: bool, is_end: bool) -> str:
    if isinstance(node, Text):
        if any(mark.type == "code" for mark in node.marks):
            return _write_code(node.text, style)
        return _escape(node.text, is_start=is_start, is_end=is_end)
    match node.type:
        case "mention":
            return _write_mention(node)
        case "image":
            return _write_image(node)
        case _:
            text = "".join(child.text for child in texts_of(node))
            return _escape(text or note(node), is_start=is_start, is_end=is_end)


def _escape(text: str, *, is_start: bool = False, is_end: bool = False) -> str:
    """Return a text with everything escaped that would be read as something else."""
    first, last = "", ""
    if is_end and text[-1:].isspace():
        text, last = text[:-1], f"&#{ord(text[-1])};"
    if is_start and text[:1].isspace():
        text, first = text[1:], f"&#{ord(text[0])};"
    escaped = _ANYWHERE.sub(r"\\\g<0>", text)
    if is_start and not first:
        if match := _NUMBER.match(text):
            escaped = f"{match[1]}\\{escaped[match.end(1) :]}"
        elif _AT_START.match(text) and not escaped.startswith("\\"):
            escaped = f"\\{escaped}"
    return first + escaped.replace("\n", "&#10;").replace("\r", "&#13;") + last


def _write_code(text: str, style: _Style) -> str:
    if style.with_tags or "\n" in text or "\r" in text:
        return f"<code>{_escape(text, is_start=True, is_end=True)}</code>"
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    is_padded = text.startswith("`") or text.endswith("`")
    is_stripped = text.startswith(" ") and text.endswith(" ") and text.strip(" ")
    space = " " if is_padded or is_stripped else ""
    return f"{fence}{space}{text}{space}{fence}"


def _write_mention(node: Element) -> str:
    id, kind = text_attribute(node.attrs, "id"), text_attribute(node.attrs, "kind") or "user"
    shown = mention_text(node.attrs)
    if not id or kind not in tiptap.MENTION_KINDS:
        return _escape(shown)
    sign = text_attribute(node.attrs, "mentionSuggestionChar")
    label = text_attribute(node.attrs, "label") or id
    sign = sign if sign and sign in _MENTION_SIGNS else "@"
    return f"{sign}[{_escape(label)}]({_destination(f'{kind}:{id}')})"


def _write_image(node: Element) -> str:
    src, alt, title, href = (text_attribute(node.attrs, name) for name in ("src", "alt", "title", "href"))
    if not src or not is_safe_address(src):
        return _escape(alt or note(node))
    if node.attrs.get("width") is not None or node.attrs.get("height") is not None:
        return write_image(node)
    shown = f"![{_escape(alt)}]({_target(src, title)})"
    return f"[{shown}]({_target(href, None)})" if href and is_safe_address(href) else shown
