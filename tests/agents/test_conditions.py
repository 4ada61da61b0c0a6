"""Conditions on data."""

from typing import Any

import msgspec
import pytest

from agents.conditions import MAX_LEVELS, Condition, check_condition, holds

SCOPE: dict[str, Any] = {
    "event": {
        "type": "order.paid",
        "payload": {"total": 40, "tags": ["new", "vip"], "note": None, "on": True},
    }
}


def condition(value: object) -> Condition:
    return msgspec.convert(value, Condition)


TOTAL, TAGS, NOTE = "${event.payload.total}", "${event.payload.tags}", "${event.payload.note}"
MISSING = "${event.payload.nothing}"


@pytest.mark.parametrize(
    ("value", "is_so"),
    [
        ({"value": "${event.type}", "equals": "order.paid"}, True),
        ({"value": "${event.type}", "equals": "${event.type}"}, True),
        ({"value": "${event.type}", "not_equals": "order.paid"}, False),
        ({"value": "${event.type}", "starts_with": "order."}, True),
        ({"value": TOTAL, "starts_with": "4"}, False),
        ({"value": TOTAL, "above": 39.5}, True),
        ({"value": TOTAL, "below": 40}, False),
        ({"value": "${event.payload.on}", "above": 0}, False),
        ({"value": "${event.payload.on}", "equals": 1}, False),
        ({"value": TOTAL, "one_of": [30, 40]}, True),
        ({"value": TAGS, "contains": "vip"}, True),
        ({"value": "${event.type}", "contains": "paid"}, True),
        ({"value": "${event.payload}", "contains": "total"}, True),
        ({"value": TOTAL, "contains": 4}, False),
        ({"value": NOTE, "exists": True}, False),
        ({"value": NOTE, "equals": None}, True),
        ({"value": MISSING, "exists": False}, True),
        ({"value": MISSING, "equals": None}, False),
        ({"value": MISSING, "not_equals": "x"}, True),
        ({"all": []}, True),
        ({"any": []}, False),
        ({"all": [{"value": TOTAL, "above": 1}, {"not": {"value": TAGS, "contains": "old"}}]}, True),
        ({"any": [{"value": TOTAL, "above": 100}, {"value": TAGS, "contains": "new"}]}, True),
    ],
)
def test_a_condition_holds_or_not(value: dict[str, Any], is_so: bool):
    found = condition(value)
    assert check_condition(found, "where")[1] == []
    assert holds(found, SCOPE) is is_so


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({}, "where"),
        ({"value": 1}, "where"),
        ({"equals": 1}, "where"),
        ({"value": 1, "equals": 1, "above": 1}, "where"),
        ({"value": 1, "equals": 1, "all": []}, "where"),
        ({"all": [], "any": []}, "where"),
        ({"all": [{"value": 1, "equals": 1}, {"value": 1}]}, "where.all[1]"),
        ({"not": {"value": "${1}", "equals": 1}}, "where.not.value"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(value: dict[str, Any], place: str):
    faults = check_condition(condition(value), "where")[1]
    assert [fault.path for fault in faults] == [place]


def test_conditions_are_not_nested_without_end():
    value: dict[str, Any] = {"value": 1, "equals": 1}
    for _ in range(MAX_LEVELS):
        value = {"not": value}
    assert "levels" in check_condition(condition(value), "where")[1][0].detail
