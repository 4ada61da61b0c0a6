"""Plain JSON values of whatever a document has in it.

A document may hold what no schema knows: values of any type, shared types where plain ones belong, bytes,
numbers that are none. Pure, and total.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

import pycrdt

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

MAX_LEVELS = 32
"""Of values in each other; what lies deeper reads as nothing."""

UNREADABLE = "unreadable"
"""The type of a node or a mark that has none."""

_NO_CHARACTER = "\x00"  # which no database takes into a text


def plain(value: object, levels: int = MAX_LEVELS) -> Any:
    """Return a value as JSON has it; null stands for what it cannot say."""
    if levels == 0:
        return None
    match value:
        case bool() | int() | None:
            return value
        case str():
            return _text(value)
        case float():
            return _number(value)
        case pycrdt.XmlFragment():
            return plain_rich_text(value, levels)
        case pycrdt.Text() | pycrdt.XmlText() | pycrdt.XmlElement():
            return _text(str(value))
        case pycrdt.Array():
            items = cast("pycrdt.Array[Any]", value)
            return [plain(items[index], levels - 1) for index in range(len(items))]
        case pycrdt.Map():
            fields = cast("pycrdt.Map[Any]", value)
            return _fields(fields.keys(), fields.__getitem__, levels)
        case dict():
            fields = cast("dict[str, Any]", value)
            return _fields(fields, fields.__getitem__, levels)
        case list() | tuple():
            return [plain(item, levels - 1) for item in cast("list[object]", value)]
        case _:
            return None


def plain_entry(doc: pycrdt.Doc[Any], root: str, key: str) -> Any:
    """Return one entry of a root that is a map; None where there is none."""
    entries = doc.get(root, type=pycrdt.Map[Any])
    return plain(entries[key]) if key in entries else None


def keys_of(doc: pycrdt.Doc[Any], root: str) -> list[str]:
    """Return the keys of a root that is a map, in their order."""
    return sorted(doc.get(root, type=pycrdt.Map[Any]).keys())


def string_of(fields: Mapping[str, object], name: str) -> str | None:
    """Return a field that is a string; None for anything else."""
    value = fields.get(name)
    return value if isinstance(value, str) else None


def _fields(keys: Any, read: Callable[[str], object], levels: int) -> dict[str, Any]:
    return {_text(str(key)): plain(read(key), levels - 1) for key in sorted(keys)}


def _text(value: str) -> str:
    return value.replace(_NO_CHARACTER, "\ufffd") if _NO_CHARACTER in value else value


def _number(value: float) -> float | int | None:
    # JavaScript has only floats, so a whole one is meant as what it is.
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def plain_rich_text(fragment: pycrdt.XmlFragment, levels: int = MAX_LEVELS) -> dict[str, Json]:
    """Return a rich text as ProseMirror has it in JSON."""
    return {"type": "doc", "content": _nodes(fragment.children, levels)}


def _nodes(children: Iterable[object], levels: int) -> list[Json]:
    found: list[Json] = []
    for child in children if levels else ():
        found += _node(child, levels - 1)
    return found


def _node(node: object, levels: int) -> list[Json]:
    """Return a node as it is in ProseMirror: a text as one node for each formatting."""
    if isinstance(node, pycrdt.XmlText):
        return plain_text_nodes(node)
    return [plain_node(node, levels)] if isinstance(node, pycrdt.XmlElement) else []


def plain_text_nodes(text: pycrdt.XmlText) -> list[Json]:
    """Return a text as ProseMirror's text nodes, one for each formatting."""
    nodes: list[Json] = []
    for chunk, attributes in text.diff():
        if not isinstance(chunk, str) or not chunk:
            continue
        node, last = _text_node(_text(chunk), attributes), nodes[-1] if nodes else None
        if isinstance(last, dict) and last.get("marks") == node.get("marks"):
            last["text"] = f"{last['text']}{node['text']}"
        else:
            nodes.append(node)
    return nodes


def plain_node(node: pycrdt.XmlElement, levels: int = MAX_LEVELS) -> Json:
    """Return an element as ProseMirror has it in JSON."""
    found: dict[str, Json] = {"type": node.tag or UNREADABLE}
    # pycrdt's views are iterable and do not say so.
    attributes = dict(cast("Iterable[tuple[str, object]]", node.attributes))
    if attributes:
        found["attrs"] = {name: plain(value, levels) for name, value in sorted(attributes.items())}
    children = _nodes(node.children, levels)
    if children:
        found["content"] = children
    return found


def _text_node(text: str, attributes: dict[str, Any] | None) -> dict[str, Json]:
    marks: list[Json] = []
    for name, value in sorted((attributes or {}).items()):
        mark: dict[str, Json] = {"type": name.partition("--")[0] or UNREADABLE}
        attrs = plain(value)
        if isinstance(attrs, dict) and attrs:
            mark["attrs"] = attrs
        marks.append(mark)
    return {"type": "text", "text": text, "marks": marks} if marks else {"type": "text", "text": text}
