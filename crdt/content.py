"""What people see of a document, as plain values: equal for two documents that look the same.

Pure. pycrdt does not tell of which kind a root is, and reading one as what it is not can go on for ever
(0.14.13: an Array over a text), so this tells it from what is in it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import pycrdt

Shared = (
    pycrdt.Text
    | pycrdt.Array[Any]
    | pycrdt.Map[Any]
    | pycrdt.XmlText
    | pycrdt.XmlElement
    | pycrdt.XmlFragment
)
"""A shared type, wherever in a document."""

Unit = tuple[object, dict[str, object]]
"""A piece of a text, or one thing embedded in it, with its formatting."""


def read_content(doc: pycrdt.Doc[Any]) -> dict[str, object]:
    """Return the content of a document: root name -> plain values. A root with nothing in it is none."""
    return {name: describe(root) for name in sorted(doc.keys()) if (root := open_root(doc, name)) is not None}


def open_root(doc: pycrdt.Doc[Any], name: str) -> Shared | None:
    """Return a root as what it is; None when there is nothing in it."""
    as_map = doc.get(name, type=pycrdt.Map[Any])
    if len(as_map):
        return as_map
    as_text = doc.get(name, type=pycrdt.Text)
    chunks = [chunk for chunk, _ in as_text.diff()]
    if any(isinstance(chunk, str) for chunk in chunks):
        return as_text
    if any(isinstance(chunk, pycrdt.XmlElement | pycrdt.XmlText) for chunk in chunks):
        return doc.get(name, type=pycrdt.XmlFragment)
    return doc.get(name, type=pycrdt.Array[Any]) if len(as_text) else None


def read_entry(doc: pycrdt.Doc[Any], root: str, key: str) -> dict[str, object]:
    """Return one entry of a root that is a map, as plain values; nothing where there is none."""
    entries = doc.get(root, type=pycrdt.Map[Any])
    return {key: _describe_strictly(entries[key])} if key in entries else {}


def _describe_strictly(value: object) -> object:
    """Return what `describe` does, with plain objects told from the shared maps that they may pose as."""
    match value:
        case pycrdt.Map():
            fields = read_fields(cast("pycrdt.Map[Any]", value))
            return {"map": {key: _describe_strictly(field) for key, field in fields.items()}}
        case dict():
            return {"object": cast("dict[str, object]", value)}
        case _:
            return describe(value)


def describe(value: object) -> object:
    """Return a shared type as plain values, and anything else as it is."""
    match value:
        case pycrdt.Map():
            return {
                "map": {
                    key: describe(item) for key, item in read_fields(cast("pycrdt.Map[Any]", value)).items()
                }
            }
        case pycrdt.Array():
            return {"array": [describe(item) for item in items_of(cast("pycrdt.Array[Any]", value))]}
        case pycrdt.Text():
            return {"text": read_chunks(value)}
        case pycrdt.XmlText():
            return {"text": read_chunks(value), "attributes": read_attributes(value)}
        case pycrdt.XmlElement():
            children = [describe(child) for child in items_of(value)]
            return {"element": value.tag, "attributes": read_attributes(value), "children": children}
        case pycrdt.XmlFragment():
            return {"fragment": [describe(child) for child in items_of(value)]}
        case _:
            return value


def read_fields(value: "pycrdt.Map[Any]") -> dict[str, Any]:
    """Return what is in a map, its keys in order."""
    return {key: value[key] for key in sorted(value.keys())}


def items_of(value: "pycrdt.Array[Any] | pycrdt.XmlElement | pycrdt.XmlFragment") -> Sequence[Any]:
    """Return what is in a sequence."""
    if isinstance(value, pycrdt.Array):
        return [value[index] for index in range(len(value))]
    return list(value.children)


def read_units(text: pycrdt.Text | pycrdt.XmlText) -> list[Unit]:
    """Return a text character by character."""
    units: list[Unit] = []
    for chunk, attributes in read_chunks(text):
        units += [(part, attributes) for part in (chunk if isinstance(chunk, str) else [chunk])]
    return units


def read_chunks(text: pycrdt.Text | pycrdt.XmlText) -> list[Unit]:
    """Return a text in the longest pieces of one formatting, and each thing embedded in it by itself."""
    chunks: list[Unit] = []
    for chunk, attributes in text.diff():
        value, formatting = describe(chunk), dict(attributes or {})
        before, its_formatting = chunks[-1] if chunks else (None, {})
        if isinstance(value, str) and isinstance(before, str) and formatting == its_formatting:
            chunks[-1] = (before + value, formatting)
        else:
            chunks.append((value, formatting))
    return chunks


def read_attributes(node: pycrdt.XmlElement | pycrdt.XmlText) -> dict[str, object]:
    """Return the attributes of an XML node."""
    # pycrdt's views are iterable and do not say so.
    return dict(cast("Iterable[tuple[str, object]]", node.attributes))
