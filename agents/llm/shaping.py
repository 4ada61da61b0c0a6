"""Fits a request to what a model can, and what the model answers back to the request.

A model that cannot keep to a schema is made to call a tool that has the schema; one that calls no tools, as
the built-in one, is made to choose one by a schema.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

import msgspec

from agents.llm.messages import (
    Done,
    Event,
    FinishReason,
    Message,
    Request,
    ResponseSchema,
    TextDelta,
    Tool,
    ToolCall,
)
from agents.llm.models import Model
from agents.llm.parts import Ask, FinishPart, Part, TextPart, ToolPart
from agents.llm.routing import output_limit

ANSWER_TOOL = "answer"
"""The tool that stands for an answer of a schema."""

MOST_TOOL_CALLS = 32
"""In one answer."""

_CHARACTERS_A_TOKEN = 16
"""More than any tokenizer's mean: what is longer ignores its limit."""

MOST_SCHEMA_NODES = 5000
"""Of one tool."""

Way = Literal["plain", "schema_as_tool", "tools_as_schema"]


class UnusableAnswer(ValueError):
    """The answer is not what was asked for; the message says why."""


class TooLongAnswer(ValueError):
    """The answer goes on and on."""


def way_of(request: Request, model: Model) -> Way:
    """Return how a request is put to a model."""
    if request.tools and not model.can("tools"):
        return "tools_as_schema"
    if request.response_schema is not None and not model.can("structured"):
        return "schema_as_tool"
    return "plain"


def ask_of(request: Request, model: Model, limit_name: str) -> Ask:
    """Return what a model is asked."""
    messages, tools, schema, must_call = request.messages, request.tools, request.response_schema, False
    match way_of(request, model):
        case "plain":
            pass
        case "schema_as_tool":
            assert schema is not None
            tools = (*tools, Tool(ANSWER_TOOL, "Gives the answer.", schema.schema))
            schema, must_call = None, True
        case "tools_as_schema":
            told = "\n".join(f"- {tool.name}: {tool.description}" for tool in tools)
            hint = Message("system", f"Answer by one of these tools, or by a reply:\n{told}")
            messages = (hint, *(_told(message) for message in messages))
            schema, tools = _choice_of(tools, schema), ()
    return Ask(
        model=model.id,
        messages=messages,
        tools=tools,
        must_call=must_call,
        response_schema=schema,
        temperature=request.temperature if model.can("temperature") else None,
        max_output_tokens=output_limit(request, model),
        output_limit=limit_name,
    )


class Assembly:
    """Makes events of an answer's parts, and checks the answer at its end."""

    def __init__(self, request: Request, model: Model) -> None:
        self._request = request
        self._way = way_of(request, model)
        self._most_characters = max(4096, output_limit(request, model) * _CHARACTERS_A_TOKEN)
        self._texts: list[str] = []
        self._calls: dict[int, list[str]] = {}
        self.characters = 0
        self.reason: FinishReason | None = None
        """Why the answer is over; None while it is not."""

    def take(self, part: Part) -> Iterator[Event]:
        """Take a part, and yield what can be told already. Raises TooLongAnswer."""
        match part:
            case TextPart(text):
                self._count(text)
                self._texts.append(text)
                if self._way == "plain":
                    yield TextDelta(text)
            case ToolPart(index, id, name, arguments):
                self._count(name + arguments)
                call = self._calls.setdefault(index, ["", "", ""])
                if len(self._calls) > MOST_TOOL_CALLS:
                    raise TooLongAnswer
                call[0] = call[0] or id
                call[1] = call[1] or name
                call[2] += arguments
            case FinishPart(reason):
                self.reason = reason
            case _:
                pass

    def finish(self, provider: str, model: str, attempts: int) -> tuple[list[Event], Done]:
        """Return what is told at the end of the answer. Raises UnusableAnswer."""
        text = "".join(self._texts)
        calls = [_check(call, self._request) for call in self._raw_calls()]
        parsed: Any = None
        events: list[Event] = []
        reason = self.reason or "stop"
        schema = self._request.response_schema
        if self._way == "tools_as_schema" and reason != "length":
            text, calls = _chosen(text, self._request)
            events += [TextDelta(text)] if text else []
        if self._way == "schema_as_tool":
            answers = [call for call in calls if call.name == ANSWER_TOOL]
            calls = [call for call in calls if call.name != ANSWER_TOOL]
            text = answers[0].raw if answers else text
            events += [TextDelta(text)]
            reason = "stop" if answers and not calls and reason == "tool_calls" else reason
        if schema is not None and not calls and reason != "refused":
            if reason == "length":
                raise UnusableAnswer("its JSON reached the limit of tokens before its end")
            parsed = _parsed(text, schema)
        if calls and reason == "stop":
            reason = "tool_calls"
        events += calls
        return events, Done(reason, provider, model, attempts, parsed)

    def _count(self, text: str) -> None:
        self.characters += len(text)
        if self.characters > self._most_characters:
            raise TooLongAnswer

    def _raw_calls(self) -> Iterator[tuple[str, str, str]]:
        for index in sorted(self._calls):
            id, name, arguments = self._calls[index]
            yield id or f"call_{index}", name, arguments


