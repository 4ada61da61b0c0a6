"""Reads what a request brings into the types its operation declares. Pure: strings in, values out."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec

from server.errors import ApiError, FieldError, InvalidError, MalformedError

T = TypeVar("T")

_PLACE = re.compile(r"(?P<what>.*?)(?: - at `(?P<place>[^`]+)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(?P<field>[^`]+)`")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def parse_body(data: bytes, wanted: type[T]) -> T:
    """Decode JSON. Raises MalformedError for what is no JSON, InvalidError for what does not fit."""
    try:
        # In two steps, so that a syntax error outweighs a wrong type before it.
        value: object = msgspec.json.decode(data)
    except UnicodeDecodeError as error:
        raise MalformedError("The body is not UTF-8.", code="malformed_json") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedError(f"The body is not JSON: {error}.", code="malformed_json") from error
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise InvalidError(
            "The body does not fit: see `errors`.", errors=(locate_fault(error, "body"),)
        ) from error


def parse_query(pairs: list[tuple[str, str]], wanted: type[T]) -> T:
    """Read the query string's parameters. Raises MalformedError, also for one that is given twice."""
    values: dict[str, str] = {}
    for name, text in pairs:
        if name in values:
            raise _bad_parameter(FieldError(f"query.{name}", "Given more than once"))
        values[name] = text
    try:
        return msgspec.convert(values, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise _bad_parameter(locate_fault(error, "query")) from error


def parse_headers(given: Mapping[str, str], wanted: type[T]) -> T:
    """Read the headers that a Struct names. Raises MalformedError."""
    names = [field.encode_name for field in msgspec.structs.fields(cast("type[msgspec.Struct]", wanted))]
    values = {name: given[name] for name in names if name in given}
    try:
        return msgspec.convert(values, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise _bad_parameter(locate_fault(error, "header"), code="invalid_header") from error


def parse_path(values: Mapping[str, str], wanted: Mapping[str, type[object]]) -> dict[str, Any]:
    """Read the path's parameters. Raises MalformedError."""
    parsed: dict[str, Any] = {}
    for name, kind in wanted.items():
        if kind is not UUID:
            parsed[name] = _parse_segment(name, values[name], kind)
            continue
        if not _UUID.fullmatch(values[name]):
            raise _bad_parameter(FieldError(f"path.{name}", "Expected a UUID"), code="invalid_id")
        parsed[name] = UUID(values[name])
    return parsed


def _parse_segment(name: str, value: str, kind: type[object]) -> object:
    """Check a part of the path that is a string of a pattern."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _bad_parameter(locate_fault(error, f"path.{name}"), code="invalid_id") from error


def locate_fault(error: msgspec.ValidationError, root: str) -> FieldError:
    """Take msgspec's message apart: `Expected int - at $.a[2].x` becomes `body.a[2].x`, `Expected int`."""
    match = _PLACE.fullmatch(str(error))
    assert match
    path = root + (match["place"] or "$").removeprefix("$")
    field = _FIELD.fullmatch(match["what"])
    return FieldError(f"{path}.{field['field']}" if field else path, match["what"])


def _bad_parameter(fault: FieldError, code: str = "invalid_parameter") -> ApiError:
    return MalformedError(f"{fault.path}: {fault.detail}.", code=code, errors=(fault,))
