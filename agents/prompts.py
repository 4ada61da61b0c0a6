"""Prompts: their typed variables, and the text that comes of them. Pure.

A template is plain text in which `{{name}}` stands for a variable. It is substituted once: what a value
contains is never looked at again, and nothing in a template can be executed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents.errors import Fault, InvalidPromptError

VariableType = Literal["text", "number", "date"]

MAX_TEXT = 20_000
"""Characters of a template, and of a value."""

MAX_RENDERED = 200_000
"""Characters of the text that comes of a template."""

MAX_NUMBER = 2**53
"""What JSON.parse reads back exactly."""

_PLACEHOLDER = re.compile(r"\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}\}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class PromptVariable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A variable. One without a default has to be given."""

    name: Annotated[str, Meta(max_length=64, pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
    type: VariableType
    default_value: Annotated[Any, Meta(description="Of the variable's type.")] | UnsetType = UNSET


def check_template(text: str, variables: Sequence[PromptVariable]) -> None:
    """Raise InvalidPromptError for variables and a text that do not fit together, with all faults."""
    faults: list[Fault] = []
    known: set[str] = set()
    for n, variable in enumerate(variables):
        if variable.name in known:
            faults.append(Fault(f"variables[{n}].name", "Another variable has this name"))
        known.add(variable.name)
        if variable.default_value is not UNSET:
            fault = _fault_of(variable, variable.default_value)
            faults += [Fault(f"variables[{n}].default_value", fault)] if fault else []
    unknown = sorted({match[1] for match in _PLACEHOLDER.finditer(text)} - known)
    faults += [Fault("text", f"{{{{{name}}}}} is none of the variables") for name in unknown]
    if faults:
        raise InvalidPromptError(tuple(faults))


def render(text: str, variables: Sequence[PromptVariable], values: Mapping[str, object]) -> str:
    """Return a template's text with each variable's value, or its default, in place.

    Raises InvalidPromptError for values that are missing, unknown or of another type, with all faults.
    """
    known = {variable.name for variable in variables}
    faults = [Fault(f"values.{name}", "No such variable") for name in values if name not in known]
    texts: dict[str, str] = {}
    for variable in variables:
        value = values.get(variable.name, variable.default_value)
        if value is UNSET:
            faults.append(Fault(f"values.{variable.name}", "Has no default and has to be given"))
        elif fault := _fault_of(variable, value):
            faults.append(Fault(f"values.{variable.name}", fault))
        else:
            texts[variable.name] = _written(value)
    if not faults and _length(text, texts) > MAX_RENDERED:
        faults.append(Fault("values", f"The text would have more than {MAX_RENDERED} characters"))
    if faults:
        raise InvalidPromptError(tuple(faults))
    return "".join(part if name is None else texts[name] for part, name in _parts(text))


def _fault_of(variable: PromptVariable, value: object) -> str | None:
    """Return what is wrong with a value, if anything."""
    match variable.type:
        case "text":
            if not isinstance(value, str):
                return "Expected a text"
            if len(value) > MAX_TEXT:
                return f"Expected at most {MAX_TEXT} characters"
            return "Contains U+0000" if "\0" in value else None
        case "number":
            # In Python, and nowhere else, true is a number.
            if isinstance(value, bool) or not isinstance(value, int | float):
                return "Expected a number"
            return None if abs(value) <= MAX_NUMBER else "Expected a number of at most 2^53"
        case "date":
            return None if isinstance(value, str) and _is_date(value) else "Expected a date as YYYY-MM-DD"


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _written(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Split a template into what stays and, with their names, what is replaced."""
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        yield text[end : match.start()], None
        yield match[0], match[1]
        end = match.end()
    yield text[end:], None


def _length(text: str, texts: Mapping[str, str]) -> int:
    return sum(len(part) if name is None else len(texts[name]) for part, name in _parts(text))