def fault_of(schema: Mapping[str, Any], value: object) -> str | None:
    """Return what is wrong with a value by a schema, in a line; a schema that is none has no say."""
    import jsonschema_rs  # here: three megabytes, of use only where models are

    try:
        # A schema may come from elsewhere: nothing that it refers to is fetched.
        validator = jsonschema_rs.validator_for(dict(schema), retriever=_fetch_nothing)
    except ValueError:
        return "the schema itself is not valid"
    for error in validator.iter_errors(value):
        place = ".".join(str(step) for step in error.instance_path)
        return f"{place}: {error.message}"[:300] if place else error.message[:300]
    return None


def _fetch_nothing(uri: str) -> Any:
    raise ValueError(f"{uri} is not fetched")


def _parsed(text: str, schema: ResponseSchema) -> Any:
    try:
        value = msgspec.json.decode(_unfenced(text))
    except msgspec.DecodeError as error:
        raise UnusableAnswer(f"it is not the JSON that was asked for ({error})") from error
    fault = fault_of(schema.schema, value)
    if fault is not None:
        raise UnusableAnswer(f"its JSON does not fit: {fault}")
    return value


def _unfenced(text: str) -> str:
    """Return a text without the fence that models like to put around JSON."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):
        return text.removeprefix("```json").strip("`").strip()
    return text


def _check(call: tuple[str, str, str], request: Request) -> ToolCall:
    """Return a tool call, with what is wrong with it."""
    id, name, raw = call
    known = {tool.name: tool.parameters for tool in request.tools}
    if request.response_schema is not None:
        known.setdefault(ANSWER_TOOL, request.response_schema.schema)
    if name not in known:
        names = ", ".join(tool.name for tool in request.tools)
        return ToolCall(id, name, {}, raw, f"There is no tool {name!r}. There are: {names}.")
    try:
        value: object = msgspec.json.decode(raw or "{}")
    except msgspec.DecodeError as error:
        return ToolCall(id, name, {}, raw, f"The arguments are not JSON: {error}.")
    if not isinstance(value, dict):
        return ToolCall(id, name, {}, raw, "The arguments are not a JSON object.")
    arguments = cast("dict[str, Any]", value)
    fault = fault_of(known[name], arguments)
    return ToolCall(id, name, arguments, raw, f"The arguments do not fit: {fault}." if fault else None)


def _told(message: Message) -> Message:
    """Return a message without calls, for a model that knows none."""
    if message.role == "tool":
        return Message("user", f"The tool answered: {message.text}")
    if message.tool_calls:
        called = "\n".join(f"I call {call.name} with {call.raw}." for call in message.tool_calls)
        return Message(message.role, f"{message.text}\n{called}".strip())
    return message


def _choice_of(tools: tuple[Tool, ...], schema: ResponseSchema | None) -> ResponseSchema:
    choices = [
        _object(tool={"const": tool.name}, arguments=without_references(tool.parameters)) for tool in tools
    ]
    reply: dict[str, Any] = {"type": "string"} if schema is None else dict(schema.schema)
    return ResponseSchema("choice", {"anyOf": [*choices, _object(reply=reply)]})


def without_references(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with what it refers to in place: below another one its references would lead nowhere.

    What is defined by itself, or comes to more than is sensible, may be anything.
    """
    definitions: Mapping[str, Any] = schema.get("$defs") or schema.get("definitions") or {}
    left = MOST_SCHEMA_NODES

    def resolve(node: object, within: frozenset[str]) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            return {}
        if isinstance(node, list):
            return [resolve(item, within) for item in cast("list[object]", node)]
        if not isinstance(node, dict):
            return node
        fields = dict(cast("dict[str, object]", node))
        reference = fields.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/"):
            del fields["$ref"]
            name = reference.rpartition("/")[2]
            if name in within or name not in definitions:
                return {}
            return {**resolve(definitions[name], within | {name}), **resolve(fields, within)}
        return {key: resolve(value, within) for key, value in fields.items()}

    top = {key: value for key, value in schema.items() if key not in ("$defs", "definitions")}
    return resolve(top, frozenset())


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _chosen(text: str, request: Request) -> tuple[str, list[ToolCall]]:
    """Read what a model has chosen: its reply, or the call of a tool."""
    try:
        value: object = msgspec.json.decode(_unfenced(text))
    except msgspec.DecodeError as error:
        raise UnusableAnswer(f"it is not the JSON that was asked for ({error})") from error
    choice = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    if "tool" in choice:
        arguments = msgspec.json.encode(choice.get("arguments", {})).decode()
        return "", [_check(("call_0", str(choice["tool"]), arguments), request)]
    if "reply" in choice:
        reply = choice["reply"]
        return reply if isinstance(reply, str) else msgspec.json.encode(reply).decode(), []
    raise UnusableAnswer("it is neither a reply nor the call of a tool")
