"""Playbooks: what an agent does, step by step, when something happens."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents.catalogue import DefinitionId
from agents.playbooks.checking import read_script
from agents.playbooks.steps import AgentStep, Script, flatten
from server.errors import FieldError, InvalidError
from server.rest.fields import (
    JsonObject,
    Listing,
    Name,
    Prose,
    Slice,
    Time,
    check_json,
    given,
    list_slice,
    read_cursor,
)
from server.rest.gate import find_owned, find_workspace
from server.routing import Routes, UserCall
from storage.models import Playbook
from storage.unit_of_work import UnitOfWork

routes = Routes("Playbooks")

Steps = Annotated[
    list[JsonObject],
    Meta(max_length=100, description="In their order; docs/playbooks.md says what each can be."),
]
Fields = Annotated[
    list[JsonObject],
    Meta(
        max_length=50, description="What a run is given: `key`, `type`, `required`, `description`, `default`."
    ),
]
Outputs = Annotated[
    JsonObject, Meta(description="What a run gives: names, and references such as `${steps.x.output}`.")
]
EventType = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=r"^[a-z0-9]+([._][a-z0-9]+)*$",
        description="For instance `shopify_abandoned_cart` or `manual_list_upload`.",
    ),
]
Agent = Annotated[UUID, Meta(description="An agent of the workspace.")]


class PlaybookAnswer(msgspec.Struct, frozen=True):
    """A playbook."""

    id: UUID
    workspace_id: UUID
    agent_definition_id: str | None
    agent_configuration_id: UUID | None
    name: str
    description: str | None
    trigger_event_type: str
    steps: list[dict[str, Any]]
    inputs: list[dict[str, Any]]
    outputs: dict[str, Any]
    is_active: bool
    created_at: Time
    updated_at: Time


class NewPlaybook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A playbook to make: for one agent, for a kind of agent, or for any."""

    name: Name
    trigger_event_type: EventType
    description: Prose | None = None
    agent_definition_id: DefinitionId | None = None
    agent_configuration_id: Agent | None = None
    steps: Steps = []
    inputs: Fields = []
    outputs: Outputs = {}
    is_active: bool = True


class PlaybookChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. Steps are replaced as a whole."""

    name: Name | UnsetType = UNSET
    trigger_event_type: EventType | UnsetType = UNSET
    description: Prose | UnsetType | None = UNSET
    agent_definition_id: DefinitionId | UnsetType | None = UNSET
    agent_configuration_id: Agent | UnsetType | None = UNSET
    steps: Steps | UnsetType = UNSET
    inputs: Fields | UnsetType = UNSET
    outputs: Outputs | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class PlaybookQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """Which playbooks are wanted."""

    is_active: bool | UnsetType = UNSET
    trigger_event_type: EventType | UnsetType = UNSET
    agent_definition_id: DefinitionId | UnsetType = UNSET
    agent_configuration_id: Agent | UnsetType = UNSET


@routes.get("/v1/workspaces/{workspace_id}/playbooks", "playbooks.read")
async def list_playbooks(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: PlaybookQuery
) -> Listing[PlaybookAnswer]:
    """List the playbooks of a workspace, oldest first."""
    await find_workspace(call, uow, workspace_id, "playbooks.read")
    wanted = {name: value for name, value in given(query).items() if name not in ("cursor", "limit")}
    rows = await uow.playbooks.list_in(
        workspace_id, wanted, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, show_playbook, lambda playbook: playbook.id)


@routes.post(
    "/v1/workspaces/{workspace_id}/playbooks", "playbooks.write", status=201, refuses=(403,), idempotent=True
)
async def create_playbook(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewPlaybook
) -> PlaybookAnswer:
    """Make a playbook."""
    await find_workspace(call, uow, workspace_id, "playbooks.write")
    values = msgspec.structs.asdict(body)
    await _check(uow, workspace_id, values)
    playbook = Playbook(
        id=uow.new_id(), workspace_id=workspace_id, created_at=uow.now, updated_at=uow.now, **values
    )
    await uow.playbooks.add(playbook)
    await _tell(call, uow, "playbook.created", playbook)
    return show_playbook(playbook)


@routes.get("/v1/playbooks/{playbook_id}", "playbooks.read")
async def get_playbook(call: UserCall, uow: UnitOfWork, playbook_id: UUID) -> PlaybookAnswer:
    """Return a playbook."""
    return show_playbook(await find_owned(call, uow.playbooks, playbook_id, "playbooks.read", "playbook"))


@routes.patch("/v1/playbooks/{playbook_id}", "playbooks.write", refuses=(403,))
async def change_playbook(
    call: UserCall, uow: UnitOfWork, playbook_id: UUID, body: PlaybookChange
) -> PlaybookAnswer:
    """Change a playbook, or switch it on or off."""
    playbook = await find_owned(call, uow.playbooks, playbook_id, "playbooks.write", "playbook")
    values = given(body)
    await _check(uow, playbook.workspace_id, values, playbook)
    if await uow.playbooks.change(playbook, values):
        await _tell(call, uow, "playbook.updated", playbook)
    return show_playbook(playbook)


@routes.delete("/v1/playbooks/{playbook_id}", "playbooks.write", refuses=(403,))
async def delete_playbook(call: UserCall, uow: UnitOfWork, playbook_id: UUID) -> None:
    """Delete a playbook for good."""
    playbook = await find_owned(call, uow.playbooks, playbook_id, "playbooks.write", "playbook")
    await uow.playbooks.remove(playbook)
    await _tell(call, uow, "playbook.deleted", playbook)


def show_playbook(playbook: Playbook) -> PlaybookAnswer:
    """Return a playbook as the members of its workspace see it."""
    values: dict[str, Any] = {name: getattr(playbook, name) for name in PlaybookAnswer.__struct_fields__}
    values |= {"inputs": playbook.inputs or [], "outputs": playbook.outputs or {}}
    return PlaybookAnswer(**values)


async def _check(
    uow: UnitOfWork, workspace_id: UUID, values: dict[str, Any], playbook: Playbook | None = None
) -> None:
    """Hold what is given to what exists and can be run. Raises InvalidError, InvalidConfigError."""
    for name in ("steps", "inputs", "outputs"):
        check_json(values.get(name), f"body.{name}")
    if {"steps", "inputs", "outputs"} & set(values):
        kept = {name: getattr(playbook, name) for name in ("steps", "inputs", "outputs")} if playbook else {}
        said = {**kept, **values}
        script = read_script(said.get("steps") or (), said.get("inputs") or (), said.get("outputs"))
        await _check_agents(uow, workspace_id, script)
    definition_id: str | None = values.get("agent_definition_id")
    if definition_id is not None and await uow.agent_definitions.get(definition_id) is None:
        raise _bad_reference("agent_definition_id", "No definition of the catalogue")
    agent_id: UUID | None = values.get("agent_configuration_id")
    if agent_id is not None and await uow.agent_configurations.find_in(workspace_id, agent_id) is None:
        raise _bad_reference("agent_configuration_id", "No agent of this workspace")


async def _check_agents(uow: UnitOfWork, workspace_id: UUID, script: Script) -> None:
    """Raise InvalidError for a step whose agent is none of the workspace."""
    for step in flatten(script.steps):
        is_for = step.agent_id if isinstance(step, AgentStep) else None
        if is_for is not None and await uow.agent_configurations.find_in(workspace_id, is_for) is None:
            raise _bad_reference("steps", f"The step {step.id} is for no agent of this workspace")


def _bad_reference(name: str, detail: str) -> InvalidError:
    return InvalidError(f"{detail}.", code="invalid_reference", errors=(FieldError(f"body.{name}", detail),))


async def _tell(call: UserCall, uow: UnitOfWork, event: str, playbook: Playbook) -> None:
    payload = {"name": playbook.name, "is_active": playbook.is_active}
    await uow.events.append(playbook.workspace_id, event, call.actor, f"playbook:{playbook.id}", payload)
