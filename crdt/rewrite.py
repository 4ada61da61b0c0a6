"""Turns one document's content into another's by few edits, where the edits that led there are not known.

Pure. Whatever is equal stays, so that what others do there meanwhile survives; what differs is written anew.
"""

import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

import pycrdt

from crdt.content import Shared, Unit, describe, items_of, open_root, read_attributes, read_fields, read_units

Change = tuple[int, int, int, int]
"""Items from the first number to the second become those from the third to the fourth."""


def rewrite(doc: pycrdt.Doc[Any], wanted: pycrdt.Doc[Any]) -> None:
    """Edit a document, in one transaction, until it has the content of another."""
    with doc.transaction():
        for name in sorted({*doc.keys(), *wanted.keys()}):
            current, target = open_root(doc, name), open_root(wanted, name)
            if target is not None:
                _fill(doc.get(name, type=type(target)), target)
            elif current is not None:
                _fill(current, _empty(current, pycrdt.Doc()))


def _fill(current: Shared, wanted: Shared) -> None:
    """Give a shared type the content of another one of its kind."""
    match current, wanted:
        case pycrdt.Map(), pycrdt.Map():
            _fill_map(current, wanted)
        case ((pycrdt.Text() | pycrdt.XmlText()), (pycrdt.Text() | pycrdt.XmlText())):
            _fill_text(current, wanted)
        case _:
            assert not isinstance(current, pycrdt.Map | pycrdt.Text | pycrdt.XmlText)
            assert not isinstance(wanted, pycrdt.Map | pycrdt.Text | pycrdt.XmlText)
            _fill_sequence(current, wanted)
    if isinstance(current, pycrdt.XmlElement | pycrdt.XmlText):
        assert isinstance(wanted, pycrdt.XmlElement | pycrdt.XmlText)
        _fill_attributes(current, wanted)


def _fill_map(current: pycrdt.Map[Any], wanted: pycrdt.Map[Any]) -> None:
    before, after = read_fields(current), read_fields(wanted)
    for key in before.keys() - after.keys():
        del current[key]
    for key, target in after.items():
        if key in before and describe(before[key]) == describe(target):
            continue
        if not _is_shared(target):
            current[key] = target
            continue
        if key not in before or not _is_same_kind(before[key], target):
            current[key] = _blank(target)
        _fill(current[key], target)


def _fill_attributes(
    current: pycrdt.XmlElement | pycrdt.XmlText, wanted: pycrdt.XmlElement | pycrdt.XmlText
) -> None:
    before, after = read_attributes(current), read_attributes(wanted)
    for key in before.keys() - after.keys():
        del current.attributes[key]
    for key, value in after.items():
        if before.get(key) != value:
            current.attributes[key] = value  # pyright: ignore[reportArgumentType] - any value works


def _fill_text(current: pycrdt.Text | pycrdt.XmlText, wanted: pycrdt.Text | pycrdt.XmlText) -> None:
    before, after = read_units(current), read_units(wanted)
    offsets = _offsets(before)
    for start, end, new_start, new_end in _changes(before, after):
        if offsets[end] > offsets[start]:
            del current[offsets[start] : offsets[end]]
        place = offsets[start]
        for value, attributes in after[new_start:new_end]:
            if isinstance(value, str):
                current.insert(place, value, attributes)
            else:
                current.insert_embed(place, value, attributes)
            place += _size(value)


def _fill_sequence(
    current: "pycrdt.Array[Any] | pycrdt.XmlElement | pycrdt.XmlFragment",
    wanted: "pycrdt.Array[Any] | pycrdt.XmlElement | pycrdt.XmlFragment",
) -> None:
    # XML has its items behind a view of their own.
    items: Any = current if isinstance(current, pycrdt.Array) else current.children
    before, after = items_of(current), items_of(wanted)
    described = [[describe(item) for item in part] for part in (before, after)]
    for start, end, new_start, new_end in _changes(*described):
        pairs = [*zip(range(start, end), range(new_start, new_end), strict=False)]
        kept = 0
        for index, new_index in pairs:
            if not _is_shared(after[new_index]) or not _is_same_kind(items[index], after[new_index]):
                break
            _fill(items[index], after[new_index])
            kept += 1
        for _ in range(start + kept, end):
            del items[start + kept]
        for offset, target in enumerate(after[new_start + kept : new_end], start=start + kept):
            items.insert(offset, _blank(target) if _is_shared(target) else target)
            if _is_shared(target):
                _fill(items[offset], target)


def _changes(before: Sequence[object], after: Sequence[object]) -> Iterator[Change]:
    """Return what differs between two sequences, the last place first, so that places stay what they are."""
    keys = [[json.dumps(item, sort_keys=True, default=repr) for item in part] for part in (before, after)]
    matcher = SequenceMatcher(None, keys[0], keys[1], autojunk=False)
    for tag, start, end, new_start, new_end in reversed(matcher.get_opcodes()):
        if tag != "equal":
            yield start, end, new_start, new_end


def _offsets(units: Sequence[Unit]) -> list[int]:
    # pycrdt counts the bytes of UTF-8; an embed is one.
    offsets = [0]
    for value, _ in units:
        offsets.append(offsets[-1] + _size(value))
    return offsets


def _size(value: object) -> int:
    return len(value.encode()) if isinstance(value, str) else 1


def _is_shared(value: object) -> bool:
    return isinstance(value, pycrdt.Map | pycrdt.Array | pycrdt.Text) or _is_xml(value)


def _is_xml(value: object) -> bool:
    return isinstance(value, pycrdt.XmlText | pycrdt.XmlElement | pycrdt.XmlFragment)


def _is_same_kind(value: object, other: object) -> bool:
    if isinstance(value, pycrdt.XmlElement) and isinstance(other, pycrdt.XmlElement):
        return value.tag == other.tag
    return type(value) is type(other)


def _blank(value: object) -> Any:
    """Return an empty shared type of the same kind, to be put into a document."""
    return pycrdt.XmlElement(value.tag) if isinstance(value, pycrdt.XmlElement) else type(value)()


def _empty(value: Shared, doc: pycrdt.Doc[Any]) -> Shared:
    """Return an empty root of the same kind."""
    return doc.get("empty", type=type(value))
