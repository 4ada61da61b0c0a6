"""Documents with anything in them, for readers that have to cope with it."""

from collections.abc import Sequence
from typing import Any

import pycrdt
from hypothesis import strategies as st

FIELDS = (
    "id",
    "sender_id",
    "sender_type",
    "content_type",
    "content",
    "created_at",
    "thread_id",
    "deleted",
    "text",
    "proposal",
)

_words = st.sampled_from(["text", "json_proposal", "user", "agent", "", "\x00", "2026-01-01T12:00:00Z"])
_scalars = st.none() | st.booleans() | st.floats() | st.integers(-(2**53), 2**53) | st.text() | _words
_plain = st.recursive(
    _scalars | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=4)
    ),
    max_leaves=10,
)


def _shared(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6).map(lambda value: ("map", value))
        | st.lists(inner, max_size=3).map(lambda value: ("array", value))
        | st.text(max_size=5).map(lambda value: ("text", value))
        | st.text(max_size=5).map(lambda value: ("xml", value))
    )


_values = st.recursive(_plain.map(lambda value: ("plain", value)), _shared, max_leaves=12)


@st.composite
def documents(draw: st.DrawFn, *, roots: Sequence[str], keys: Sequence[str]) -> pycrdt.Doc[Any]:
    """Give a document whose roots are mostly maps, of such keys and any values."""
    doc = pycrdt.Doc[Any]()
    for root in roots:
        if draw(st.integers(0, 9)) == 0:
            doc.get(root, type=pycrdt.Array[Any]).append(build(draw(_values)))
            continue
        entries = doc.get(root, type=pycrdt.Map[Any])
        for key, value in draw(st.dictionaries(st.sampled_from(keys), _values, max_size=4)).items():
            entries[key] = build(value)
    copy = pycrdt.Doc[Any]()  # a reader does not know of what type its roots were made
    copy.apply_update(doc.get_update())
    return copy


def build(value: tuple[str, Any]) -> Any:
    """Make a shared type of what was drawn; plain values stay."""
    kind, inner = value
    match kind:
        case "map":
            return pycrdt.Map({key: build(field) for key, field in inner.items()})
        case "array":
            return pycrdt.Array([build(item) for item in inner])
        case "text":
            return pycrdt.Text(inner)
        case "xml":
            return pycrdt.XmlFragment([pycrdt.XmlText(inner)])
        case _:
            return inner
