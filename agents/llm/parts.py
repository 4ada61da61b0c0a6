"""What comes of either API while an answer arrives, before it is checked; and the port of an API."""

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from agents.llm.messages import FinishReason, Message, ResponseSchema, Tool

if TYPE_CHECKING:  # it takes most of a second to load, and many processes never call a model
    from openai import AsyncOpenAI


class BeginPart(msgspec.Struct, frozen=True):
    """The provider has begun to answer, though it has said nothing yet."""


class TextPart(msgspec.Struct, frozen=True):
    """More of the text."""

    text: str


class ToolPart(msgspec.Struct, frozen=True):
    """More of a tool call; the calls are told apart by `index`."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class CountPart(msgspec.Struct, frozen=True):
    """The tokens, as the provider counts them."""

    input_tokens: int
    output_tokens: int


class FinishPart(msgspec.Struct, frozen=True):
    """The answer is complete; a count may still come."""

    reason: FinishReason


Part = BeginPart | TextPart | ToolPart | CountPart | FinishPart


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is put to one model."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    must_call: bool
    """Whether the answer has to be the call of a tool."""
    response_schema: ResponseSchema | None
    temperature: float | None
    max_output_tokens: int
    output_limit: str
    """What the limit is called, where APIs differ."""


class MalformedPart(ValueError):
    """Something came that no answer has."""


class Api(Protocol):
    """One of the ways to ask."""

    def stream(self, client: "AsyncOpenAI", ask: Ask) -> AsyncGenerator[Part]:
        """Ask, and yield what comes. Raises the client's errors, and MalformedPart."""
        ...


def function_of(tool: Tool) -> Mapping[str, Any]:
    """Return what both APIs say of a tool."""
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
