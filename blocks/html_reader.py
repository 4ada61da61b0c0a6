"""Reads HTML into the tree of a rich text, as an editor does when it is pasted.

What Tiptap writes is read as what it was, and Notion's boxes as the ticks that they are; of anything else the
texts, in paragraphs. Spaces count as browsers count them. The HTML is sanitised first, so that its tags are
closed. Total, in time that grows with the text.
"""

import re
from collections.abc import Sequence
from html.parser import HTMLParser

import msgspec

from blocks import tiptap
from blocks.html_policy import BOUNDARIES, sanitize
from blocks.tree import Element, Json, Mark, Node, Text, clean, document, join_texts

MAX_LEVELS = 40
"""Of nodes in each other; what lies deeper is read as if it lay there."""

_MARKS = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em", "cite", "dfn", "var"), "italic"),
    **dict.fromkeys(("s", "del", "strike"), "strike"),
    **dict.fromkeys(("code", "kbd", "samp", "tt"), "code"),
    **dict.fromkeys(("u", "ins"), "underline"),
    "mark": "highlight",
}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_PLAIN = {
    "p": "paragraph",
    "blockquote": "blockquote",
    "tr": "tableRow",
    "table": "table",
    "caption": "paragraph",
}
_BOX_HOLDERS = tiptap.ITEMS | tiptap.CELLS
_EDGE = Element("")
"""Where a line ends because a block begins or ends that is no node."""

_SPACES = re.compile(r"[ \t\n\r\f]+")
_ALIGN = re.compile(r"text-align:\s*(\w+)")
_VOID = frozenset(("br", "hr", "img", "input", "wbr", "col"))
_NOTION_BOX = re.compile(r"\bcheckbox-(on|off)\b")
_LANGUAGE = re.compile(r"(?:^|\s)language-(\S+)")
_TAG_NAME = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)")
_WITH_ATTRIBUTES = frozenset(("a", "img", "mark"))


class Tag(msgspec.Struct, frozen=True):
    """One tag of HTML."""

    name: str
    attrs: dict[str, str]
    is_end: bool


class _Frame(msgspec.Struct):
    """A node whose end has not come yet."""

    element: Element
    content: list[Node] = []


def from_html(html: str) -> Element:
    """Return the document that a piece of HTML is."""
    return tiptap.fit(document(tuple(read_html_nodes(html))))


def read_html_nodes(html: str) -> list[Node]:
    """Return the nodes that a piece of HTML is; they need not fit a schema yet."""
    reader = _Reader()
    reader.feed(sanitize(clean(html)))
    reader.close()
    return reader.finish()


def read_tag(source: str) -> Tag | None:
    """Return what a tag says that stands by itself in other text; None for a comment."""
    name = _TAG_NAME.match(source)
    if name is None:
        return None
    tag = Tag(name[2].lower(), {}, bool(name[1]))
    if tag.is_end or tag.name not in _WITH_ATTRIBUTES or "=" not in source:
        return tag
    reader = _TagReader()
    reader.feed(sanitize(source))
    reader.close()
    return Tag(tag.name, reader.attrs, is_end=False)


def tag_mark(name: str, attrs: dict[str, str]) -> Mark | None:
    """Return the mark that a tag gives to what is in it."""
    if name == "a":
        return tiptap.link(attrs["href"], attrs.get("title")) if attrs.get("href") else None
    if name not in _MARKS:
        return None
    color = attrs.get("data-color")
    return Mark(_MARKS[name], {"color": color} if name == "mark" and color else {})


def read_image(attrs: dict[str, str]) -> Element | None:
    """Return the image of a tag; None if it has no address."""
    if not attrs.get("src"):
        return None
    sizes = {name: size for name in ("width", "height") if (size := _number(attrs.get(name)))}
    return tiptap.image(attrs["src"], attrs.get("alt", ""), attrs.get("title", ""), **sizes)


def _number(value: str | None, most: int = 100_000) -> int | None:
    return (
        min(int(value), most) if value and value.isascii() and value.isdigit() and len(value) < 10 else None
    )


class _TagReader(HTMLParser):
    """Keeps the attributes of the first tag."""

    def __init__(self) -> None:
        super().__init__()
        self.attrs: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attrs = {name: value or "" for name, value in attrs}


