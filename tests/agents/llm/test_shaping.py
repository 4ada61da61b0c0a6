"""Answers held against their requests; keys kept out of what is said; circuits. Nothing is called."""

from typing import Any
from uuid import UUID

import pytest

from agents.llm.breaker import FAILURES, REST_SECONDS, Breaker, Breakers
from agents.llm.messages import Done, Event, Message, Request, ResponseSchema, TextDelta, Tool, ToolCall
from agents.llm.models import Model
from agents.llm.parts import FinishPart, Part, TextPart, ToolPart
from agents.llm.redaction import one_line, without_keys
from agents.llm.shaping import (
    MOST_SCHEMA_NODES,
    Assembly,
    TooLongAnswer,
    UnusableAnswer,
    ask_of,
    fault_of,
    without_references,
)
from server.telemetry import redact
from storage.repositories.llm import Payer

TOOL = Tool(
    "look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
)
SCHEMA = ResponseSchema("s", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
ABLE = Model("able", abilities=("tools", "structured", "temperature"))


def request(**more: Any) -> Request:
    return Request(payer=Payer(UUID(int=1)), messages=(Message("user", "x"),), **more)


def finish(asked: Request, *parts: Part, model: Model = ABLE) -> tuple[list[Event], Done]:
    assembly = Assembly(asked, model)
    told = [event for part in parts for event in assembly.take(part)]
    events, done = assembly.finish("P", model.id, 1)
    return [*told, *events], done


def test_pieces_of_calls_are_put_together_by_their_index():
    events, done = finish(
        request(tools=(TOOL,)),
        ToolPart(1, "b", "look", '{"at":'),
        ToolPart(0, "a", "look", '{"at": "one"}'),
        ToolPart(1, arguments=' "two"}'),
        FinishPart("stop"),
    )
    assert events == [
        ToolCall("a", "look", {"at": "one"}, '{"at": "one"}'),
        ToolCall("b", "look", {"at": "two"}, '{"at": "two"}'),
    ]
    assert done.reason == "tool_calls"


def test_half_of_the_arguments_is_a_fault_of_the_call():
    (call,), _ = finish(request(tools=(TOOL,)), ToolPart(0, "", "look", '{"at": "on'), FinishPart("length"))
    assert isinstance(call, ToolCall)
    assert call.id == "call_0"
    assert call.fault is not None
    assert "not JSON" in call.fault


def test_json_in_a_fence_is_json():
    _, done = finish(request(response_schema=SCHEMA), TextPart('```json\n{"n": 1}\n```'), FinishPart("stop"))
    assert done.parsed == {"n": 1}


@pytest.mark.parametrize(
    ("text", "reason", "fault"),
    [
        ('{"n": "1"}', "stop", "n:"),
        ('{"n": 1', "length", "limit of tokens"),
        ("", "stop", "not the JSON"),
    ],
)
def test_an_answer_that_does_not_fit_cannot_be_used(text: str, reason: Any, fault: str):
    with pytest.raises(UnusableAnswer, match=fault):
        finish(request(response_schema=SCHEMA), TextPart(text), FinishPart(reason))


def test_what_the_model_will_not_say_is_held_against_no_schema():
    events, done = finish(request(response_schema=SCHEMA), TextPart("No."), FinishPart("refused"))
    assert (events, done.reason, done.parsed) == ([TextDelta("No.")], "refused", None)


@pytest.mark.parametrize("part", [TextPart("x" * 4097), ToolPart(0, "a", "look", "x" * 4097)])
def test_what_goes_on_for_ever_is_ended(part: Part):
    assembly = Assembly(request(max_output_tokens=1), ABLE)
    with pytest.raises(TooLongAnswer):
        list(assembly.take(part))


def test_calls_without_end_are_ended():
    calls = (ToolPart(index, "", "f", "") for index in range(100))
    with pytest.raises(TooLongAnswer):
        finish(request(), *calls)


@pytest.mark.parametrize("text", ["5", '{"other": 1}', "{"])
def test_a_choice_that_is_none_cannot_be_used(text: str):
    with pytest.raises(UnusableAnswer):
        finish(
            request(tools=(TOOL,)),
            TextPart(text),
            FinishPart("stop"),
            model=Model("m", abilities=("structured",)),
        )


def test_what_schemas_of_tools_refer_to_is_in_place_in_a_choice():
    """The built-in model's server looks for it at the top, where it is not."""
    change = {"type": "object", "properties": {"to": {"type": "string"}, "then": {"$ref": "#/$defs/Change"}}}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"changes": {"type": "array", "items": {"$ref": "#/$defs/Change", "title": "One"}}},
        "$defs": {"Change": change, "Unused": {}},
    }
    asked = ask_of(
        request(tools=(Tool("edit", "Edits.", schema),)), Model("m", abilities=("structured",)), "max"
    )
    assert asked.response_schema is not None
    arguments = asked.response_schema.schema["anyOf"][0]["properties"]["arguments"]
    items = arguments["properties"]["changes"]["items"]
    assert items == {**change, "properties": {"to": {"type": "string"}, "then": {}}, "title": "One"}
    assert "$ref" not in str(asked.response_schema.schema)


