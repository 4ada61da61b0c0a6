"""A rich text as a tree of nodes: ProseMirror's document model, and its JSON.

The tree is what everything meets in: fragments of documents (`blocks.richtext`), Markdown, HTML and JSON. It
says nothing about which nodes there are; `blocks.tiptap` does. Pure. Nodes lie at most `MAX_DEPTH` deep, so
that functions over a tree may recurse.
"""

import math
from collections.abc import Iterator, Mapping
from typing import TypeAlias, cast

import msgspec

from blocks.errors import InvalidRichTextError

MAX_DEPTH = 100
"""Of elements in each other, the document itself included; 48 lists in each other fit."""

MAX_VALUE_LEVELS = 16
"""Of lists and objects in each other within an attribute."""

UNREADABLE = "unreadable"
"""The type of the node that stands for what is in a document and is no node."""

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Attributes = Mapping[str, Json]

_EXACT = 2**53


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a text is marked: bold, a link to somewhere."""

    type: str
    attrs: Attributes = {}


class Text(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="text"):
    """A text that is marked one way; never an empty one."""

    text: str
    marks: tuple[Mark, ...] = ()


class Element(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node that is no text."""

    type: str
    attrs: Attributes = {}
    content: tuple["Node", ...] = ()


Node: TypeAlias = Element | Text


def document(content: tuple[Node, ...] = ()) -> Element:
    """Return a whole document."""
    return Element("doc", {}, content)


def texts_of(node: Element) -> Iterator[Text]:
    """Return the texts under a node, in their order."""
    for child in node.content:
        if isinstance(child, Text):
            yield child
        else:
            yield from texts_of(child)


def unreadable(reason: str, text: str = "") -> Element:
    """Return the node for what cannot be read, with the text that is in it."""
    return Element(UNREADABLE, {"reason": reason}, (Text(text),) if text else ())


def join_texts(nodes: list[Node]) -> tuple[Node, ...]:
    """Return nodes with neighbouring texts that are marked alike as one."""
    joined: list[Node] = []
    run: list[str] = []
    for node in nodes:
        last = joined[-1] if joined else None
        if isinstance(node, Text) and isinstance(last, Text) and node.marks == last.marks:
            run = run or [last.text]
            run.append(node.text)
            continue
        if run and isinstance(last, Text):
            joined[-1] = Text("".join(run), last.marks)
        run = []
        joined.append(node)
    if run and joined and isinstance(last := joined[-1], Text):
        joined[-1] = Text("".join(run), last.marks)
    return tuple(joined)


def to_json(value: msgspec.Struct) -> dict[str, Json]:
    """Return a node as ProseMirror's JSON, which is what msgspec makes of it; or what contains some."""
    return msgspec.json.decode(msgspec.json.encode(value))


def from_json(value: object) -> Element:
    """Return the tree of a ProseMirror document in JSON. Raises InvalidRichTextError.

    What nodes and marks are called is not judged, nor what they may contain.
    """
    node = _node_from_json(value, "", MAX_DEPTH)
    if not isinstance(node, Element) or node.type != "doc":
        raise InvalidRichTextError("type", "a document has the type doc")
    return node


def _node_from_json(value: object, path: str, levels: int) -> Node | None:
    fields = _object(value, path)
    kind = fields.get("type")
    if not isinstance(kind, str) or not kind:
        raise InvalidRichTextError(_under(path, "type"), "a node has a type")
    kind = clean(kind)
    if kind == "text":
        text = fields.get("text")
        if not isinstance(text, str):
            raise InvalidRichTextError(_under(path, "text"), "a text node has a text")
        return (
            Text(clean(text), _marks_from_json(fields.get("marks"), _under(path, "marks"))) if text else None
        )
    if (levels == 0 and kind != UNREADABLE) or levels < 0:  # that may stand for what lies deeper
        raise InvalidRichTextError(path, f"more than {MAX_DEPTH} nodes lie in each other")
    attrs = _attributes_from_json(fields.get("attrs"), _under(path, "attrs"))
    children: list[Node] = []
    place = _under(path, "content")
    for index, item in enumerate(_items(fields.get("content"), place)):
        child = _node_from_json(item, f"{place}.{index}", levels - 1)
        if child is not None:
            children.append(child)
    return Element(kind, attrs, join_texts(children))


def _marks_from_json(value: object, path: str) -> tuple[Mark, ...]:
    marks: list[Mark] = []
    for index, item in enumerate(_items(value, path)):
        fields = _object(item, f"{path}.{index}")
        kind = fields.get("type")
        if not isinstance(kind, str) or not kind:
            raise InvalidRichTextError(f"{path}.{index}.type", "a mark has a type")
        mark = Mark(clean(kind), _attributes_from_json(fields.get("attrs"), f"{path}.{index}.attrs"))
        if mark not in marks:
            marks.append(mark)
    return tuple(marks)


def _attributes_from_json(value: object, path: str) -> dict[str, Json]:
    if value is None:
        return {}
    return {clean(name): to_plain(item) for name, item in _object(value, path).items()}


def _object(value: object, path: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InvalidRichTextError(path, "not an object")
    fields = cast("dict[object, object]", value)
    return {name: item for name, item in fields.items() if isinstance(name, str)}


def _items(value: object, path: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidRichTextError(path, "not a list")
    return cast("list[object]", value)


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def to_plain(value: object, levels: int = MAX_VALUE_LEVELS) -> Json:
    """Return an attribute's value as JSON has it; null stands for what it cannot say. Total."""
    match value:
        case None | bool():
            return value
        case str():
            return clean(value)
        case int() | float():
            return _number(value)
        case dict():
            items = cast("dict[object, object]", value).items()
            return {clean(str(key)): to_plain(item, levels - 1) for key, item in items} if levels else None
        case list() | tuple():
            return [to_plain(item, levels - 1) for item in cast("list[object]", value)] if levels else None
        case _:
            return None


def _number(value: float) -> float | int | None:
    # JavaScript has only floats, so a whole one is meant as what it is.
    if isinstance(value, int):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def clean(text: str) -> str:
    """Return a text without U+0000, which databases refuse, and halves of characters, which documents do."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        # Pairs of halves are joined, single ones replaced.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
