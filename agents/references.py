"""References in values: `${steps.brief.output.title}`, as a whole value or within a text. Pure.

A reference is a path through data and nothing else: names, separated by full stops, and `[0]` for places of a
list. It stands for what is there, of whatever type; within a text, for that as text (JSON for all but texts).
With `?` at its end it stands for null where nothing is, instead of being a fault. `$${` is a plain `${`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from agents.errors import Fault, MissingReferenceError

MAX_TEXT_CHARACTERS = 200_000
"""Of a text that references make."""

MAX_STEPS = 20
"""Of a path."""

_PLACE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<path>[^{}]*)\}|\$\{")
_PATH = re.compile(r"\s*(?P<root>[A-Za-z_][\w-]*)(?P<rest>(?:\.[\w-]+|\[\d{1,4}\])*)(?P<may_miss>\??)\s*")
_STEP = re.compile(r"\.(?P<name>[\w-]+)|\[(?P<index>\d{1,4})\]")


class Reference(msgspec.Struct, frozen=True):
    """A path, from the name of what it begins at."""

    steps: tuple[str | int, ...]
    may_miss: bool

    @property
    def root(self) -> str:
        """What the path begins at."""
        return str(self.steps[0])

    def __str__(self) -> str:
        """Write the path as it is written."""
        rest = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps[1:])
        return self.root + "".join(rest)


def references_in(value: object, path: str) -> tuple[list[tuple[str, Reference]], list[Fault]]:
    """Return the references in a value, each with its place below `path`, and what is wrong with others."""
    found: list[tuple[str, Reference]] = []
    faults: list[Fault] = []
    for place, text in _texts(value, path):
        for match in _PLACE.finditer(text):
            if match["escaped"]:
                continue
            reference = _parse(match["path"])
            if reference is None:
                shown = match[0][:80]
                faults.append(Fault(place, f"`{shown}` is no reference; write for instance ${{a.b[0].c}}"))
            else:
                found.append((place, reference))
    return found, faults


def fill(value: object, scope: Mapping[str, object]) -> Any:
    """Return a value with what its references stand for. Raises MissingReferenceError."""
    if isinstance(value, str):
        return _fill_text(value, scope)
    if isinstance(value, dict):
        return {name: fill(member, scope) for name, member in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [fill(member, scope) for member in cast("list[object]", value)]
    return value


def _fill_text(text: str, scope: Mapping[str, object]) -> Any:
    whole = _PLACE.fullmatch(text)
    if whole is not None and (reference := _parse(whole["path"])) is not None:
        return _look_up(reference, scope)
    parts: list[str] = []
    length = end = 0
    for match in _PLACE.finditer(text):
        reference = _parse(match["path"])
        shown = "${" if match["escaped"] else match[0] if reference is None else ""
        if reference is not None:
            shown = _as_text(_look_up(reference, scope))
        parts += [text[end : match.start()], shown]
        length += match.start() - end + len(shown)
        if length > MAX_TEXT_CHARACTERS:
            raise MissingReferenceError(f"a text of more than {MAX_TEXT_CHARACTERS:,} characters")
        end = match.end()
    return "".join([*parts, text[end:]])


def _look_up(reference: Reference, scope: Mapping[str, object]) -> object:
    found: object = scope
    for step in reference.steps:
        if isinstance(found, Mapping) and step in (members := cast("Mapping[str | int, object]", found)):
            found = members[step]
        elif isinstance(found, list) and isinstance(step, int) and step < len(cast("list[object]", found)):
            found = cast("list[object]", found)[step]
        elif reference.may_miss:
            return None
        else:
            raise MissingReferenceError(f"${{{reference}}} stands for nothing here")
    return found


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _parse(text: str | None) -> Reference | None:
    match = _PATH.fullmatch(text) if text is not None and len(text) <= 500 else None
    if match is None:
        return None
    steps: list[str | int] = [match["root"]]
    for step in _STEP.finditer(match["rest"]):
        steps.append(int(step["index"]) if step["index"] is not None else step["name"])
    return Reference(tuple(steps), bool(match["may_miss"])) if len(steps) <= MAX_STEPS else None


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, member in cast("dict[str, object]", value).items():
            yield from _texts(member, f"{path}.{name}")
    elif isinstance(value, list):
        for number, member in enumerate(cast("list[object]", value)):
            yield from _texts(member, f"{path}[{number}]")
