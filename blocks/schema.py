"""Between the Struct that says what a content is and the shared types that it lies in.

How a field lies in the document follows from its type:

    RichText                     an XmlFragment, which editors bind to
    a Struct                     a Map
    dict[str, T] but of Any      a Map, of Maps where T is a Struct: two people change two entries
    anything else                a plain value, which is written whole

`repair` reads what anybody may have written: what does not fit becomes the field's default, and is told.
`write` and `rewrite` put a Struct into a Map, `rewrite` with as few edits as there are differences: what is
equal is not touched, so it keeps what others do there meanwhile, and what nobody here knows of stays.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin

import msgspec
import pycrdt

from blocks.edits import change_fragment
from blocks.errors import Fault, InvalidRichTextError
from blocks.plain import MAX_LEVELS
from blocks.richtext import append_nodes
from blocks.tiptap import paragraph
from blocks.tree import MAX_DEPTH, MAX_VALUE_LEVELS, Element, Json, Text, document, from_json

S = TypeVar("S", bound=msgspec.Struct)

NO_VALUE = msgspec.NODEFAULT
MAX_KEY_CHARACTERS = 100

_RICH_LEVELS = 2 * MAX_DEPTH + 2
"""Of a rich text in JSON: each node has a list of nodes. One node too many is told by `from_json`."""

EXACT = 2**53
"""Up to here every whole number is one that JavaScript has."""


RichText = Element
"""A whole document, see `blocks.tree`; in JSON as ProseMirror and Tiptap write it."""


def repair(value: Json, kind: type[S], faults: list[Fault], path: str, *, is_strict: bool = False) -> S:
    """Return a plain value as a Struct, all of whose fields have defaults; note what did not fit.

    What is in a document may have fields that nobody here knows, which is no fault; a caller's (`is_strict`)
    may not.
    """
    if not isinstance(value, dict):
        faults.append(Fault(path, "Not an object"))
        return kind()
    if is_strict:
        unknown = [name for name in value if name not in kind.__struct_fields__]
        faults += [Fault(f"{path}.{name}", "There is no such field") for name in unknown]
    fields: dict[str, object] = {}
    for field in _fields(kind):
        if field.name in value:
            place = f"{path}.{field.name}"
            fitting = _repair_field(value[field.name], field.type, faults, place, is_strict=is_strict)
            if fitting is not NO_VALUE:
                fields[field.name] = fitting
    return kind(**fields)


def _repair_field(value: Json, kind: Any, faults: list[Fault], path: str, *, is_strict: bool) -> object:
    if _is_struct(kind):
        return repair(value, kind, faults, path, is_strict=is_strict)
    entry_kind = _entry_kind(kind)
    if entry_kind is None:
        return _fit(value, kind, faults, path)
    if not isinstance(value, dict):
        faults.append(Fault(path, "Not an object"))
        return NO_VALUE
    entries: dict[str, object] = {}
    for key, entry in value.items():
        if not 0 < len(key) <= MAX_KEY_CHARACTERS:
            faults.append(Fault(path, "A key is empty, or too long"))
            continue
        fitting = _repair_field(entry, entry_kind, faults, f"{path}.{key}", is_strict=is_strict)
        if fitting is not NO_VALUE:
            entries[key] = fitting
    return entries


def _fit(value: Json, kind: Any, faults: list[Fault], path: str) -> object:
    if kind is RichText:
        return _fit_rich_text(value, faults, path)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        faults.append(Fault(path, str(error).partition(" - at `")[0]))
        return NO_VALUE


def _fit_rich_text(value: Json, faults: list[Fault], path: str) -> object:
    if isinstance(value, str) and value:
        faults.append(Fault(path, "A plain text where a rich text belongs"))
        return document(tuple(paragraph(*[Text(line)] * bool(line)) for line in value.split("\n")))
    try:
        return from_json({"type": "doc", **value} if isinstance(value, dict) else value)
    except InvalidRichTextError as error:
        faults.append(Fault(f"{path}.{error.path}" if error.path else path, error.detail))
        return NO_VALUE


def write(place: pycrdt.Map[Any], content: msgspec.Struct) -> None:
    """Write a Struct into an empty Map of a document: all that others may change at once is made now."""
    for field in _fields(type(content)):
        _write_field(place, field.name, field.type, getattr(content, field.name))


def _write_field(place: pycrdt.Map[Any], key: str, kind: Any, value: Any) -> None:
    entry_kind = _entry_kind(kind)
    if kind is RichText:
        place[key] = pycrdt.XmlFragment()
        append_nodes(place[key], value.content)
    elif _is_struct(kind):
        place[key] = pycrdt.Map[Any]()
        write(place[key], value)
    elif entry_kind is not None:
        place[key] = pycrdt.Map[Any]()
        for name, entry in value.items():
            _write_field(place[key], name, entry_kind, entry)
    elif value is not None:
        place[key] = msgspec.to_builtins(value)


def rewrite(place: pycrdt.Map[Any], before: msgspec.Struct, after: msgspec.Struct) -> None:
    """Give a Map that was read as one Struct the content of another one of its type."""
    for field in _fields(type(after)):
        was, wanted = getattr(before, field.name), getattr(after, field.name)
        _rewrite_field(place, field.name, field.type, was, wanted)


def _rewrite_field(place: pycrdt.Map[Any], key: str, kind: Any, before: Any, after: Any) -> None:
    if before == after:
        return
    current = place.get(key)
    entry_kind = _entry_kind(kind)
    if kind is RichText and isinstance(current, pycrdt.XmlFragment):
        change_fragment(current, after)
    elif _is_struct(kind) and isinstance(current, pycrdt.Map):
        rewrite(cast("pycrdt.Map[Any]", current), before, after)
    elif entry_kind is not None and isinstance(current, pycrdt.Map):
        _rewrite_entries(cast("pycrdt.Map[Any]", current), entry_kind, before, after)
    elif after is None:
        if key in place:
            del place[key]
    else:
        _write_field(place, key, kind, after)


def _rewrite_entries(
    place: pycrdt.Map[Any], kind: Any, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    for key in sorted(before.keys() - after.keys()):
        if key in place:
            del place[key]
    for key, entry in after.items():
        if key in before:
            _rewrite_field(place, key, kind, before[key], entry)
        else:
            _write_field(place, key, kind, entry)


def find_unwritable(value: Json, kind: Any, path: str, levels: int = MAX_LEVELS) -> list[Fault]:
    """Return where a caller's JSON for a type has what no document gives back as it was."""
    match value:
        case bool():
            return []
        case int() if abs(value) > EXACT:
            return [Fault(path, "A whole number of more than 53 bits")]
        case str() if "\0" in value:
            return [Fault(path, "Contains U+0000")]
        case dict() | list() if not levels:
            return [Fault(path, "Too much lies in each other")]
        case dict():
            faults = [Fault(path, "Contains U+0000") for key in value if "\0" in key]
            for key, item in value.items():
                inner, left = _within(kind, key, levels)
                faults += find_unwritable(item, inner, f"{path}.{key}", left)
            return faults
        case list():
            found: list[Fault] = []
            for number, item in enumerate(value):
                found += find_unwritable(item, kind, f"{path}[{number}]", levels - 1)
            return found
        case _:
            return []


def _within(kind: Any, key: str, levels: int) -> tuple[Any, int]:
    """Return of which type a member of an object is, and how many levels it may have."""
    if kind is RichText:
        return (Any, MAX_VALUE_LEVELS + 1) if key == "attrs" else (kind, levels - 1)
    if _is_struct(kind):
        kind = next((field.type for field in _fields(kind) if field.name == key), Any)
    else:
        kind = _entry_kind(kind) or Any
    return kind, _RICH_LEVELS if kind is RichText else levels - 1


def merge_patch(value: Json, patch: Json) -> Json:
    """Return a value with a JSON merge patch (RFC 7396) applied: objects are merged, null takes away."""
    if not isinstance(patch, dict):
        return patch
    merged: dict[str, Json] = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), part)
    return merged


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not RichText


@cache
def _entry_kind(kind: Any) -> Any:
    """Return of which type the entries of a shared Map are; None for what is none."""
    if get_origin(kind) is not dict:
        return None
    _, entry_kind = get_args(kind)
    return None if entry_kind is Any else entry_kind
