"""What callers say and hear: one request, typed events, a collected answer. Knows no provider."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from storage.repositories.llm import Payer

Task = Literal["chat", "write", "summarise", "extract", "classify", "plan", "reason", "test"]
"""What a call is for; where no model is named it decides how able the model has to be."""

DEFAULT_OUTPUT_TOKENS = 2048

FinishReason = Literal["stop", "length", "tool_calls", "refused"]
"""`length`: the limit of tokens was reached; `refused`: the model, or its provider's filter, will not."""


class ToolCall(msgspec.Struct, frozen=True):
    """What a model wants done. With a `fault` it cannot be: tell the model, in a tool message."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    raw: str
    """The arguments as the model wrote them."""
    fault: str | None = None
    """An unknown tool, no JSON, or arguments that the tool's schema refuses."""


class Message(msgspec.Struct, frozen=True):
    """One turn. A tool's answer names the call; an assistant's turn has the calls that it made."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


class Tool(msgspec.Struct, frozen=True):
    """What a model may ask for. `parameters` is the JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


class ResponseSchema(msgspec.Struct, frozen=True):
    """The JSON that an answer has to be."""

    name: str
    schema: Mapping[str, Any]


class Timeouts(msgspec.Struct, frozen=True):
    """How long is waited: for a connection, for the first sign of an answer, for the next, for all of it."""

    connect_seconds: float = 5.0
    first_token_seconds: float = 60.0
    silence_seconds: float = 60.0
    total_seconds: float = 300.0


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call."""

    payer: Payer
    messages: tuple[Message, ...]
    task: Task = "chat"
    models: tuple[str, ...] = ()
    """Wanted, the dearest wish first: `provider:model`, or a provider alone for whichever of its models fits.

    The provider is one of the workspace's by name or kind.
    """
    only_these: bool = False
    """Whether a model that was not named is worse than none."""
    tools: tuple[Tool, ...] = ()
    response_schema: ResponseSchema | None = None
    temperature: float | None = None
    max_output_tokens: int = DEFAULT_OUTPUT_TOKENS
    max_cost_micros: int | None = None
    """What this call may cost, whatever the budgets say."""
    step: str | None = None
    """Within `payer.run_id` the call's name: however often it is repeated, it is entered as paid once."""
    timeouts: Timeouts | None = None


class TextDelta(msgspec.Struct, frozen=True):
    """More of the text."""

    text: str


class Usage(msgspec.Struct, frozen=True):
    """What a call has used, with every attempt at it. `is_estimate`: the provider did not say."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
    is_estimate: bool = False

    def plus(self, other: "Usage") -> "Usage":
        """Return both together."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_micros + other.cost_micros,
            self.is_estimate or other.is_estimate,
        )


class Done(msgspec.Struct, frozen=True):
    """The end of an answer, and who gave it."""

    reason: FinishReason
    provider: str
    model: str
    attempts: int = 1
    parsed: Any = None
    """The JSON, where a schema was asked for."""


Event = TextDelta | ToolCall | Usage | Done
"""In this order: texts and tool calls, the usage, the end."""


class Answer(msgspec.Struct, frozen=True):
    """All events of a call together."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    usage: Usage
    reason: FinishReason
    provider: str
    model: str
    attempts: int
    parsed: Any = None

    @classmethod
    def of(cls, events: list[Event]) -> "Answer":
        """Collect the events of a call that came to its end."""
        (done,) = [event for event in events if isinstance(event, Done)]
        (usage,) = [event for event in events if isinstance(event, Usage)]
        return cls(
            text="".join(event.text for event in events if isinstance(event, TextDelta)),
            tool_calls=tuple(event for event in events if isinstance(event, ToolCall)),
            usage=usage,
            reason=done.reason,
            provider=done.provider,
            model=done.model,
            attempts=done.attempts,
            parsed=done.parsed,
        )
