"""The kinds of values that requests and answers share, with their limits, which the OpenAPI tells."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar, cast

import msgspec
from msgspec import UNSET, Meta

from server.errors import FieldError, InvalidError, MalformedError

T = TypeVar("T")
Row = TypeVar("Row")

# No text holds U+0000, which Postgres cannot store; a name also has something to see.
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
Title = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
Prose = Annotated[str, Meta(max_length=5000, pattern=r"^[^\x00]*$")]
Url = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^https?://[!-~]+$",
        description="An absolute http or https URL, in ASCII.",
    ),
]
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern=r"^[!-?A-~]+@[!-?A-~]+$",
        description="An address in ASCII; upper and lower case are the same.",
    ),
]
Line = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00\r\n]*$")]
Secret = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=4096,
        pattern="^[!-~]+$",
        description="Kept encrypted, and never shown again; null forgets it.",
    ),
]
Password = Annotated[str, Meta(min_length=8, max_length=1000)]
Token = Annotated[str, Meta(max_length=500)]
Time = Annotated[datetime, Meta(tz=True, description="RFC 3339, in UTC.")]

DocumentEpoch = Annotated[
    str,
    Meta(
        description="The document's epoch. It changes when the document begins anew, for instance from a "
        "backup: copies from before must be thrown away. Clients may state it when they connect."
    ),
]

JsonObject = Annotated[
    dict[str, Any],
    Meta(description="A JSON object: at most 20 levels, 2,000 values, whole numbers of 53 bits, no U+0000."),
]

JSON_LEVELS = 20
JSON_VALUES = 2000
JSON_INTEGER = 2**53
"""What JSON.parse reads back exactly."""


class Slice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list is wanted."""

    cursor: Annotated[str, Meta(max_length=500, description="`next_cursor` of the part before.")] | None = (
        None
    )
    limit: Annotated[int, Meta(ge=1, le=200, description="How many items at most.")] = 50


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list."""

    items: list[T]
    next_cursor: Annotated[str, Meta(description="Asks for what follows.")] | None


def given(change: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a change that were sent."""
    return {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}


def check_json(value: object, path: str) -> None:
    """Raise InvalidError for JSON at `path` that is too large, or that no database keeps as it is."""
    waiting: list[tuple[object, str, int]] = [(value, path, 1)]
    seen = 0
    while waiting:
        item, place, level = waiting.pop()
        seen += 1
        inside: list[tuple[object, str]] = []
        texts: list[str] = []
        if isinstance(item, dict):
            members = cast("dict[str, object]", item)
            texts = list(members)
            inside = [(member, f"{place}.{name}") for name, member in members.items()]
        elif isinstance(item, list):
            inside = [(member, f"{place}[{n}]") for n, member in enumerate(cast("list[object]", item))]
        elif isinstance(item, str):
            texts = [item]
        elif isinstance(item, int) and abs(item) > JSON_INTEGER:
            raise _bad_json(place, "A whole number of more than 53 bits")
        if any("\0" in text for text in texts):
            raise _bad_json(place, "Contains U+0000")
        if inside and level == JSON_LEVELS:
            raise _bad_json(place, f"More than {JSON_LEVELS} levels")
        if seen + len(waiting) + len(inside) > JSON_VALUES:
            raise _bad_json(path, f"More than {JSON_VALUES} values")
        waiting += [(member, where, level + 1) for member, where in inside]


def _bad_json(path: str, detail: str) -> InvalidError:
    return InvalidError(f"{path}: {detail}.", errors=(FieldError(path, detail),))


def read_cursor(slice_: Slice, kind: type[T]) -> T | None:
    """Return the sort key that a cursor stands for. Raises MalformedError for one that is none."""
    if slice_.cursor is None:
        return None
    try:
        text = base64.b64decode(slice_.cursor.encode("ascii"), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=kind)
    except (binascii.Error, msgspec.MsgspecError, UnicodeError, ValueError) as error:
        fault = FieldError("query.cursor", "Not a cursor of this list")
        raise MalformedError("The cursor is unknown.", code="invalid_cursor", errors=(fault,)) from error


def write_cursor(key: object) -> str:
    """Return the cursor that stands for a sort key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode()


def list_slice(
    rows: Sequence[Row], slice_: Slice, show: Callable[[Row], T], key: Callable[[Row], object]
) -> Listing[T]:
    """Make a listing of rows, one more than the limit if there are more; `key` is the sort key of a row."""
    chosen = rows[: slice_.limit]
    cursor = None
    if len(rows) > slice_.limit:
        cursor = write_cursor(key(chosen[-1]))
    return Listing([show(row) for row in chosen], cursor)
