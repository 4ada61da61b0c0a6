"""Reads Markdown into the tree of a rich text.

CommonMark, and of GitHub's extensions tables, strikethrough and task lists. Beyond that:

    @[Ann](user:1)      a mention of a user, an agent or a page
    <u>, <mark> ...     the tags of marks, and <br> and <img>, mean what they mean; others are text
    a block of HTML     is read as HTML, sanitised
    &nbsp;              alone in a paragraph, is an empty paragraph

A line that goes on is one text with a space; comments are no text. What comes of it fits an editor's schema.
Total, in time that grows with the text; half a character becomes U+FFFD.
"""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, cast

import msgspec

from blocks import tiptap
from blocks.errors import TooManyElementsError
from blocks.html_policy import is_html
from blocks.html_reader import read_html_nodes, read_image, read_tag, tag_mark
from blocks.markdown_rules import MOST_ELEMENTS, parser
from blocks.tree import Element, Json, Mark, Node, Text, clean, document, join_texts

if TYPE_CHECKING:
    from markdown_it.token import Token

EMPTY = "\u00a0"
"""What an empty paragraph has in it, since Markdown has no empty paragraphs."""

_MENTION = re.compile(r"(user|agent|page):(.+)", re.DOTALL)
_SIGNS = "@#"
_TASK = re.compile(r"\[([ xX])\](?: +|$)")
_TAG_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)")
_MARKS = {"strong": "bold", "em": "italic", "s": "strike"}
_BLOCKS = {
    "paragraph": "paragraph",
    "blockquote": "blockquote",
    "bullet_list": "bulletList",
    "list_item": "listItem",
    "table": "table",
    "tr": "tableRow",
}


class _Open(msgspec.Struct):
    """An element whose end has not come yet."""

    element: Element
    content: list[Node] = []


def from_markdown(text: str, *, most: int | None = None) -> Element:
    """Return the document that a Markdown text is.

    Raises TooManyElementsError where that is more than `most` elements, long before it is read to its end.
    """
    tokens = parser().parse(clean(text), {MOST_ELEMENTS: most})
    tree = tiptap.fit(document(tuple(_read_blocks(tokens))))
    if most is not None and count_elements(tree) > most:
        raise TooManyElementsError(most)
    return tree


