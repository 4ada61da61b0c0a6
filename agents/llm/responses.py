"""The Responses API, where a provider has it. Imports `openai` only when it is loaded."""

from collections.abc import AsyncGenerator, Iterator
from typing import Any, cast

from openai import AsyncOpenAI, AsyncStream

from agents.llm.messages import FinishReason, Message
from agents.llm.parts import (
    Ask,
    BeginPart,
    CountPart,
    FinishPart,
    MalformedPart,
    Part,
    TextPart,
    ToolPart,
    as_count,
    as_text,
    function_of,
)


class Responses:
    """Asks by `POST /responses`, and has nothing kept there."""

    async def stream(self, client: AsyncOpenAI, ask: Ask) -> AsyncGenerator[Part]:
        """Ask, and yield what comes."""
        create = cast("Any", client.responses.create)
        stream = cast("AsyncStream[Any]", await create(**_parameters(ask)))
        has_begun = False
        async with stream:
            async for event in stream:
                if not has_begun:
                    has_begun = True
                    yield BeginPart()
                for part in _parts(event):
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


def _parts(event: Any) -> Iterator[Part]:
    match as_text(getattr(event, "type", None)):
        case "response.output_text.delta" | "response.refusal.delta":
            yield TextPart(as_text(event.delta))
        case "response.output_item.added" if getattr(event.item, "type", "") == "function_call":
            yield ToolPart(_index(event), as_text(event.item.call_id), as_text(event.item.name))
        case "response.function_call_arguments.delta":
            yield ToolPart(_index(event), arguments=as_text(event.delta))
        case "response.completed" | "response.incomplete" | "response.failed":
            yield from _end(event.response)
        case _:
            pass


def _index(event: Any) -> int:
    index: Any = getattr(event, "output_index", None)
    if not isinstance(index, int):
        raise MalformedPart("a tool call has no index")
    return index


def _end(response: Any) -> Iterator[Part]:
    status = as_text(getattr(response, "status", None))
    if status == "failed":
        error: Any = getattr(response, "error", None)
        raise MalformedPart(as_text(getattr(error, "message", None)) or "the answer failed")
    usage: Any = getattr(response, "usage", None)
    if usage is not None:
        yield CountPart(
            as_count(getattr(usage, "input_tokens", 0)), as_count(getattr(usage, "output_tokens", 0))
        )
    details: Any = getattr(response, "incomplete_details", None)
    why = as_text(getattr(details, "reason", None))
    reason: FinishReason = "stop"
    if status == "incomplete":
        reason = "refused" if why == "content_filter" else "length"
    elif any(getattr(item, "type", "") == "function_call" for item in getattr(response, "output", ()) or ()):
        reason = "tool_calls"
    yield FinishPart(reason)
