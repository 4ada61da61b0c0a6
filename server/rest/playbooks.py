"""Playbooks: what an agent does, step by step, when something happens."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents.catalogue import DefinitionId
from agents.playbooks.checking import read_script
from agents.playbooks.starting import arm, check_trigger
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
from server.rest.triggers import check_places
from server.routing import Routes, UserCall
from storage.models import AgentTrigger, Playbook
from storage.unit_of_work import UnitOfWork

routes = Routes("Playbooks")

_SCRIPT = ("steps", "inputs", "outputs")
_TRIGGER = ("trigger_event_type", "trigger_config", "is_active")

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
        description="What starts it: the type of an event, such as `page.created` or "
        "`shopify_abandoned_cart`; `schedule`; `webhook`; or `manual`, `manual_list_upload`: people only.",
    ),
]
TriggerConfig = Annotated[
    JsonObject,
    Meta(
        description="Of what starts it, as of triggers: `inputs`, `place`, for events `where`, for a "
        "`schedule` its `cron` and `time_zone`, and `max_fires_per_hour` for all others."
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
    trigger_config: dict[str, Any]
    trigger_id: Annotated[
        UUID | None, Meta(description="Its trigger, which tells of its fires; null: only people start it.")
    ]
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
    trigger_config: TriggerConfig = {}
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
    trigger_config: TriggerConfig | UnsetType = UNSET
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
    triggers = await uow.triggers.of_playbooks([row.id for row in rows])
    by_playbook = {trigger.playbook_id: trigger for trigger in triggers}
    return list_slice(
        rows, query, lambda one: show_playbook(one, by_playbook.get(one.id)), lambda one: one.id
    )


@routes.post(
    "/v1/workspaces/{workspace_id}/playbooks", "playbooks.write", status=201, refuses=(403,), idempotent=True
)
async def create_playbook(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewPlaybook
) -> PlaybookAnswer:
    """Make a playbook."""
    await find_workspace(call, uow, workspace_id, "playbooks.write")
    values = msgspec.structs.asdict(body)
    await uow.workspaces.keep(workspace_id)
    await _check(call, uow, workspace_id, values)
    playbook = Playbook(
        id=uow.new_id(), workspace_id=workspace_id, created_at=uow.now, updated_at=uow.now, **values
    )
    await uow.playbooks.add(playbook)
    await _tell(call, uow, "playbook.created", playbook)
    return show_playbook(playbook, await arm(uow, playbook, acts_for=call.actor, user_id=call.user_id))


@routes.get("/v1/playbooks/{playbook_id}", "playbooks.read")
async def get_playbook(call: UserCall, uow: UnitOfWork, playbook_id: UUID) -> PlaybookAnswer:
    """Return a playbook."""
    playbook = await find_owned(call, uow.playbooks, playbook_id, "playbooks.read", "playbook")
    return show_playbook(playbook, await _trigger_of(uow, playbook))


@routes.patch("/v1/playbooks/{playbook_id}", "playbooks.write", refuses=(403,))
async def change_playbook(
    call: UserCall, uow: UnitOfWork, playbook_id: UUID, body: PlaybookChange
) -> PlaybookAnswer:
    """Change a playbook, or switch it on or off. Who changes it is whom its trigger acts for then."""
    playbook = await find_owned(call, uow.playbooks, playbook_id, "playbooks.write", "playbook")
    await uow.workspaces.keep(playbook.workspace_id)
    values = given(body)
    await _check(call, uow, playbook.workspace_id, values, playbook)
    if not await uow.playbooks.change(playbook, values):
        return show_playbook(playbook, await _trigger_of(uow, playbook))
    await _tell(call, uow, "playbook.updated", playbook)
    return show_playbook(playbook, await arm(uow, playbook, acts_for=call.actor, user_id=call.user_id))


@routes.delete("/v1/playbooks/{playbook_id}", "playbooks.write", refuses=(403,))
async def delete_playbook(call: UserCall, uow: UnitOfWork, playbook_id: UUID) -> None:
    """Delete a playbook for good."""
    playbook = await find_owned(call, uow.playbooks, playbook_id, "playbooks.write", "playbook")
    await uow.playbooks.remove(playbook)
    await _tell(call, uow, "playbook.deleted", playbook)


def show_playbook(playbook: Playbook, trigger: AgentTrigger | None) -> PlaybookAnswer:
    """Return a playbook as the members of its workspace see it."""
    names = [name for name in PlaybookAnswer.__struct_fields__ if name != "trigger_id"]
    values: dict[str, Any] = {name: getattr(playbook, name) for name in names}
    values |= {"inputs": playbook.inputs or [], "outputs": playbook.outputs or {}}
    values |= {"trigger_config": playbook.trigger_config or {}}
    return PlaybookAnswer(**values, trigger_id=trigger.id if trigger is not None else None)


async def _trigger_of(uow: UnitOfWork, playbook: Playbook) -> AgentTrigger | None:
    found = await uow.triggers.of_playbooks([playbook.id])
    return found[0] if found else None


async def _check(
    call: UserCall,
    uow: UnitOfWork,
    workspace_id: UUID,
    values: dict[str, Any],
    playbook: Playbook | None = None,
) -> None:
    """Hold what is given to what exists and can be run. Raises InvalidError, InvalidConfigError."""
    for name in (*_SCRIPT, "trigger_config"):
        check_json(values.get(name), f"body.{name}")
    kept = {name: getattr(playbook, name) for name in (*_SCRIPT, *_TRIGGER)} if playbook else {}
    said = {**kept, **values}
    if set(_SCRIPT) & set(values):
        script = read_script(said.get("steps") or (), said.get("inputs") or (), said.get("outputs"))
        await _check_agents(uow, workspace_id, script)
    config: dict[str, Any] = said.get("trigger_config") or {}
    settings = check_trigger(said["trigger_event_type"], config, said.get("inputs") or ())
    if settings is not None and said["is_active"]:
        await check_places(call, uow, workspace_id, settings, "trigger_config")
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
