"""Conditions on data: what triggers filter events by, and playbooks decide by. Pure.

A condition is a test of one value, or is made of others:

    {"value": "${event.payload.status}", "equals": "paid"}
    {"all": [...]}    {"any": [...]}    {"not": {...}}

A test has one of the comparisons below. Where its value, a reference, stands for nothing, only
`exists: false` and `not_equals` hold.
"""

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from agents.errors import Fault, MissingReferenceError
from agents.references import Reference, fill, references_in

MAX_LEVELS = 8

COMPARISONS = ("equals", "not_equals", "one_of", "contains", "starts_with", "above", "below", "exists")
COMPOSITES = ("all", "any", "not_")


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"not_": "not"}):
    """A test or a composition: one key of `COMPARISONS` beside a value, or one of `COMPOSITES` alone."""

    value: Any = UNSET
    equals: Any = UNSET
    not_equals: Any = UNSET
    one_of: list[Any] | UnsetType = UNSET
    contains: Any = UNSET
    """A part of a text, an item of a list, or a key of an object."""
    starts_with: str | UnsetType = UNSET
    above: float | UnsetType = UNSET
    below: float | UnsetType = UNSET
    exists: bool | UnsetType = UNSET
    """Whether there is something, and it is not null."""
    all: "list[Condition] | UnsetType" = UNSET
    any: "list[Condition] | UnsetType" = UNSET
    not_: "Condition | UnsetType" = UNSET


def check_condition(condition: Condition, path: str) -> tuple[list[tuple[str, Reference]], list[Fault]]:
    """Return the references of a condition with their places, and all that is wrong with it."""
    return _check(condition, path, 1)


def holds(condition: Condition, scope: Mapping[str, object]) -> bool:
    """Tell whether a condition that was checked holds.

    Raises MissingReferenceError for a reference to nothing in what a value is compared to.
    """
    if condition.all is not UNSET:
        return all(holds(part, scope) for part in condition.all)
    if condition.any is not UNSET:
        return any(holds(part, scope) for part in condition.any)
    if condition.not_ is not UNSET:
        return not holds(condition.not_, scope)
    try:
        value = fill(condition.value, scope)
    except MissingReferenceError:
        return condition.exists is False or condition.not_equals is not UNSET
    name = next(name for name in COMPARISONS if getattr(condition, name) is not UNSET)
    return _compare(name, value, fill(getattr(condition, name), scope))


def _check(condition: Condition, path: str, level: int) -> tuple[list[tuple[str, Reference]], list[Fault]]:
    if level > MAX_LEVELS:
        return [], [Fault(path, f"More than {MAX_LEVELS} levels")]
    compared = [name for name in COMPARISONS if getattr(condition, name) is not UNSET]
    composed = [name for name in COMPOSITES if getattr(condition, name) is not UNSET]
    is_test = condition.value is not UNSET and len(compared) == 1 and not composed
    if not is_test and (len(composed) != 1 or compared or condition.value is not UNSET):
        choices = ", ".join(COMPARISONS)
        detail = f"Expected `value` and one of {choices}; or one of all, any, not alone"
        return [], [Fault(path, detail)]
    found: list[tuple[str, Reference]] = []
    faults: list[Fault] = []
    if is_test:
        for name in ("value", compared[0]):
            more, wrong = references_in(getattr(condition, name), f"{path}.{name}")
            found += more
            faults += wrong
        return found, faults
    for place, part in _parts(condition, path):
        more, wrong = _check(part, place, level + 1)
        found += more
        faults += wrong
    return found, faults


def _parts(condition: Condition, path: str) -> list[tuple[str, Condition]]:
    if condition.not_ is not UNSET:
        return [(f"{path}.not", condition.not_)]
    name, parts = ("all", condition.all) if condition.all is not UNSET else ("any", condition.any)
    assert parts is not UNSET
    return [(f"{path}.{name}[{number}]", part) for number, part in enumerate(parts)]


def _compare(name: str, value: object, wanted: Any) -> bool:
    match name:
        case "equals":
            return _same(value, wanted)
        case "not_equals":
            return not _same(value, wanted)
        case "one_of":
            return any(_same(value, one) for one in wanted)
        case "contains":
            return _contains(value, wanted)
        case "starts_with":
            return isinstance(value, str) and isinstance(wanted, str) and value.startswith(wanted)
        case "exists":
            return (value is not None) == wanted
        case _:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return value > wanted if name == "above" else value < wanted


def _contains(value: object, wanted: object) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    if isinstance(value, list):
        return any(_same(item, wanted) for item in cast("list[object]", value))
    return isinstance(value, dict) and isinstance(wanted, str) and wanted in value


def _same(one: object, other: object) -> bool:
    # True == 1 in Python; in the data that people see they differ.
    return isinstance(one, bool) == isinstance(other, bool) and one == other