class _Reader(HTMLParser):
    """Builds nodes from tags that are all closed, as a sanitiser leaves them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._frames = [_Frame(document())]
        self._open: list[tuple[str, bool, bool]] = []
        """The tags that are open: their names, whether they are frames, whether they mark."""
        self._marks: list[Mark] = []
        self._code_blocks = 0

    def finish(self) -> list[Node]:
        """Return what was read."""
        while self._open:
            self.handle_endtag(self._open[-1][0])
        return _as_blocks(self._frames[0].content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in _VOID:
            self._add_void(tag, values)
            return
        element = self._opened(tag, values)
        mark = None if self._code_blocks else tag_mark(tag, values)
        if element is not None:
            self._frames.append(_Frame(element))
            self._code_blocks += element.type == "codeBlock"
        elif tag in BOUNDARIES:
            self._add(_EDGE)
            if tag == "div" and (box := _NOTION_BOX.search(values.get("class", ""))):
                self._add_notion_box(box[1] == "on")
        if mark is not None:
            self._marks.append(mark)
        self._open.append((tag, element is not None, mark is not None))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            return
        _, is_frame, is_mark = self._open.pop()
        if is_mark:
            self._marks.pop()
        if is_frame:
            frame = self._frames.pop()
            self._code_blocks -= frame.element.type == "codeBlock"
            self._frames[-1].content += _closed(frame.element, frame.content)
        elif tag in BOUNDARIES:
            self._add(_EDGE)

    def handle_data(self, data: str) -> None:
        marks = {mark.type: mark for mark in self._marks}
        self._add(Text(data, tuple(sorted(marks.values(), key=lambda mark: tiptap.MARKS.index(mark.type)))))

    def _add(self, node: Node) -> None:
        self._frames[-1].content.append(node)

    def _add_void(self, tag: str, attrs: dict[str, str]) -> None:
        if tag == "br":
            self._add(Element("hardBreak"))
        elif tag == "hr":
            self._add(Element("horizontalRule"))
        elif tag == "img" and (image := read_image(attrs)) is not None:
            links = [mark.attrs["href"] for mark in self._marks if mark.type == "link"]
            self._add(Element("image", {**image.attrs, "href": links[-1]}) if links else image)
        elif tag == "img" and attrs.get("alt"):
            self._add(Text(attrs["alt"]))
        elif tag == "input" and attrs.get("type") == "checkbox":
            self._check_item("checked" in attrs)

    def _add_notion_box(self, is_checked: bool) -> None:
        """Let a to-do be a task, and say in a cell what Notion's tables in CSV say there."""
        holders = [frame.element.type for frame in self._frames if frame.element.type in _BOX_HOLDERS]
        if holders and holders[-1] in tiptap.CELLS:
            self._add(Text("Yes" if is_checked else "No"))
        else:
            self._check_item(is_checked)

    def _check_item(self, is_checked: bool) -> None:
        """Make the item that a box is in a task."""
        for frame in reversed(self._frames):
            if frame.element.type in tiptap.ITEMS:
                if "checked" not in frame.element.attrs:
                    frame.element = Element("taskItem", {"checked": is_checked})
                return

    def _opened(self, tag: str, attrs: dict[str, str]) -> Element | None:
        if len(self._frames) >= MAX_LEVELS or self._code_blocks:
            if tag == "code" and self._code_blocks and (language := _LANGUAGE.search(attrs.get("class", ""))):
                self._frames[-1].element = Element("codeBlock", {"language": language[1]})
            return None
        match tag:
            case _ if tag in _HEADINGS:
                return Element("heading", {"level": _HEADINGS[tag]})
            case _ if tag in _PLAIN:
                return Element(_PLAIN[tag])
            case "pre":
                return Element("codeBlock")
            case "ul":
                return Element("bulletList")
            case "ol":
                return Element("orderedList", _list_attributes(attrs))
            case "li":
                is_task = attrs.get("data-type") == "taskItem"
                checked: dict[str, Json] = {"checked": attrs.get("data-checked") in ("", "true")}
                return Element("taskItem", checked) if is_task else Element("listItem")
            case "td" | "th":
                return _cell(tag, attrs)
            case "span" if attrs.get("data-type") == "mention" and attrs.get("data-id"):
                return _mention(attrs)
            case _:
                return None


def _list_attributes(attrs: dict[str, str]) -> dict[str, Json]:
    start = _number(attrs.get("start"), 999_999_999)
    found: dict[str, Json] = {"start": 1 if start is None else start}
    if attrs.get("type") in ("a", "A", "i", "I"):
        found["type"] = attrs["type"]
    return found


