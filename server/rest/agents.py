"""Agents of a workspace: a definition of the catalogue with the workspace's own YAML over it."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents import configurations
from agents.catalogue import DefinitionId
from agents.sections import EffectiveConfig
from server.errors import FieldError, InvalidError
from server.rest.fields import Listing, Name, Prose, Slice, Time, given, list_slice, read_cursor
from server.rest.gate import find_owned, find_workspace
from server.routing import Routes, UserCall
from storage.models import AgentConfiguration, AgentDefinition, ConfigurationStatus, LastRunStatus
from storage.unit_of_work import UnitOfWork

routes = Routes("Agents")

YamlText = Annotated[
    str,
    Meta(
        max_length=50_000,
        pattern=r"^[^\x00]*$",
        description=(
            "YAML with any of the sections that `effective_config_cache` has (`llm`, `instructions`, "
            "`tools` ...); what it says goes over the definition's. Without anchors, aliases and tags; `no` "
            "and dates are texts."
        ),
    ),
]
Namespace = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[!-~]+$")]
NewStatus = Annotated[ConfigurationStatus, Meta(description="Only active ones run.")]


class AgentAnswer(msgspec.Struct, frozen=True):
    """An agent. Its runs write `last_run_*`."""

    id: UUID
    workspace_id: UUID
    agent_definition_id: str
    name: str
    description: str | None
    created_by_user_id: UUID
    yaml_config: str
    effective_config_cache: Annotated[
        EffectiveConfig | None,
        Meta(description="What it runs with; null when the YAML does not fit the definition any more."),
    ]
    external_memory_namespace: str | None
    last_run_status: LastRunStatus | None
    last_run_at: Time | None
    last_run_id: UUID | None
    last_run_output_preview: str | None
    last_run_full_output_ref: str | None
    status: ConfigurationStatus
    version: Annotated[int, Meta(description="Counts its changes; see `/versions`.")]
    created_at: Time
    updated_at: Time


class NewAgent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agent to make, of a definition that is not deprecated."""

    agent_definition_id: DefinitionId
    name: Name
    description: Prose | None = None
    yaml_config: YamlText = ""
    external_memory_namespace: Namespace | None = None
    status: NewStatus = "active"


class AgentChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. An archived agent comes back with another status."""

    name: Name | UnsetType = UNSET
    description: Prose | UnsetType | None = UNSET
    yaml_config: YamlText | UnsetType = UNSET
    external_memory_namespace: Namespace | UnsetType | None = UNSET
    status: NewStatus | UnsetType = UNSET


class AgentQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """Which agents are wanted."""

    status: (
        Annotated[ConfigurationStatus, Meta(description="Without it: all that are not archived.")] | UnsetType
    ) = UNSET
    agent_definition_id: DefinitionId | UnsetType = UNSET


@routes.get("/v1/workspaces/{workspace_id}/agents", "agents.read")
async def list_agents(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: AgentQuery
) -> Listing[AgentAnswer]:
    """List the agents of a workspace, oldest first."""
    await find_workspace(call, uow, workspace_id, "agents.read")
    rows = await uow.agents.list_in(
        workspace_id,
        status=None if query.status is UNSET else query.status,
        definition_id=None if query.agent_definition_id is UNSET else query.agent_definition_id,
        after=read_cursor(query, UUID),
        limit=query.limit + 1,
    )
    return list_slice(rows, query, show_agent, lambda agent: agent.id)


@routes.post(
    "/v1/workspaces/{workspace_id}/agents", "agents.write", status=201, refuses=(403,), idempotent=True
)
async def create_agent(call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewAgent) -> AgentAnswer:
    """Make an agent."""
    await find_workspace(call, uow, workspace_id, "agents.write")
    definition = await _find_definition(uow, body.agent_definition_id)
    agent = AgentConfiguration(
        id=uow.new_id(),
        workspace_id=workspace_id,
        created_by_user_id=call.user_id,
        last_run_status="idle",
        created_at=uow.now,
        updated_at=uow.now,
        **msgspec.structs.asdict(body),
    )
    await configurations.add_agent(uow, agent, definition, call.actor)
    await tell(call, uow, "agent.created", agent)
    return show_agent(agent)


@routes.get("/v1/agents/{agent_id}", "agents.read")
async def get_agent(call: UserCall, uow: UnitOfWork, agent_id: UUID) -> AgentAnswer:
    """Return an agent, archived or not."""
    return show_agent(await find_owned(call, uow.agent_configurations, agent_id, "agents.read", "agent"))


@routes.patch("/v1/agents/{agent_id}", "agents.write", refuses=(403,))
async def change_agent(call: UserCall, uow: UnitOfWork, agent_id: UUID, body: AgentChange) -> AgentAnswer:
    """Change an agent, or archive it or take it back out."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.write", "agent")
    was_archived = agent.status == "archived"
    if await configurations.change_agent(uow, agent, given(body), call.actor):
        is_archived = agent.status == "archived" and not was_archived
        await tell(call, uow, "agent.archived" if is_archived else "agent.updated", agent)
    return show_agent(agent)


@routes.delete("/v1/agents/{agent_id}", "agents.write", refuses=(403,))
async def archive_agent(call: UserCall, uow: UnitOfWork, agent_id: UUID) -> None:
    """Archive an agent: it runs no more and leaves the list. Its runs, and what it wrote, still name it."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.write", "agent")
    if await uow.agent_configurations.change(agent, {"status": "archived"}):
        await tell(call, uow, "agent.archived", agent)


def show_agent(agent: AgentConfiguration) -> AgentAnswer:
    """Return an agent as the members of its workspace see it."""
    return msgspec.convert(agent, AgentAnswer, from_attributes=True)


async def _find_definition(uow: UnitOfWork, definition_id: str) -> AgentDefinition:
    """Return a definition that can get agents. Raises InvalidError."""
    definition = await uow.agent_definitions.get(definition_id)
    if definition is None or definition.status == "deprecated":
        fault = FieldError("body.agent_definition_id", "No definition of the catalogue, or a deprecated one")
        raise InvalidError(f"{fault.detail}.", code="invalid_reference", errors=(fault,))
    return definition


async def tell(call: UserCall, uow: UnitOfWork, event: str, agent: AgentConfiguration) -> None:
    """Write an event on an agent."""
    payload = {"name": agent.name, "agent_definition_id": agent.agent_definition_id, "status": agent.status}
    await uow.events.append(agent.workspace_id, event, call.actor, f"agent:{agent.id}", payload)
