"""References in values: what they stand for, and what is no reference."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import MissingReferenceError
from agents.references import MAX_TEXT_CHARACTERS, fill, references_in

SCOPE: dict[str, Any] = {
    "steps": {"brief": {"output": {"title": "Summer", "lines": ["a", "b"], "count": 3, "on": True}}},
    "body": None,
    "order-id": 7,
}


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("${steps.brief.output.title}", "Summer"),
        ("${steps.brief.output.lines}", ["a", "b"]),
        ("${ steps.brief.output.lines[1] }", "b"),
        ("${order-id}", 7),
        ("${body}", None),
        ("A ${steps.brief.output.title} of ${steps.brief.output.count}", "A Summer of 3"),
        ("on: ${steps.brief.output.on}, ${steps.brief.output.lines}", 'on: true, ["a","b"]'),
        ("${steps.other.output?}", None),
        ("${steps.brief.output.lines[9]?}", None),
        ("$${body}", "${body}"),
        ("it costs $5 and ${", "it costs $5 and ${"),
        ({"a": ["${order-id}", 1, None]}, {"a": [7, 1, None]}),
    ],
)
def test_a_reference_stands_for_what_is_there(value: object, filled: object):
    assert fill(value, SCOPE) == filled


@pytest.mark.parametrize(
    "value",
    ["${nothing}", "x ${steps.brief.output.nothing} y", "${steps.brief.output.lines[2]}", "${body.x}"],
)
def test_a_reference_to_nothing_is_told(value: str):
    with pytest.raises(MissingReferenceError, match="stands for nothing"):
        fill(value, SCOPE)


def test_a_text_does_not_grow_without_end():
    scope = {"much": "x" * (MAX_TEXT_CHARACTERS // 2)}
    with pytest.raises(MissingReferenceError, match="more than"):
        fill("${much} ${much} ${much}", scope)


def test_references_are_found_with_their_places_and_so_are_faults():
    value = {"a": ["${x.y[0]?}", "$${no}"], "b": "${1+1} ${}"}
    found, faults = references_in(value, "inputs")
    assert [(place, str(one), one.may_miss) for place, one in found] == [("inputs.a[0]", "x.y[0]", True)]
    assert [fault.path for fault in faults] == ["inputs.b", "inputs.b"]
    assert "`${1+1}` is no reference" in faults[0].detail


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=4)
    )
)
def test_what_is_found_without_faults_can_be_filled_or_misses_something(value: object):
    found, _ = references_in(value, "x")
    try:
        filled = fill(value, {})
    except MissingReferenceError:
        assert any(not one.may_miss for _, one in found)
    else:
        assert all(one.may_miss for _, one in found)
        if not found and "$$" not in repr(value):
            assert filled == value
