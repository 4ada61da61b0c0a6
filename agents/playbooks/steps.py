"""The steps of playbooks, as they are written. Data only: what is wrong with them is `checking`'s to say.

Every step has an `id`, by which later steps name its output: `${steps.brief.output.text}`. What it takes can
hold references (`agents.references`) to `inputs`, to `steps` before it, and to the `run` (`id`,
`started_by`).
"""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.conditions import Condition

StepId = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", max_length=64)]
Text = Annotated[str, Meta(min_length=1, max_length=20_000)]
Seconds = Annotated[int, Meta(ge=1, le=366 * 86_400)]
EventPattern = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-z0-9_.]+(\.\*)?$")]

FieldType = Literal["json", "string", "number", "boolean"]


class Retry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a step that failed is tried again; each pause is twice the one before."""

    times: Annotated[int, Meta(ge=1, le=10)]
    pause_seconds: Annotated[int, Meta(ge=1, le=3600)] = 10


class OfAny(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What all steps have."""

    id: StepId
    name: Annotated[str, Meta(max_length=200)] | None = None
    when: Condition | None = None
    """Without it, or while it does not hold, the step is skipped."""
    on_error: "Literal['stop', 'continue'] | Annotated[list[Step], Meta(max_length=50)]" = "stop"
    """What happens when it fails for good: the run ends, or goes on, with other steps first if there are."""


class Doing(OfAny, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What steps have that do something which takes time."""

    retry: Retry | None = None
    timeout_seconds: Seconds | None = None


class AgentStep(Doing, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="agent"):
    """Run an agent; its output is `run_id` and `text`, what the agent has said."""

    agent_id: UUID
    inputs: dict[str, Any] = {}
    prompt: Text | None = None


class LlmStep(Doing, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="llm"):
    """Ask a language model; its output is `text`, and `value` where a schema was given."""

    prompt: Text
    system: Text | None = None
    provider: Annotated[str, Meta(max_length=100)] | None = None
    model: Annotated[str, Meta(max_length=200)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=100_000)] = 2000
    json_schema: dict[str, Any] | None = None


class ToolStep(Doing, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="tool"):
    """Use one of the tools that agents have; its output is what the tool gives."""

    tool: Annotated[str, Meta(max_length=100)]
    arguments: dict[str, Any] = {}


class WaitStep(OfAny, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="wait"):
    """Wait: for `seconds`, `until` a time (RFC 3339), or for one of some `events`, which is the output."""

    seconds: Seconds | None = None
    until: str | None = None
    events: Annotated[list[EventPattern], Meta(max_length=50)] | None = None
    where: Condition | None = None
    timeout_seconds: Seconds | None = None


class ConditionStep(OfAny, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="condition"):
    """One way or the other."""

    test: Condition = msgspec.field(name="if")
    then: "list[Step]" = []
    otherwise: "list[Step]" = msgspec.field(name="else", default=[])


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way of a branch."""

    when: Condition
    steps: "list[Step]"


class BranchStep(OfAny, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="branch"):
    """The first way whose condition holds, else the default."""

    cases: Annotated[list[Case], Meta(min_length=1, max_length=20)]
    default: "list[Step]" = []


class ParallelStep(OfAny, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="parallel"):
    """Several ways at once; it is done when all are, and fails when one has and the others are over."""

    branches: "Annotated[list[list[Step]], Meta(min_length=1, max_length=10)]"


class ApprovalStep(OfAny, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="approval"):
    """Ask people to go on; its output is `by` and `note`. Who says no ends it, as a fault does."""

    message: Text
    approver_ids: Annotated[list[UUID], Meta(max_length=50)] = []
    """Who may decide; nobody named: everybody who may run agents."""
    timeout_seconds: Seconds | None = None


class NotifyStep(OfAny, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="notify"):
    """Say something in a channel; its output is `message_id`."""

    channel_id: UUID
    text: Text


class SetStep(OfAny, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="set"):
    """Name some values: they are its output."""

    values: dict[str, Any]


Step = (
    AgentStep
    | LlmStep
    | ToolStep
    | WaitStep
    | ConditionStep
    | BranchStep
    | ParallelStep
    | ApprovalStep
    | NotifyStep
    | SetStep
)


class InputField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run is given."""

    key: StepId
    type: FieldType
    required: bool = False
    description: Annotated[str, Meta(max_length=1000)] | None = None
    default: Any = None


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A playbook as it is run."""

    steps: Annotated[list[Step], Meta(max_length=100)]
    inputs: Annotated[list[InputField], Meta(max_length=50)] = []
    outputs: dict[StepId, Any] = {}
    """What a run gives, by references."""


def parts_of(step: Step) -> list[tuple[str, list[Step]]]:
    """Return the lists of steps inside of one, with their places; those for an error aside."""
    match step:
        case ConditionStep():
            return [("then", step.then), ("else", step.otherwise)]
        case BranchStep():
            cases = [(f"cases[{n}].steps", case.steps) for n, case in enumerate(step.cases)]
            return [*cases, ("default", step.default)]
        case ParallelStep():
            return [(f"branches[{n}]", branch) for n, branch in enumerate(step.branches)]
        case _:
            return []


def flatten(steps: list[Step]) -> list[Step]:
    """Return all steps, those inside of others and those for errors, too."""
    found: list[Step] = []
    for step in steps:
        found.append(step)
        for _, inner in parts_of(step):
            found += flatten(inner)
        if isinstance(step.on_error, list):
            found += flatten(step.on_error)
    return found
