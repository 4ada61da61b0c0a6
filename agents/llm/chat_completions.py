"""The Chat Completions API, which every compatible provider has. Imports `openai` only when it is loaded."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from openai import AsyncOpenAI

from agents.llm.answers import parts_of
from agents.llm.messages import FinishReason, Message
from agents.llm.parts import Ask, CountPart, FinishPart, Part, TextPart, ToolPart, function_of

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refused",
}


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: Count = 0
    completion_tokens: Count = 0


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None


class ChatCompletions:
    """Asks by `POST /chat/completions`."""

    async def stream(self, client: AsyncOpenAI, ask: Ask) -> AsyncGenerator[Part]:
        """Ask, and yield what comes."""
        async with aclosing(parts_of(client, "/chat/completions", _parameters(ask), _Chunk, _parts)) as parts:
            async for part in parts:
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


def _parts(chunk: _Chunk) -> Iterator[Part]:
    for choice in chunk.choices[:1]:
        delta = choice.delta
        if text := delta.content or delta.refusal:
            yield TextPart(text)
        for call in delta.tool_calls or ():
            name, arguments = call.function.name or "", call.function.arguments or ""
            yield ToolPart(call.index, call.id or "", name, arguments)
        if choice.finish_reason:
            yield FinishPart(_REASONS.get(choice.finish_reason, "stop"))
    if chunk.usage is not None:
        yield CountPart(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
