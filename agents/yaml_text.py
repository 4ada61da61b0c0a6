"""Reads YAML that people write into what JSON can say, and nothing more.

Only what is plain in YAML 1.2's core schema: `no` is a text, `12:30` and `2026-01-01` are texts, `true` is a
boolean. Anchors, aliases, tags, several documents, keys that are no texts and keys that are given twice are
refused with their place. Built from the parser's events, so that neither depth nor aliases can exhaust
anything and no constructor ever runs.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from agents.errors import Fault, InvalidConfigError

MAX_LEVELS = 20
MAX_VALUES = 2000
MAX_INTEGER = 2**53
"""What JSON.parse reads back exactly."""

_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_INTEGER = re.compile(r"[-+]?[0-9]{1,20}|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,20}")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


Path = tuple[str | int, ...]
"""The way to a value: names and positions."""


class Place(msgspec.Struct, frozen=True):
    """Where in a text something begins, from 1."""

    line: int
    column: int


class Read(msgspec.Struct, frozen=True):
    """What a text says, and where."""

    mapping: dict[str, Any]
    places: dict[Path, Place]
    """Of all values."""
    names: dict[Path, Place]
    """Of the names that values in mappings have."""

    def fault(self, path: Path, detail: str, prefix: str, *, is_name: bool = False) -> Fault:
        """Return a fault of a value, or of its name, with its place, or that of what it should stand in."""
        found = self.names.get(path) if is_name else None
        for end in range(len(path), -1, -1):
            found = found or self.places.get(path[:end])
        return placed_fault(written(path, prefix), found, detail)

    def locate(self, fault: Fault, prefix: str, *, is_name: bool = False) -> Fault:
        """Return a fault whose path is as `written` with its place, or that of what it should stand in."""
        ways = [way for way in self.places if _is_within(fault.path, written(way, prefix))]
        way = max(ways, key=len, default=())
        found = self.names.get(way) if is_name else None
        return placed_fault(fault.path, found or self.places.get(way), fault.detail)


def written(path: Path, prefix: str) -> str:
    """Return a path as it is shown: `prefix.llm.fallbacks[0]`."""
    return prefix + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def _is_within(path: str, outer: str) -> bool:
    return path == outer or (path.startswith(outer) and path[len(outer)] in ".[")


def read_mapping(text: str, path: str) -> dict[str, Any]:
    """Return what a text says; an empty one says nothing. Raises InvalidConfigError, with `path` in front."""
    return read_placed(text, path).mapping


def read_placed(text: str, path: str) -> Read:
    """Return what a text says with the places of it. Raises InvalidConfigError, with `path` in front."""
    reader = _Reader(path)
    try:
        for event in _events(text):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        raise _fault(path, error.problem_mark or error.context_mark, _sentence(error.problem)) from error
    except yaml.YAMLError as error:
        raise _fault(path, None, _sentence(str(error).splitlines()[0])) from error
    root: object = reader.root
    if root is None:
        root = {}
    if not isinstance(root, dict):
        raise _fault(path, None, "Expected a mapping: lines of `name: value`")
    return Read(cast("dict[str, Any]", root), reader.places, reader.names)


def _events(text: str) -> Iterator[Event]:
    return yaml.parse(text, Loader=yaml.CSafeLoader)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (the stubs say nothing)


class _Reader:
    """What has been read so far."""

    def __init__(self, path: str) -> None:
        self.root: Any = None
        self.places: dict[Path, Place] = {}
        self.names: dict[Path, Place] = {}
        self._path = path
        self._ways: list[Path] = []
        self._open: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str | None] = []
        self._values = 0
        self._documents = 0

    def take(self, event: Event) -> None:
        """Take the next event of the parser."""
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._refuse(event, "Expected one document, without a second `---`")
        elif isinstance(event, AliasEvent):
            raise self._refuse(event, "Aliases (`*name`) are not supported: write the value out")
        elif isinstance(event, NodeEvent):
            self._take_node(event)
        elif isinstance(event, CollectionEndEvent):
            self._open.pop()
            self._keys.pop()
            self._ways.pop()

    def _take_node(self, event: NodeEvent) -> None:
        if event.anchor is not None:
            raise self._refuse(event, "Anchors (`&name`) are not supported")
        if getattr(event, "tag", None) is not None:
            raise self._refuse(event, "Tags (`!name`) are not supported")
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._refuse(event, f"More than {MAX_VALUES} values")
        if isinstance(event, ScalarEvent):
            self._put(event, self._scalar(event))
            return
        assert isinstance(event, CollectionStartEvent)
        if len(self._open) == MAX_LEVELS:
            raise self._refuse(event, f"More than {MAX_LEVELS} levels")
        opened: dict[str, Any] | list[Any] = {} if isinstance(event, MappingStartEvent) else []
        self._ways.append(self._put(event, opened))
        self._open.append(opened)
        self._keys.append(None)

    def _put(self, event: NodeEvent, value: Any) -> Path:
        """Put a value, or a name, where it belongs, and return the way there."""
        if not self._open:
            self.root = value
            return self._note(self.places, (), event)
        place, way = self._open[-1], self._ways[-1]
        if isinstance(place, list):
            place.append(value)
            return self._note(self.places, (*way, len(place) - 1), event)
        key = self._keys[-1]
        if key is not None:
            place[key] = value
            self._keys[-1] = None
            return self._note(self.places, (*way, key), event)
        if not isinstance(value, str):
            raise self._refuse(event, "A name has to be a text: put it in quotes")
        if value in place:
            raise self._refuse(event, "This name is given twice")
        self._keys[-1] = value
        return self._note(self.names, (*way, value), event)

    def _note(self, places: dict[Path, Place], path: Path, event: NodeEvent) -> Path:
        places[path] = _place(event.start_mark)
        return path

    def _scalar(self, event: ScalarEvent) -> str | int | float | bool | None:
        text: str = event.value
        if "\0" in text:
            raise self._refuse(event, "Contains U+0000")
        if event.style:  # quoted, or a block of text
            return text
        if text in _NULL:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if _INTEGER.fullmatch(text):
            number = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            if abs(number) > MAX_INTEGER:
                raise self._refuse(event, "A whole number of more than 53 bits: put it in quotes")
            return number
        if _NUMBER.fullmatch(text):
            number = float(text)
            if math.isinf(number):
                raise self._refuse(event, "A number that is too large")
            return number
        return text

    def _refuse(self, event: Event, detail: str) -> InvalidConfigError:
        return _fault(self._path, event.start_mark, detail)


def _fault(path: str, mark: Any, detail: str) -> InvalidConfigError:
    return InvalidConfigError((placed_fault(path, _place(mark) if mark is not None else None, detail),))


def placed_fault(path: str, place: Place | None, detail: str) -> Fault:
    """Return a fault that says where in the text it is, if that is known."""
    if place is None:
        return Fault(path, detail)
    return Fault(path, f"Line {place.line}, column {place.column}: {detail}", place.line, place.column)


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _sentence(text: str | None) -> str:
    words = text or "cannot be read as YAML"
    return words[:1].upper() + words[1:]
