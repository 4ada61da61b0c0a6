"""Plain JSON values of whatever a document has in it.

A document may hold what no schema knows: values of any type, shared types where plain ones belong, bytes,
numbers that are none. Pure, and total.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import pycrdt

from blocks.richtext import read_fragment
from blocks.tree import clean, to_json, to_plain

MAX_LEVELS = 32
"""Of values in each other; what lies deeper reads as nothing. A rich text has levels of its own."""


def plain(value: object, levels: int = MAX_LEVELS) -> Any:
    """Return a value as JSON has it; null stands for what it cannot say."""
    if levels == 0:
        return None
    match value:
        case pycrdt.XmlFragment():
            return to_json(read_fragment(value))
        case pycrdt.Text() | pycrdt.XmlText() | pycrdt.XmlElement():
            return clean(str(value))
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
            return to_plain(value)


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
    return {clean(str(key)): plain(read(key), levels - 1) for key in sorted(keys)}
