"""Triggers: what starts runs of agents, and of playbooks, by itself, and what has become of that."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents.configured_triggers import require_inputs
from agents.firing import Occasion, activate, event_of, fire, pause, resume
from agents.playbooks.starting import check_trigger
from agents.runs import effective_of
from agents.triggers import PageEditConfig, TriggerSettings, read_settings, sample_scope
from server.errors import ConflictError, FieldError, InvalidError
from server.rest.fields import (
    JsonObject,
    Listing,
    Name,
    Slice,
    Time,
    check_json,
    given,
    list_slice,
    read_cursor,
)
from server.rest.gate import find_owned
from server.routing import Routes, UserCall
from server.trigger_secrets import TriggerSecrets
from storage.access import document_right, page_standing
from storage.models import (
    AgentConfiguration,
    AgentTrigger,
    FireOutcome,
    TriggerFire,
    TriggerSource,
    TriggerState,
    TriggerType,
)
from storage.unit_of_work import UnitOfWork

routes = Routes("Triggers")

MOST = 50
"""Triggers of one agent."""

OLD_SECRET_HOURS = 24

Config = Annotated[
    JsonObject,
    Meta(
        description="By type. `schedule`: `cron` (five fields), `time_zone`. `event`: `events` (types, such "
        "as `page.*`), `where` (a condition). `page_edit`: `quiet_seconds`, `page_id`, `below`. All: "
        "`inputs`, `prompt`, `place`; all but `schedule`: `max_fires_per_hour`. In `inputs` and `prompt` "
        "stand `${event.payload.x}`, `${body.x}`, `${instant}` or `${page_id}` for what has happened."
    ),
]


class TriggerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger, without its secrets."""

    id: UUID
    workspace_id: UUID
    agent_configuration_id: Annotated[UUID | None, Meta(description="The agent that it starts.")]
    playbook_id: Annotated[UUID | None, Meta(description="The playbook that it starts, if it is no agent.")]
    name: str
    type: TriggerType
    config: dict[str, Any]
    source: Annotated[
        TriggerSource, Meta(description="Triggers of an agent's YAML, or a playbook, are changed there.")
    ]
    state: TriggerState
    paused_reason: Annotated[
        str | None,
        Meta(
            description="`by_hand`, `agent_inactive`, `playbook_inactive`, `maker_lost_right`, `invalid` (it "
            "cannot work as it is configured), or `failing` (several times in a row)."
        ),
    ]
    paused_message: str | None
    next_fire_at: Annotated[Time | None, Meta(description="Of a schedule.")]
    url: Annotated[str | None, Meta(description="Where a webhook's messages go.")]
    acts_for_user_id: Annotated[UUID, Meta(description="Whose rights its runs have: who changed it last.")]
    created_at: Time
    updated_at: Time


class TriggerMade(TriggerAnswer, frozen=True, kw_only=True):
    """A trigger with a new secret."""

    secret: Annotated[
        str | None,
        Meta(description="What a webhook's messages are signed with: told once, and null for other types."),
    ]


class NewTrigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A trigger to make."""

    name: Name
    type: TriggerType
    config: Config = {}


class TriggerChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. Who changes more than the name is whom it acts for then."""

    name: Name | UnsetType = UNSET
    config: Config | UnsetType = UNSET
    state: TriggerState | UnsetType = UNSET


class TrialFire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to try a trigger out."""

    given: Annotated[
        JsonObject,
        Meta(description="What its references stand for, such as `body` or `event`, over an example."),
    ] = {}
    is_dry: Annotated[bool, Meta(description="Whether the run only says what it would do.")] = True


class FireAnswer(msgspec.Struct, frozen=True):
    """What became of one fire."""

    id: UUID
    trigger_id: UUID
    cause: str
    outcome: Annotated[
        FireOutcome, Meta(description="`stopped`: it would have been a loop, or too often within an hour.")
    ]
    run_id: UUID | None
    code: str | None
    message: str | None
    is_test: bool
    created_at: Time


@routes.get("/v1/agents/{agent_id}/triggers", "agents.read")
async def list_triggers(
    call: UserCall, uow: UnitOfWork, agent_id: UUID, query: Slice
) -> Listing[TriggerAnswer]:
    """List the triggers of an agent, oldest first."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.read", "agent")
    rows = await uow.triggers.list_of(agent.id, after=read_cursor(query, UUID), limit=query.limit + 1)
    return list_slice(rows, query, lambda one: show_trigger(call, one), lambda one: one.id)


