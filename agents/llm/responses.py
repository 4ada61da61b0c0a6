"""The Responses API, where a provider has it. Imports `openai` only when it is loaded."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from openai import AsyncOpenAI

from agents.llm.answers import parts_of
from agents.llm.messages import FinishReason, Message
from agents.llm.parts import (
    Ask,
    CountPart,
    FinishPart,
    MalformedPart,
    Part,
    TextPart,
    ToolPart,
    function_of,
)

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class _Item(msgspec.Struct):
    type: str = ""
    call_id: str = ""
    name: str = ""


class _Why(msgspec.Struct):
    reason: str | None = None
    message: str | None = None


class _Usage(msgspec.Struct):
    input_tokens: Count = 0
    output_tokens: Count = 0


class _Response(msgspec.Struct):
    status: str = ""
    error: _Why | None = None
    incomplete_details: _Why | None = None
    output: list[_Item] = []
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    type: str = ""
    delta: Any = None
    message: str | None = None
    output_index: int = 0
    item: _Item = msgspec.field(default_factory=_Item)
    response: _Response = msgspec.field(default_factory=_Response)


class Responses:
    """Asks by `POST /responses`, and has nothing kept there."""

    async def stream(self, client: AsyncOpenAI, ask: Ask) -> AsyncGenerator[Part]:
        """Ask, and yield what comes."""
        async with aclosing(parts_of(client, "/responses", _parameters(ask), _Event, _parts)) as parts:
            async for part in parts:
                yield part


def _parameters(ask: Ask) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "model": ask.model,
        "input": [item for message in ask.messages for item in _items(message)],
        "stream": True,
        "store": False,
        "max_output_tokens": max(ask.max_output_tokens, 16),  # less is refused
    }
    if ask.temperature is not None:
        parameters["temperature"] = ask.temperature
    if ask.tools:
        parameters["tools"] = [
            {"type": "function", "strict": False, **function_of(tool)} for tool in ask.tools
        ]
    if ask.must_call:
        parameters["tool_choice"] = "required"
    if ask.response_schema is not None:
        parameters["text"] = {
            "format": {
                "type": "json_schema",
                "name": ask.response_schema.name,
                "schema": dict(ask.response_schema.schema),
                "strict": True,
            }
        }
    return parameters


def _items(message: Message) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        yield {"type": "function_call_output", "call_id": message.tool_call_id, "output": message.text}
        return
    if message.text or not message.tool_calls:
        yield {"role": message.role, "content": message.text}
    for call in message.tool_calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.raw}


def _parts(event: _Event) -> Iterator[Part]:
    match event.type:
        case "response.output_text.delta" | "response.refusal.delta":
            yield TextPart(_text(event.delta))
        case "response.output_item.added" if event.item.type == "function_call":
            yield ToolPart(event.output_index, event.item.call_id, event.item.name)
        case "response.function_call_arguments.delta":
            yield ToolPart(event.output_index, arguments=_text(event.delta))
        case "response.completed" | "response.incomplete":
            yield from _end(event.response)
        case "response.failed" | "error":
            error = event.response.error
            raise MalformedPart((error and error.message) or event.message or "it failed")
        case _:
            pass


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedPart("a text is no text")
    return value


def _end(response: _Response) -> Iterator[Part]:
    if response.usage is not None:
        yield CountPart(response.usage.input_tokens, response.usage.output_tokens)
    reason: FinishReason = "stop"
    if response.status == "incomplete":
        details = response.incomplete_details
        reason = "refused" if details and details.reason == "content_filter" else "length"
    elif any(item.type == "function_call" for item in response.output):
        reason = "tool_calls"
    yield FinishPart(reason)
