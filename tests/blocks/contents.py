"""Documents as clients may leave them: any values anywhere, for Hypothesis to draw."""

from collections.abc import Callable
from typing import Any

import pycrdt
from hypothesis import strategies as st

from blocks.kinds import KINDS
from blocks.page import BLOCKS, META

_BLOCK_FIELDS = [
    "id",
    "schema_version",
    "order",
    "created_at",
    "deleted_at",
    "moved_to",
    "position_x",
    "width",
]
_CONTENT_FIELDS = ["doc", "columns", "rows", "cards", "view", "url", "input", "cache", "fields", "status", ""]
_ENTRY_FIELDS = ["name", "type", "order", "cells", "column", "title", "doc", "limit", "due", "a"]
_NAMES = [*_BLOCK_FIELDS, *_CONTENT_FIELDS, *_ENTRY_FIELDS, "type", "content"]
_WORDS = [
    *KINDS,
    "shopify_product_lister",
    "hologram",
    "n0",
    "n00",
    "a",
    "b",
    "https://x.example/",
    "\0",
    "🙂",
]
_KEYS = [*"abcd", "x" * 101, ""]
_TAGS = ["paragraph", "heading", "mention", "text", "hologram"]

_numbers = st.floats() | st.integers(-(2**63), 2**63 - 1)
_scalars = (
    st.none()
    | st.booleans()
    | _numbers
    | st.sampled_from(_WORDS)
    | st.text(max_size=4)
    | st.binary(max_size=3)
)

Draw = Callable[[st.SearchStrategy[Any]], Any]


def _fields(draw: Draw, names: list[str], value: Callable[[], Any], most: int = 4) -> dict[str, Any]:
    return {draw(st.sampled_from(names)): value() for _ in range(draw(st.integers(0, most)))}


def _plain(draw: Draw, levels: int) -> Any:
    match draw(st.integers(0, 5)) if levels else 0:
        case 4:
            return [_plain(draw, levels - 1) for _ in range(draw(st.integers(0, 3)))]
        case 5:
            return _fields(draw, _NAMES, lambda: _plain(draw, levels - 1))
        case _:
            return draw(_scalars)


def _node(draw: Draw, levels: int) -> pycrdt.XmlElement | pycrdt.XmlText:
    if not levels or draw(st.booleans()):
        return pycrdt.XmlText(draw(st.text(max_size=5)))
    attributes = _fields(draw, ["level", "label", "x"], lambda: draw(st.text(max_size=3)), 2)
    children = [_node(draw, levels - 1) for _ in range(draw(st.integers(0, 3)))]
    return pycrdt.XmlElement(draw(st.sampled_from(_TAGS)), attributes, children)


def _shared(draw: Draw, levels: int) -> Any:
    """Return anything that may lie in a document."""
    match draw(st.integers(0, 9)) if levels else 0:
        case 4:
            return pycrdt.Text(draw(st.text(max_size=5)))
        case 5:
            return pycrdt.XmlFragment([_node(draw, 2) for _ in range(draw(st.integers(0, 3)))])
        case 6:
            return pycrdt.Array[Any]([_shared(draw, levels - 1) for _ in range(draw(st.integers(0, 3)))])
        case 7:
            return pycrdt.Doc[Any]()
        case 8 | 9:
            return _map(draw, _NAMES, levels)
        case _:
            return _plain(draw, 2)


def _map(draw: Draw, names: list[str], levels: int) -> pycrdt.Map[Any]:
    return pycrdt.Map[Any](_fields(draw, names, lambda: _shared(draw, levels - 1), 5))


def _content(draw: Draw) -> pycrdt.Map[Any]:
    """Return what nearly is a content, so that readers get beyond its first fault."""
    fields = _fields(draw, _CONTENT_FIELDS, lambda: _shared(draw, 2))
    for name in ("columns", "rows", "cards"):
        if draw(st.booleans()):
            fields[name] = pycrdt.Map[Any](_fields(draw, _KEYS, lambda: _map(draw, _ENTRY_FIELDS, 2)))
    return pycrdt.Map[Any](fields)


def _block(draw: Draw) -> Any:
    if not draw(st.integers(0, 5)):
        return _shared(draw, 3)
    fields = _fields(draw, _BLOCK_FIELDS, lambda: _shared(draw, 1), 6)
    fields["type"] = draw(st.sampled_from([*KINDS, *_WORDS]))
    fields["content"] = _content(draw) if draw(st.integers(0, 5)) else _shared(draw, 3)
    return pycrdt.Map[Any](fields)


@st.composite
def any_page(draw: Draw) -> pycrdt.Doc[Any]:
    """Give a page in which anything may lie anywhere."""
    doc = pycrdt.Doc[Any]()
    with doc.transaction():
        meta = doc.get(META, type=pycrdt.Map[Any])
        for name, value in _fields(draw, ["title", "icon_url"], lambda: _shared(draw, 1), 2).items():
            meta[name] = value
        blocks = doc.get(BLOCKS, type=pycrdt.Map[Any])
        for key, value in _fields(draw, [*"abcd"], lambda: _block(draw)).items():
            blocks[key] = value
    return doc  # pyright: ignore[reportUnknownVariableType]