@routes.post(
    "/v1/agents/{agent_id}/triggers",
    "agents.write",
    status=201,
    refuses=(403, 409),
    idempotent=True,
    told_once="secret",
)
async def create_trigger(call: UserCall, uow: UnitOfWork, agent_id: UUID, body: NewTrigger) -> TriggerMade:
    """Have an agent started by itself, with the rights of who asks for it here."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.write", "agent")
    effective_of(agent)
    await uow.workspaces.keep(agent.workspace_id)
    if await uow.triggers.count_of(agent.id) >= MOST:
        raise ConflictError(f"An agent has {MOST} triggers at most.", code="too_many_triggers")
    await _check(call, uow, agent, body.type, body.config)
    trigger = AgentTrigger(
        id=uow.new_id(),
        workspace_id=agent.workspace_id,
        agent_configuration_id=agent.id,
        acts_for_user_id=call.user_id,
        acts_for=call.actor,
        name=body.name,
        type=body.type,
        config=body.config,
        created_at=uow.now,
        updated_at=uow.now,
    )
    secret = None
    if body.type == "webhook":
        secret, trigger.secret = TriggerSecrets(call.services.vault).make(trigger.id)
    activate(trigger, uow)
    await uow.agent_triggers.add(trigger)
    await _tell(call, uow, "created", trigger)
    return _made(call, trigger, secret)


@routes.get("/v1/triggers/{trigger_id}", "agents.read")
async def get_trigger(call: UserCall, uow: UnitOfWork, trigger_id: UUID) -> TriggerAnswer:
    """Return a trigger."""
    return show_trigger(
        call, await find_owned(call, uow.agent_triggers, trigger_id, "agents.read", "trigger")
    )


@routes.patch("/v1/triggers/{trigger_id}", "agents.write", refuses=(403, 409))
async def change_trigger(
    call: UserCall, uow: UnitOfWork, trigger_id: UUID, body: TriggerChange
) -> TriggerAnswer:
    """Change a trigger, pause it, or let it go on from now on."""
    trigger = await _find(call, uow, trigger_id)
    if trigger.source != "api" and (body.name is not UNSET or body.config is not UNSET):
        raise _of_something(trigger)
    values = {name: value for name, value in given(body).items() if name != "state"}
    if body.config is not UNSET:
        await _check(call, uow, await _agent_of(uow, trigger), trigger.type, body.config)
    state = trigger.state if body.state is UNSET else body.state
    is_new = await uow.agent_triggers.change(trigger, values)
    if is_new:
        await _tell(call, uow, "updated", trigger)
    if (is_new and body.config is not UNSET) or (state == "active" and trigger.state == "paused"):
        trigger.acts_for_user_id, trigger.acts_for = call.user_id, call.actor
    if state == "paused" and trigger.state == "active":
        await pause(uow, trigger, "by_hand", None, call.actor)
    elif state == "active" and trigger.state == "paused":
        await _check_target(call, uow, trigger)
        await resume(uow, trigger, call.actor)
    elif state == "active" and is_new:
        activate(trigger, uow)
    await uow.session.flush()
    return show_trigger(call, trigger)


@routes.delete("/v1/triggers/{trigger_id}", "agents.write", refuses=(403, 409))
async def delete_trigger(call: UserCall, uow: UnitOfWork, trigger_id: UUID) -> None:
    """Delete a trigger for good, with what is known of its fires. Runs that it started stay."""
    trigger = await _find(call, uow, trigger_id)
    if trigger.source != "api":
        raise _of_something(trigger)
    await uow.agent_triggers.remove(trigger)
    await _tell(call, uow, "deleted", trigger)


@routes.post("/v1/triggers/{trigger_id}/secret", "agents.write", refuses=(403, 409))
async def change_trigger_secret(call: UserCall, uow: UnitOfWork, trigger_id: UUID) -> TriggerMade:
    """Make a new secret for a webhook. For a day messages that are signed with the old one are taken, too."""
    trigger = await _find(call, uow, trigger_id)
    if trigger.type != "webhook":
        raise ConflictError("Only a webhook has a secret.", code="no_webhook")
    secrets = TriggerSecrets(call.services.vault)
    trigger.previous_secret = secrets.retire(trigger)
    trigger.previous_secret_until = uow.now + timedelta(hours=OLD_SECRET_HOURS)
    secret, trigger.secret = secrets.make(trigger.id)
    trigger.updated_at = uow.now
    await _tell(call, uow, "updated", trigger)
    return _made(call, trigger, secret)


@routes.post(
    "/v1/triggers/{trigger_id}/test", "agents.write", status=201, refuses=(403, 409), idempotent=True
)
async def test_trigger(call: UserCall, uow: UnitOfWork, trigger_id: UUID, body: TrialFire) -> FireAnswer:
    """Fire a trigger now, also a paused one, with the caller's rights, and tell what became of it."""
    trigger = await _find(call, uow, trigger_id)
    check_json(body.given, "body.given")
    if trigger.playbook_id is not None and body.is_dry:
        raise ConflictError("A playbook does what it does: say `is_dry: false`.", code="no_dry_run")
    scope = {**sample_scope(trigger.type, trigger.config, uow.now), **body.given}
    occasion = Occasion(cause=f"test:{uow.new_id()}", scope=scope, tester=call.actor, is_dry=body.is_dry)
    return show_fire(await fire(uow, trigger, occasion))


