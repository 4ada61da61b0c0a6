"""What a call of a tool may come to besides a result.

AgentError
├── ToolError   it cannot be made, or came to nothing
└── ToolPause   it waits for somebody
"""

from collections.abc import Mapping
from typing import Any, Literal

from agents.errors import AgentError


class ToolError(AgentError):
    """A call that cannot be made, or came to nothing; the message is for the model, which may try another."""

    code = "tool_error"


class ToolPause(AgentError):
    """A call that waits for somebody: whatever they answer is what the call comes to."""

    code = "tool_pause"

    def __init__(self, kind: Literal["question", "run"], payload: Mapping[str, Any]) -> None:
        self.kind: Literal["question", "run"] = kind
        """`question` waits for a person's answer, `run` for the end of another run."""
        self.payload = payload
        super().__init__(kind)
