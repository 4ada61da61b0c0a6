"""What a tool is, what it is called with, and what comes of it.

A tool that writes does not write when it is run: it checks all that can be checked and returns a `Plan`,
which says what would be written and does it when asked. So a dry run cannot write, and people see what they
are asked to approve.

What tools write bears the id of its step: a step that is repeated after a crash finds its effect and makes no
second one.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, cast
from uuid import UUID

import msgspec

from agents.llm.messages import Tool
from agents.marks import id_of
from agents.sections import Approval
from agents.tools.errors import ToolError
from crdt.ports import Principal
from storage.actions import Action
from storage.callers import Caller
from storage.models import AgentConfiguration

TIMEOUT_SECONDS = 60.0
"""How long a call may take that says nothing else."""


class ToolContext(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a tool works, and where."""

    run_id: UUID
    step_id: str
    """Names this call for ever: the same at every repetition, and of no other call."""
    agent: AgentConfiguration | None
    """None for an agent from outside, which is no agent of the workspace's."""
    workspace_id: UUID
    invoker_user_id: UUID | None
    """Whose rights it has."""
    caller: Caller
    """The invoker's rights, cut by what the agent was granted."""
    principal: Principal
    place: str | None = None
    """The document where the run was asked for, and in it the message or block."""
    place_item: str | None = None
    is_dry: bool = False
    depth: int = 0
    """How many runs asked for each other until this one."""
    consents: frozenset[str] = frozenset()
    """What people have consented to in this run, besides calls of tools as such: see `ToolSpec.consent`."""

    def new_id(self, label: str = "", *, like: UUID | None = None) -> UUID:
        """Return the id of what this step makes: the same each time; `label` tells several apart.

        It is a UUIDv7 of the run's own time. Where the order of ids counts it gets the time of the id `like`,
        and the same each time are its last 16 characters (`tail_of`).
        """
        return id_of(f"{self.run_id}/{self.step_id}/{label}", like or self.run_id)

    def mark(self, length: int = 12) -> str:
        """Return a few characters that nobody knows before this step."""
        return hashlib.sha256(f"{self.run_id}/{self.step_id}".encode()).hexdigest()[:length]


def tail_of(id_: UUID | str) -> str:
    """Return what an id of a step has in common each time it is made."""
    return str(id_)[-16:]


class Effect(msgspec.Struct, frozen=True):
    """Something that a tool has done."""

    what: str
    """For people, in the past tense: `posted a message`."""
    document: str | None = None
    position: int | None = None
    """Where in the document's log it is committed."""


class ToolResult(msgspec.Struct, frozen=True):
    """What a call comes to."""

    text: str
    """For the model."""
    data: Any = None
    """The same for programs, where there is more to say than the text does: builtins only."""
    effects: tuple[Effect, ...] = ()
    source: str | None = None
    """Whose words the text is, where it is not this server's: told as material, never as instruction."""


class Plan(msgspec.Struct, frozen=True):
    """What a call would write, and how it does."""

    summary: str
    """For people and models, after "would": `post a message in #general: …`."""
    commit: Callable[[], Awaitable[ToolResult]]
    """Writes it, however often it is called, once."""


Consent = Callable[[ToolContext, Any], Awaitable[str | None]]
"""Takes what `Run` takes. Returns what a person has to consent to before a call; None: nothing."""

Run = Callable[[ToolContext, Any], Awaitable[ToolResult | Plan]]
"""Takes the arguments as the tool's Struct, a mapping where it has none. Raises ToolError, ToolPause."""


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool."""

    name: str
    description: str
    arguments: type[msgspec.Struct] | None
    """None for a tool of another server's, which says by its own schema what it takes."""
    schema: Mapping[str, Any] = {}
    """The JSON Schema of a tool without a Struct."""
    action: Action
    """The right it needs. What it needs on the page or channel it is called for, the tool itself asks."""
    approval: Approval = "auto"
    is_write: bool = False
    """Whether it may leave something behind: such tools return plans."""
    needs_run: bool = False
    """Whether it makes sense only within a run, which can wait and be asked for."""
    timeout_seconds: float = TIMEOUT_SECONDS
    consent: Consent | None = None
    """For what needs approval by its arguments. What was consented to once is free for the whole run."""
    run: Run

    def parameters(self) -> Mapping[str, Any]:
        """Return the JSON Schema of what it takes: an object."""
        return self.schema if self.arguments is None else schema_of(self.arguments)

    def tool(self) -> Tool:
        """Return it as a model is told of it."""
        return Tool(self.name, self.description, self.parameters())

    def decode(self, arguments: Mapping[str, Any]) -> Any:
        """Return arguments as the tool takes them. Raises ToolError with a message that says what to mend."""
        if self.arguments is None:
            return arguments
        try:
            return msgspec.convert(dict(arguments), self.arguments)
        except msgspec.ValidationError as error:
            raise ToolError(self._fault(str(error))) from error

    def _fault(self, message: str) -> str:
        detail, _, place = message.partition(" - at `$")
        where = f" at `{place.removesuffix('`').lstrip('.')}`" if place else ""
        properties: Mapping[str, Any] = self.parameters().get("properties", {})
        required = self.parameters().get("required", [])
        known = ", ".join(name if name in required else f"{name} (optional)" for name in properties)
        return f"The arguments do not fit{where}: {detail}. {self.name} takes: {known or 'nothing'}."


@cache
def schema_of(arguments: type[msgspec.Struct]) -> Mapping[str, Any]:
    """Return the JSON Schema of a Struct, with the object itself at its top, as models' APIs want it.

    Made once for each: every call of a model is told of all tools.
    """
    schema = msgspec.json.schema(arguments)
    definitions: dict[str, Any] = dict(schema.get("$defs", {}))
    top: dict[str, Any] = dict(cast("Mapping[str, Any]", definitions.pop(arguments.__name__)))
    # The name and docstring of the Struct are this program's, the tool has its own.
    for key in ("title", "description"):
        top.pop(key, None)
    return {**top, "$defs": definitions} if definitions else top