def test_a_schema_that_unfolds_without_end_may_be_anything():
    definitions: dict[str, Any] = {
        f"d{n}": {"properties": {key: {"$ref": f"#/$defs/d{n + 1}"} for key in "abcdefghij"}}
        for n in range(30)
    }
    found = without_references(
        {"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": definitions}
    )
    assert len(str(found)) < 50 * MOST_SCHEMA_NODES


def test_a_model_that_knows_no_tools_is_told_of_them_in_words():
    call = ToolCall("1", "look", {"at": "a"}, '{"at": "a"}')
    turns = (
        Message("user", "x"),
        Message("assistant", "", (call,)),
        Message("tool", "seen", tool_call_id="1"),
    )
    asked = Request(payer=Payer(UUID(int=1)), messages=turns, tools=(TOOL,), temperature=0.5)
    ask = ask_of(asked, Model("m", abilities=("structured",)), "max_tokens")
    assert ask.tools == ()
    assert ask.temperature is None
    assert [message.text for message in ask.messages[1:]] == [
        "x",
        'I call look with {"at": "a"}.',
        "The tool answered: seen",
    ]
    assert ask.response_schema is not None
    assert fault_of(ask.response_schema.schema, {"tool": "look", "arguments": {"at": "b"}}) is None
    assert fault_of(ask.response_schema.schema, {"tool": "fly", "arguments": {}}) is not None


@pytest.mark.parametrize(
    "schema", [{"$ref": "http://127.0.0.1:1/x"}, {"$ref": "file:///etc/passwd"}, {"type": "nope"}]
)
def test_nothing_is_fetched_for_a_schema(schema: dict[str, Any]):
    assert fault_of(schema, {}) == "the schema itself is not valid"


@pytest.mark.parametrize("clean", [without_keys, redact])
@pytest.mark.parametrize("key", ["sk-proj-abcdef123456789", "gsk_abcdefghijklmnop", "Bearer abcdef.ghi"])
def test_what_looks_like_a_key_is_struck_out(clean: Any, key: str):
    assert key.split()[-1] not in clean(f"Incorrect key {key} given")


def test_a_key_of_any_form_is_struck_out_and_the_line_kept_short():
    line = one_line("wrong:\n my-own-key " + "x" * 1000, "my-own-key")
    assert line.startswith("wrong: *** xxx")
    assert len(line) < 320
    assert "\n" not in line


def test_a_circuit_opens_after_failures_in_a_row_and_is_tried_by_one_call():
    now = 0.0
    breaker = Breaker(lambda: now)
    for _ in range(FAILURES - 1):
        assert breaker.enter()
        breaker.leave(has_failed=True)
    breaker.enter()
    breaker.leave(has_failed=False)
    for _ in range(FAILURES):
        assert breaker.enter()
        breaker.leave(has_failed=True)
    assert (breaker.state, breaker.enter()) == ("open", False)
    now = REST_SECONDS
    assert breaker.state == "half_open"
    assert [breaker.enter(), breaker.enter()] == [True, False]
    breaker.leave(has_failed=True)
    assert (breaker.state, breaker.enter()) == ("open", False)
    now *= 2
    assert breaker.enter()
    breaker.leave(has_failed=None)
    assert breaker.enter()
    breaker.leave(has_failed=False)
    assert breaker.state == "closed"


def test_circuits_of_long_ago_are_forgotten():
    breakers = Breakers(lambda: 0.0)
    first = breakers.of("0")
    for n in range(Breakers.MOST):
        breakers.of(str(n + 1))
    assert breakers.of("0") is not first
    assert breakers.count_open() == 0
