"""Templates and their variables, without a server."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import InvalidPromptError
from agents.prompts import MAX_TEXT, PromptVariable, check_template, render

NAME = PromptVariable("name", "text")
AGE = PromptVariable("age", "number", 18)
DAY = PromptVariable("day", "date")


def faults(error: pytest.ExceptionInfo[InvalidPromptError]) -> list[str]:
    return [fault.path for fault in error.value.faults]


def test_values_and_defaults_take_their_places():
    text = "{{name}} is {{ age }} on {{day}}, says {{name}}."
    assert render(text, [NAME, AGE, DAY], {"name": "Zoë", "day": "2026-02-28"}) == (
        "Zoë is 18 on 2026-02-28, says Zoë."
    )


@pytest.mark.parametrize(
    "text", ["", "{name}", "{{na me}}", "{{#if x}}", "{{}}", "{{1}}", "{% x %}", "{{a.b}}"]
)
def test_nothing_but_a_variables_name_has_a_meaning(text: str):
    check_template(text, [])
    assert render(text, [], {}) == text


@given(value=st.text(max_size=50).filter(lambda text: "\0" not in text))
def test_what_a_value_contains_is_not_looked_at_again(value: str):
    other = PromptVariable("other", "text", "SECRET")
    assert render("<{{name}}>", [NAME, other], {"name": value}) == f"<{value}>"
    assert render("{{name}}{{other}}", [NAME, other], {"name": "{{other}}"}) == "{{other}}SECRET"


def test_all_values_that_do_not_fit_are_told():
    with pytest.raises(InvalidPromptError) as error:
        render("", [NAME, AGE, DAY], {"age": "18", "day": "2026-02-29", "colour": 1})
    assert sorted(faults(error)) == ["values.age", "values.colour", "values.day", "values.name"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (NAME, 1),
        (NAME, None),
        (NAME, "a\0b"),
        (NAME, "x" * (MAX_TEXT + 1)),
        (AGE, True),
        (AGE, "1"),
        (AGE, 2**53 + 1),
        (AGE, float("nan")),
        (DAY, "2026-1-1"),
        (DAY, "20260101"),
        (DAY, "2026-01-01T00:00"),
        (DAY, "0000-01-01"),
        (DAY, 20260101),
    ],
)
def test_a_value_and_a_default_have_the_variables_type(variable: PromptVariable, value: object):
    with pytest.raises(InvalidPromptError) as error:
        render("", [variable], {variable.name: value})
    assert faults(error) == [f"values.{variable.name}"]
    with pytest.raises(InvalidPromptError) as error:
        check_template("", [PromptVariable(variable.name, variable.type, value)])
    assert faults(error) == ["variables[0].default_value"]


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (-2.5, "-2.5"), (3.0, "3"), (1e15, "1000000000000000")]
)
def test_numbers_are_written_as_people_do(value: Any, text: str):
    assert render("{{age}}", [AGE], {"age": value}) == text


def test_a_template_names_its_variables_alone():
    with pytest.raises(InvalidPromptError) as error:
        check_template("{{name}} {{b}} {{a}} {{a}}", [NAME, NAME])
    assert [(fault.path, fault.detail) for fault in error.value.faults] == [
        ("variables[1].name", "Another variable has this name"),
        ("text", "{{a}} is none of the variables"),
        ("text", "{{b}} is none of the variables"),
    ]


def test_a_small_template_makes_no_huge_text():
    with pytest.raises(InvalidPromptError, match="more than 200000 characters"):
        render("{{name}}" * 2000, [NAME], {"name": "x" * 20_000})