@routes.get("/v1/triggers/{trigger_id}/fires", "agents.read")
async def list_fires(call: UserCall, uow: UnitOfWork, trigger_id: UUID, query: Slice) -> Listing[FireAnswer]:
    """List what became of a trigger's fires within the last 30 days, the latest first."""
    trigger = await find_owned(call, uow.agent_triggers, trigger_id, "agents.read", "trigger")
    rows = await uow.triggers.list_fires(trigger.id, before=read_cursor(query, UUID), limit=query.limit + 1)
    return list_slice(rows, query, show_fire, lambda one: one.id)


def show_trigger(call: UserCall, trigger: AgentTrigger) -> TriggerAnswer:
    """Return a trigger as those see it who see its agent."""
    return TriggerAnswer(**_shown(call, trigger))


def show_fire(entry: TriggerFire) -> FireAnswer:
    """Return what became of a fire."""
    return msgspec.convert(entry, FireAnswer, from_attributes=True)


def _shown(call: UserCall, trigger: AgentTrigger) -> dict[str, Any]:
    values = {name: getattr(trigger, name) for name in TriggerAnswer.__struct_fields__ if name != "url"}
    address = f"{call.services.settings.effective_public_url}/v1/hooks/{trigger.id}"
    return values | {"url": address if trigger.type == "webhook" else None}


def _made(call: UserCall, trigger: AgentTrigger, secret: str | None) -> TriggerMade:
    return TriggerMade(**_shown(call, trigger), secret=secret)


async def _find(call: UserCall, uow: UnitOfWork, trigger_id: UUID) -> AgentTrigger:
    """Return a trigger that nobody else changes or fires until the unit ends."""
    trigger = await find_owned(call, uow.agent_triggers, trigger_id, "agents.write", "trigger")
    await uow.workspaces.keep(trigger.workspace_id)
    held = await uow.triggers.take(trigger_id)
    return held or await find_owned(call, uow.agent_triggers, trigger_id, "agents.write", "trigger")


async def _check(
    call: UserCall, uow: UnitOfWork, agent: AgentConfiguration, type: TriggerType, config: dict[str, Any]
) -> None:
    """Raise InvalidError or InvalidConfigError for what could never fire, or not for this caller."""
    check_json(config, "body.config")
    settings = read_settings(type, config)
    await require_inputs(uow, agent, settings)
    await check_places(call, uow, agent.workspace_id, settings, "config")


async def _check_target(call: UserCall, uow: UnitOfWork, trigger: AgentTrigger) -> None:
    """Raise ConflictError, InvalidConfigError or RunRefusedError for what a trigger cannot start now."""
    if trigger.playbook_id is None:
        agent = await _agent_of(uow, trigger)
        effective_of(agent)
        await _check(call, uow, agent, trigger.type, trigger.config)
        return
    playbook = await uow.playbooks.get(trigger.playbook_id)
    if playbook is None or not playbook.is_active:
        raise ConflictError("The playbook is switched off.", code="playbook_inactive")
    check_trigger(playbook.trigger_event_type, playbook.trigger_config or {}, playbook.inputs or ())


async def _agent_of(uow: UnitOfWork, trigger: AgentTrigger) -> AgentConfiguration:
    assert trigger.agent_configuration_id is not None
    agent = await uow.agent_configurations.get(trigger.agent_configuration_id)
    assert agent is not None, "triggers go with their agents"
    return agent


async def check_places(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, settings: TriggerSettings, field: str
) -> None:
    """Raise InvalidError for a channel or page that is not the workspace's, or not the caller's to see."""
    if settings.place is not None:
        document = await uow.documents.get(settings.place)
        is_ours = document is not None and document.workspace_id == workspace_id
        if not is_ours or await document_right(uow, call.caller, settings.place) == "none":
            raise _bad_reference(f"{field}.place", "No channel or page of this workspace that you may see")
    if isinstance(settings, PageEditConfig) and settings.page_id is not None:
        found = await page_standing(uow, call.caller, settings.page_id)
        if found is None or found[0].workspace_id != workspace_id:
            raise _bad_reference(f"{field}.page_id", "No page of this workspace that you may see")


def _bad_reference(name: str, detail: str) -> InvalidError:
    fault = FieldError(f"body.{name}", detail)
    return InvalidError(f"{detail}.", code="invalid_reference", errors=(fault,))


def _of_something(trigger: AgentTrigger) -> ConflictError:
    if trigger.source == "playbook":
        return ConflictError(
            "This trigger is of a playbook: change that, or pause the trigger here.", code="of_playbook"
        )
    return ConflictError(
        "This trigger is of the agent's configuration: change the YAML, or pause it here.",
        code="of_configuration",
    )


async def _tell(call: UserCall, uow: UnitOfWork, what: str, trigger: AgentTrigger) -> None:
    payload = {"trigger_id": str(trigger.id), "name": trigger.name, "type": trigger.type}
    await uow.events.append(trigger.workspace_id, *event_of(trigger, what, call.actor), payload)
