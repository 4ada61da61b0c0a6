"""YAML as people write it, and as they write it to do harm."""

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import InvalidConfigError
from agents.yaml_text import MAX_LEVELS, read_mapping


def read(text: str) -> dict[str, Any]:
    return read_mapping(text, "yaml_config")


def fault(text: str) -> str:
    with pytest.raises(InvalidConfigError) as error:
        read(text)
    (found,) = error.value.faults
    assert found.path == "yaml_config"
    return found.detail


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("off", "off"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0o10", 8),
        ("0x1f", 31),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".inf", ".inf"),
        ("", None),
        ("~", None),
        ("'true'", "true"),
        ('"1"', "1"),
        ("|\n  a\n  b", "a\nb"),
        ("[1, {b: no}]", [1, {"b": "no"}]),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_a_value_is_what_it_looks_like(text: str, value: object):
    assert read(f"a: {text}") == {"a": value}


def test_nothing_says_nothing():
    for text in ("", "# only words\n", "---\n", "null"):
        assert read(text) == {}


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("- 1", "Expected a mapping: lines of `name: value`"),
        ("just words", "Expected a mapping: lines of `name: value`"),
        ("a: 1\na: 2", "Line 2, column 1: This name is given twice"),
        ("1: x", "Line 1, column 1: A name has to be a text: put it in quotes"),
        ("? [a]\n: x", "Line 1, column 3: A name has to be a text: put it in quotes"),
        ("a: &x 1\nb: *x", "Line 1, column 4: Anchors (`&name`) are not supported"),
        ("a: *x", "Line 1, column 4: Aliases (`*name`) are not supported: write the value out"),
        ("a: !!python/object/apply:os.system ['x']", "Line 1, column 4: Tags (`!name`) are not supported"),
        ("a: !!str 1", "Line 1, column 4: Tags (`!name`) are not supported"),
        ("a: 1\n---\nb: 2", "Line 2, column 1: Expected one document, without a second `---`"),
        ("a: 9007199254740993", "Line 1, column 4: A whole number of more than 53 bits: put it in quotes"),
        ("a: 1e999", "Line 1, column 4: A number that is too large"),
        ('a: "\\0"', "Line 1, column 4: Contains U+0000"),
        ("a: " + "[" * 50 + "]" * 50, f"Line 1, column {3 + MAX_LEVELS}: More than {MAX_LEVELS} levels"),
        ("a: [" + "1," * 3000 + "1]", "Line 1, column 3999: More than 2000 values"),
    ],
)
def test_what_cannot_be_taken_is_told_with_its_place(text: str, detail: str):
    assert fault(text) == detail


@pytest.mark.parametrize("text", ["a: [1", "a: 'x", "a: b: c", "\ta: 1", "a: \x01", '"\\ud800": 1'])
def test_what_is_no_yaml_is_told(text: str):
    assert fault(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 49_000,
        "a: " + "{a: " * 12_000,
        "- " * 24_000,
        "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 30)),
    ],
)
def test_a_bomb_is_refused_at_once(text: str):
    begin = time.perf_counter()
    assert fault(text)
    assert time.perf_counter() - begin < 1


@given(text=st.text(max_size=60) | st.text("ab:-[]{}&*!|>'\"\\#,? \n\t01.e", max_size=60))
def test_any_text_is_read_or_refused(text: str):
    with contextlib.suppress(InvalidConfigError):
        assert isinstance(read(text), dict)