def count_elements(tree: Element) -> int:
    """Return how many elements are in a tree, itself not counted.

    Texts count for half of one where there are more than two to an element, and for two where they are many
    in one element: each change of style makes one, and writing one takes longer the more there are before it.
    """
    waiting, elements, texts, most = [tree], 0, 0, 0
    while waiting:
        content = waiting.pop().content
        found = [node for node in content if isinstance(node, Element)]
        elements += len(found)
        texts += len(content) - len(found)
        most = max(most, len(content) - len(found))
        waiting += found
    return max(elements, texts // 2, 2 * most)


def read_line(text: str) -> tuple[Node, ...]:
    """Return what a line of Markdown is, without blocks."""
    tokens = parser().parseInline(clean(text))
    return _read_inline(tokens[0].children or [])


def _read_blocks(tokens: Sequence["Token"]) -> list[Node]:
    waiting = [_Open(Element("doc"))]
    for token in tokens:
        here = waiting[-1].content
        kind, _, end = token.type.rpartition("_")
        match token.type:
            case "inline":
                here += _read_inline(token.children or [])
            case "text_inline":
                here += [Text(token.content)] if token.content else []
            case "fence" | "code_block":
                here.append(_code_block(token))
            case "hr":
                here.append(Element("horizontalRule"))
            case "html_block":
                here += _read_html_block(token.content)
            case "thead_open" | "thead_close" | "tbody_open" | "tbody_close":
                pass
            case _ if end == "open":
                waiting.append(_Open(_opened(kind, token)))
            case _:
                assert end == "close", token.type
                done = waiting.pop()
                waiting[-1].content += _closed(done.element, done.content)
    return waiting[0].content


def _opened(kind: str, token: "Token") -> Element:
    match kind:
        case "heading":
            return Element("heading", {"level": int(token.tag[1:])})
        case "ordered_list":
            start = token.attrGet("start")
            return Element("orderedList", {"start": 1 if start is None else int(start)})
        case "th" | "td":
            _, _, align = str(token.attrGet("style") or "").partition(":")
            return tiptap.cell((), is_header=kind == "th", align=align)
        case _:
            return Element(_BLOCKS[kind])


def _closed(element: Element, content: list[Node]) -> list[Node]:
    if element.type == "bulletList":
        return _part_tasks(content)
    if element.type == "paragraph" and content == [Text(EMPTY)]:
        content = []
    return [Element(element.type, element.attrs, join_texts(content))]


def _code_block(token: "Token") -> Element:
    from markdown_it.common.utils import unescapeAll

    language = next(iter(unescapeAll(token.info).split()), "")
    content = token.content.removesuffix("\n")
    attrs: dict[str, Json] = {"language": language} if language else {}
    return Element("codeBlock", attrs, (Text(content),) if content else ())


def _part_tasks(items: list[Node]) -> list[Node]:
    """Return the lists that a list is: tasks are in lists of their own."""
    lists: list[Node] = []
    tasks = [_as_task(item) for item in items if isinstance(item, Element)]
    for is_tasks, group in groupby(zip(items, tasks, strict=True), lambda pair: pair[1] is not None):
        content = tuple(task or item for item, task in group)
        lists.append(Element("taskList" if is_tasks else "bulletList", {}, content))
    return lists


def _as_task(item: Element) -> Element | None:
    """Return the task that an item is, if its text begins with a box."""
    if not item.content or not isinstance(first := item.content[0], Element) or first.type != "paragraph":
        return None
    if not first.content or not isinstance(text := first.content[0], Text) or text.marks:
        return None
    match = _TASK.match(text.text)
    if match is None:
        return None
    rest = text.text[match.end() :]
    line = Element("paragraph", {}, ((Text(rest),) if rest else ()) + first.content[1:])
    return Element("taskItem", {"checked": match[1] != " "}, (line, *item.content[1:]))


def _read_html_block(content: str) -> list[Node]:
    """Return the nodes of a block of HTML; one that begins with a tag of somebody's own is text."""
    name = _TAG_NAME.match(content.strip())
    if name and not is_html(name[1]):
        return [tiptap.paragraph(Text(" ".join(content.split())))]
    return read_html_nodes(content)


class _Line(msgspec.Struct):
    """A line of text on its way: what was read, and how what comes next is marked."""

    nodes: list[Node] = []
    marks: list[Mark] = []
    links: list[tuple[int, Mark]] = []
    """The links that are open: where in `nodes` each begins."""

    def add(self, text: str, *more: Mark) -> None:
        if text:
            marks = {mark.type: mark for mark in (*self.marks, *more)}
            self.nodes.append(Text(text, tuple(sorted(marks.values(), key=_rank))))

    def end_mark(self, kind: str) -> None:
        last = next(index for index in reversed(range(len(self.marks))) if self.marks[index].type == kind)
        del self.marks[last]

    def open_link(self, mark: Mark) -> None:
        self.links.append((len(self.nodes), mark))
        self.marks.append(mark)

    def close_link(self) -> None:
        start, mark = self.links.pop()
        self.marks.remove(mark)
        href = str(mark.attrs["href"])
        mention = _as_mention(self.nodes, start, href)
        if mention is not None:
            self.nodes[start - 1 :] = mention
        elif start == len(self.nodes):
            self.add(href, mark)

    def add_image(self, node: Element) -> None:
        href = self.links[-1][1].attrs["href"] if self.links else None
        self.nodes.append(Element("image", {**node.attrs, "href": href}) if href else node)


def _rank(mark: Mark) -> int:
    return tiptap.MARKS.index(mark.type)


def _read_inline(tokens: Sequence["Token"]) -> tuple[Node, ...]:
    line = _Line()
    tags = _matching_tags(tokens)
    for index, token in enumerate(tokens):
        kind, _, end = token.type.rpartition("_")
        match token.type:
            case "text" | "text_special":
                line.add(token.content)
            case "softbreak":
                line.add(" ")
            case "hardbreak":
                line.nodes.append(Element("hardBreak"))
            case "code_inline":
                line.add(token.content, Mark("code"))
            case "image":
                line.add_image(_image(token))
            case "link_open":
                line.open_link(
                    tiptap.link(str(token.attrGet("href")), cast("str | None", token.attrGet("title")))
                )
            case "link_close":
                line.close_link()
            case "html_inline":
                _read_html(line, token.content, is_matched=index in tags)
            case _ if end == "open":
                line.marks.append(Mark(_MARKS[kind]))
            case _:
                line.end_mark(_MARKS[kind])
    return join_texts(line.nodes)


def _image(token: "Token") -> Element:
    alt = "".join(_texts_of(token.children or []))
    return tiptap.image(str(token.attrGet("src")), alt, str(token.attrGet("title") or ""))


def _texts_of(tokens: Sequence["Token"]) -> list[str]:
    found: list[str] = []
    for token in tokens:
        found += [" "] if token.type in ("softbreak", "hardbreak") else []
        found += _texts_of(token.children or []) if token.type == "image" else [token.content]
    return found


def _as_mention(nodes: list[Node], start: int, href: str) -> list[Node] | None:
    """Return what takes the place of a sign and a link behind it, if they are a mention."""
    target = _MENTION.fullmatch(href)
    before = nodes[start - 1] if start else None
    shown = nodes[start:]
    if target is None or not isinstance(before, Text) or before.text[-1] not in _SIGNS:
        return None
    label = "".join(node.text if isinstance(node, Text) else "" for node in shown)
    rest: list[Node] = [Text(before.text[:-1], before.marks)] if len(before.text) > 1 else []
    return [*rest, tiptap.mention(target[1], target[2], label, before.text[-1])]


def _matching_tags(tokens: Sequence["Token"]) -> set[int]:
    """Return which tags of marks have their counterparts in the same line."""
    matched: set[int] = set()
    waiting: list[tuple[str, int]] = []
    depths: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if token.type != "html_inline":
            continue
        tag = read_tag(token.content)
        if tag is None or (not tag.is_end and tag_mark(tag.name, tag.attrs) is None):
            continue
        if not tag.is_end:
            waiting.append((tag.name, index))
            depths[tag.name] = depths.get(tag.name, 0) + 1
        elif depths.get(tag.name):
            while True:
                name, start = waiting.pop()
                depths[name] -= 1
                if name == tag.name:
                    matched |= {start, index}
                    break
    return matched


def _read_html(line: _Line, content: str, *, is_matched: bool) -> None:
    """Read a tag that stands in a line of text."""
    tag = read_tag(content)
    if tag is None:
        return  # a comment
    if is_matched:
        _read_mark_tag(line, tag.name, tag.attrs, is_end=tag.is_end)
    elif tag.name == "br" and not tag.is_end:
        line.nodes.append(Element("hardBreak"))
    elif tag.name == "img" and not tag.is_end and (node := read_image(tag.attrs)):
        line.add_image(node)
    else:
        line.add(content)


def _read_mark_tag(line: _Line, name: str, attrs: dict[str, str], *, is_end: bool) -> None:
    mark = tag_mark(name, attrs)
    if not is_end:
        assert mark is not None
        if mark.type == "link":
            line.open_link(mark)
        else:
            line.marks.append(mark)
    elif name == "a":
        line.close_link()
    elif mark is not None:
        line.end_mark(mark.type)