def _cell(tag: str, attrs: dict[str, str]) -> Element:
    style = _ALIGN.search(attrs.get("style", ""))
    more: dict[str, Json] = {name: _number(attrs.get(name), 1_000) or 1 for name in ("colspan", "rowspan")}
    widths = [_number(width) for width in attrs.get("colwidth", "").split(",")]
    if None not in widths:
        more["colwidth"] = list[Json](widths)
    return tiptap.cell((), is_header=tag == "th", align=style[1] if style else attrs.get("align"), **more)


def _mention(attrs: dict[str, str]) -> Element:
    kind = attrs.get("data-kind")
    node = tiptap.mention(
        kind if kind in tiptap.MENTION_KINDS else "user",
        attrs["data-id"],
        attrs.get("data-label", ""),
        attrs.get("data-mention-suggestion-char") or "@",
    )
    given = {name: value for name, value in node.attrs.items() if name != "kind" or kind}
    return Element("mention", {**given, "label": node.attrs["label"] or None})


def _closed(element: Element, content: list[Node]) -> list[Node]:
    """Return the nodes that an element is, now that all is known that is in it."""
    match element.type:
        case "mention":
            return [element]
        case "codeBlock":
            code = "".join(_code_of(content)).removesuffix("\n")
            return [Element("codeBlock", element.attrs, (Text(code),) if code else ())]
        case "paragraph" | "heading":
            return [Element(element.type, element.attrs, line) for line in _lines(content) or [()]]
        case "bulletList" | "orderedList":
            return _part_lists(element, content)
        case "table" | "tableRow":
            parts = [node for node in content if isinstance(node, Element) and node is not _EDGE]
            rows = tuple(node for node in parts if node.type == "tableRow" or node.type in tiptap.CELLS)
            captions = [node for node in parts if node not in rows]
            return [*captions, Element(element.type, element.attrs, rows)]
        case _:
            return [Element(element.type, element.attrs, tuple(_as_blocks(content)))]


def _code_of(content: Sequence[Node]) -> list[str]:
    found: list[str] = []
    for node in content:
        if isinstance(node, Text):
            found.append(node.text)
        elif node.type == "hardBreak":
            found.append("\n")
    return found


def _part_lists(element: Element, content: list[Node]) -> list[Node]:
    """Return the lists that a list is: tasks are in lists of their own."""
    lists: list[Node] = []
    for item in _as_blocks(content):
        assert isinstance(item, Element)
        kind = "taskList" if item.type == "taskItem" else element.type
        last = lists[-1] if lists else None
        if isinstance(last, Element) and last.type == kind:
            lists[-1] = Element(kind, last.attrs, (*last.content, item))
        else:
            lists.append(Element(kind, {} if kind == "taskList" else element.attrs, (item,)))
    return lists


def _as_blocks(content: Sequence[Node]) -> list[Node]:
    """Return nodes as blocks: each line among them is a paragraph."""
    blocks: list[Node] = []
    line: list[Node] = []
    for node in (*content, _EDGE):
        if tiptap.is_inline(node):
            line.append(node)
            continue
        blocks += [Element("paragraph", {}, found) for found in _lines(line)]
        line = []
        if node is not _EDGE:
            blocks.append(node)
    return blocks


def _lines(content: Sequence[Node]) -> list[tuple[Node, ...]]:
    """Return the lines of text that are not empty, with the spaces that a browser shows."""
    lines: list[tuple[Node, ...]] = []
    line: list[Node] = []
    for node in (*content, _EDGE):
        if node is not _EDGE:
            line.append(node)
        else:
            shown = _without_spaces(line)
            lines += [join_texts(shown)] if shown else []
            line = []
    return lines


def _without_spaces(line: Sequence[Node]) -> list[Node]:
    """Return a line with single spaces, and none at its ends and its breaks."""
    shown: list[Node] = []
    is_spaced = True
    for node in line:
        if isinstance(node, Text):
            text = _SPACES.sub(" ", node.text)
            text = text[1:] if is_spaced and text.startswith(" ") else text
            if text:
                shown.append(Text(text, node.marks))
                is_spaced = text.endswith(" ")
            continue
        if node.type in ("hardBreak", "image"):
            _strip_end(shown)
        shown.append(node)
        is_spaced = node.type in ("hardBreak", "image")
    _strip_end(shown)
    return shown


def _strip_end(line: list[Node]) -> None:
    if line and isinstance(last := line[-1], Text) and last.text.endswith(" "):
        text = last.text[:-1]
        line[-1:] = [Text(text, last.marks)] if text else []
