"""The Chat Completions API, which every compatible provider has. Imports `openai` only when it is loaded."""

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

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refused",
}


class ChatCompletions:
    """Asks by `POST /chat/completions`."""

    async def stream(self, client: AsyncOpenAI, ask: Ask) -> AsyncGenerator[Part]:
        """Ask, and yield what comes."""
        create = cast("Any", client.chat.completions.create)
        stream = cast("AsyncStream[Any]", await create(**_parameters(ask)))
        has_begun = False
        async with stream:
            async for chunk in stream:
                if not has_begun:
                    has_begun = True
                    yield BeginPart()
                for part in _parts(chunk):
                    yield part


def _parameters(ask: Ask) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "model": ask.model,
        "messages": [_message(message) for message in ask.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        ask.output_limit: ask.max_output_tokens,
    }
    if ask.temperature is not None:
        parameters["temperature"] = ask.temperature
    if ask.tools:
        parameters["tools"] = [{"type": "function", "function": function_of(tool)} for tool in ask.tools]
    if ask.must_call:
        parameters["tool_choice"] = "required"
    if ask.response_schema is not None:
        schema = {
            "name": ask.response_schema.name,
            "schema": dict(ask.response_schema.schema),
            "strict": True,
        }
        parameters["response_format"] = {"type": "json_schema", "json_schema": schema}
    return parameters


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
    said: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        said["content"] = message.text or None
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.raw}}
            for call in message.tool_calls
        ]
    return said


def _parts(chunk: Any) -> Iterator[Part]:
    """Take a chunk apart; the client's types promise more than providers keep."""
    choices: Any = getattr(chunk, "choices", None)
    for choice in cast("list[Any]", choices if isinstance(choices, list) else [])[:1]:
        delta: Any = getattr(choice, "delta", None)
        if text := as_text(getattr(delta, "content", None)) or as_text(getattr(delta, "refusal", None)):
            yield TextPart(text)
        calls: Any = getattr(delta, "tool_calls", None)
        for call in cast("list[Any]", calls if isinstance(calls, list) else []):
            function: Any = getattr(call, "function", None)
            index: Any = getattr(call, "index", 0)
            if not isinstance(index, int):
                raise MalformedPart("a tool call has no index")
            yield ToolPart(
                index,
                as_text(getattr(call, "id", None)),
                as_text(getattr(function, "name", None)),
                as_text(getattr(function, "arguments", None)),
            )
        if reason := as_text(getattr(choice, "finish_reason", None)):
            yield FinishPart(_REASONS.get(reason, "stop"))
    usage: Any = getattr(chunk, "usage", None)
    if usage is not None:
        yield CountPart(
            as_count(getattr(usage, "prompt_tokens", 0)), as_count(getattr(usage, "completion_tokens", 0))
        )
