"""What the configuration of an agent can say, section by section: shapes that `agents.config` reads.

Everything has a default, so that a YAML says only what differs. The JSON Schema of the API and the tables of
`docs/agents.md` are made from here.
"""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.llm.messages import Task

Approval = Literal["auto", "ask", "never"]
"""Whether a tool runs at once, waits for a person's consent, or cannot be used."""

OnBusy = Literal["reject", "enqueue", "interrupt"]
"""What becomes of a run that is asked for while as many run as may."""

APPROVALS: Final[tuple[Approval, ...]] = ("auto", "ask", "never")
"""From the least strict to the strictest."""

MICROS: Final = 1_000_000
"""Of a US dollar, which is what money is counted in."""

ToolName = Annotated[
    str, Meta(max_length=100, pattern=r"^[a-z][a-z0-9_]*(\.[A-Za-z0-9_.-]+)?$", description="A tool's name.")
]
"""One of the server's, or `server.tool` for one of an MCP server."""

Text = Annotated[str, Meta(max_length=20_000)]
ModelName = Annotated[
    str, Meta(min_length=1, max_length=200, description="`provider:model`, or a provider for any of its own.")
]


class LlmConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model. What is null is the workspace's `default_llm_config`."""

    provider: (
        Annotated[str, Meta(description="One of the workspace's providers, by name or kind.")] | None
    ) = None
    model: Annotated[str, Meta(description="One of its models.")] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2, description="Null: as the model has it.")] | None = None
    max_output_tokens: (
        Annotated[int, Meta(ge=1, le=1_000_000, description="Of one answer of the model.")] | None
    ) = None
    task: Annotated[
        Task,
        Meta(description="What the calls are for: decides how able a model that nobody names has to be."),
    ] = "chat"
    fallbacks: Annotated[
        list[ModelName], Meta(max_length=5, description="Tried in this order when the model cannot be had.")
    ] = []
    only_these: Annotated[
        bool, Meta(description="Whether any model that is not named here is worse than none.")
    ] = False

    def names(self) -> tuple[str, ...]:
        """Return the wanted models, the dearest wish first, as a `Request` takes them."""
        first = f"{self.provider}:{self.model}" if self.provider and self.model else self.provider
        return ((first,) if first else ()) + tuple(self.fallbacks)


class PromptReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt of the workspace's library, in place of a text."""

    prompt: Annotated[UUID, Meta(description="The prompt's id.")]
    variables: Annotated[
        dict[str, Any],
        Meta(
            max_length=50, description="Its variables; those left out are the run's inputs of the same name."
        ),
    ] = {}


class McpServerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A server of tools that speaks MCP over streamable HTTP."""

    url: Annotated[str, Meta(max_length=2000, pattern=r"^https?://[!-~]+$", description="Where it answers.")]
    secret: (
        Annotated[
            str,
            Meta(
                max_length=64,
                pattern="^[a-z][a-z0-9_-]*$",
                description="The name of the stored secret that is sent as the bearer token.",
            ),
        ]
        | None
    ) = None
    allowed: (
        Annotated[list[str], Meta(max_length=100, description="Which of its tools; null: all.")] | None
    ) = None
    approval: Annotated[Approval, Meta(description="For its tools, where `approval` names none of them.")] = (
        "ask"
    )
    timeout_seconds: Annotated[float, Meta(ge=1, le=300, description="Of one call.")] = 30.0


HostName = Annotated[str, Meta(max_length=253, pattern=r"^[a-z0-9.-]+$")]
McpServerName = Annotated[str, Meta(max_length=40, pattern="^[a-z][a-z0-9_]*$")]


class ToolsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent can do, and what of it needs a person's consent."""

    allowed: (
        Annotated[list[ToolName], Meta(max_length=100, description="These tools and no others; null: all.")]
        | None
    ) = None
    approval: Annotated[
        dict[ToolName, Approval],
        Meta(max_length=100, description="By tool: `auto`, `ask` a person first, or `never`."),
    ] = {}
    can_be_auto: Annotated[
        list[ToolName],
        Meta(
            max_length=100,
            description="Tools that ask by themselves and that a configuration may set to `auto`. Only a "
            "definition says this.",
        ),
    ] = []
    hosts: (
        Annotated[
            list[HostName],
            Meta(max_length=100, description="Whom `fetch_url` may ask; null: those named."),
        ]
        | None
    ) = None
    mcp_servers: Annotated[
        dict[McpServerName, McpServerConfig],
        Meta(max_length=10, description="Further tools, by a name of one's own."),
    ] = {}

    def allows(self, tool: str) -> bool:
        """Tell whether a tool is among those that the agent may use."""
        return self.allowed is None or tool in self.allowed

    def approval_of(self, tool: str, default: Approval) -> Approval:
        """Return how a tool is approved, whose own rule is `default`: stricter, but rarely less strict."""
        said = self.approval.get(tool, default)
        if tool in self.can_be_auto:
            return said
        return APPROVALS[max(APPROVALS.index(said), APPROVALS.index(default))]


class GrantConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent may do at most. A run has the rights of whoever started it, cut by this.

    Managing, sharing, deleting and members are never an agent's, whatever stands here.
    """

    scopes: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(\*|[a-z_]+):(read|write)$")], ...],
        Meta(max_length=50, description="As API keys have them; writing includes reading."),
    ] = ("*:write",)
    pages: (
        Annotated[list[UUID], Meta(max_length=100, description="These and those below; null: all pages.")]
        | None
    ) = None
    channels: Annotated[list[UUID], Meta(max_length=100, description="Null: all channels.")] | None = None


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much one run may take, and how many there may be."""

    max_steps: Annotated[int, Meta(ge=1, le=200, description="Calls of the model and of tools.")] = 40
    max_seconds: Annotated[
        int, Meta(ge=1, le=86_400, description="Of work; waiting for people does not count.")
    ] = 900
    max_output_characters: Annotated[int, Meta(ge=1, le=1_000_000, description="Of all that a run says.")] = (
        100_000
    )
    max_cost_usd: (
        Annotated[
            float, Meta(ge=0, le=10_000, description="With runs that it calls; null: as the budgets say.")
        ]
        | None
    ) = None
    runs_at_once: Annotated[int, Meta(ge=1, le=20, description="Of this agent.")] = 1
    on_busy: Annotated[
        OnBusy,
        Meta(description="Let a new run wait (`enqueue`), `reject` it, or cancel the oldest (`interrupt`)."),
    ] = "enqueue"

    @property
    def max_cost_micros(self) -> int | None:
        """What a run may cost, in millionths of a US dollar; None for whatever the budgets allow."""
        return None if self.max_cost_usd is None else round(self.max_cost_usd * MICROS)


class MemorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent remembers from one run to the next."""

    type: Annotated[Literal["database"] | None, Meta(description="Null: it remembers nothing.")] = None
    namespace: (
        Annotated[
            str,
            Meta(
                max_length=200,
                description="Agents of a workspace with the same one share what they remember. "
                "`{{instance_id}}` is the agent's id. Null: the agent's own.",
            ),
        ]
        | None
    ) = None
    max_memories: Annotated[int, Meta(ge=1, le=2000, description="The oldest give way.")] = 1000
    recalled: Annotated[
        int, Meta(ge=0, le=50, description="How many that fit a run's inputs are told at its start.")
    ] = 8
    remembers_runs: Annotated[bool, Meta(description="Whether a summary of each run is kept.")] = True
    keep_days: (
        Annotated[int, Meta(ge=1, le=3650, description="What is older is forgotten; null: never.")] | None
    ) = None


class TriggerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What starts a run by itself."""

    type: Annotated[
        Literal["schedule", "webhook", "event", "page_edit"], Meta(description="What it waits for.")
    ]
    config: Annotated[dict[str, Any], Meta(description="By type.")] = {}


class EffectiveConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent runs with."""

    llm: LlmConfig = LlmConfig()
    instructions: Annotated[
        Text | PromptReference | None,
        Meta(description="What the model is told first, in place of what the definition says."),
    ] = None
    more_instructions: Annotated[
        Text | PromptReference | None,
        Meta(description="What it is told besides, for instance about the workspace's own ways."),
    ] = None
    inputs: Annotated[
        dict[str, Any],
        Meta(description="What runs are given when whoever starts them says nothing else."),
    ] = {}
    tools: ToolsConfig = ToolsConfig()
    grant: GrantConfig = GrantConfig()
    limits: LimitsConfig = LimitsConfig()
    types_into: (
        Annotated[
            UUID,
            Meta(
                description="A page: answers are typed at its end too, in a block of their own. "
                "Null: they are told where it was asked."
            ),
        ]
        | None
    ) = None
    triggers: Annotated[
        list[TriggerConfig], Meta(max_length=20, description="What starts runs by itself.")
    ] = []
    memory: MemorySettings = MemorySettings()
    settings: Annotated[dict[str, Any], Meta(description="What only this kind of agent knows.")] = {}

    def instruction_parts(self) -> tuple[str | PromptReference, ...]:
        """Return what the model is told first, in its order."""
        return tuple(part for part in (self.instructions, self.more_instructions) if part)
