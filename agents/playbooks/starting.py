"""What starts a playbook by itself: its `trigger_event_type`, as a trigger like those of agents.

    manual, manual_...     people only
    schedule, webhook      what triggers of these types do (`agents.triggers`)
    anything else          an event of that type; `shopify_abandoned_cart` is `shopify.abandoned_cart`, too

The row of the trigger is made of the playbook and follows it. It acts for who changed the playbook last: what
is to be done is theirs then, and so are the rights that it is done with.
"""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from agents.configured_triggers import INVALID
from agents.errors import Fault, InvalidConfigError
from agents.firing import activate, pause
from agents.triggers import Fields, TriggerSettings, input_faults, read_settings
from storage.callers import find_caller
from storage.models import AgentTrigger, Playbook
from storage.unit_of_work import UnitOfWork

PATH = "trigger_config"
MANUAL = ("manual", "manual_", "manual.")
INACTIVE = "playbook_inactive"
BY_HAND = "by_hand"
"""Why a trigger is paused."""

Type = Literal["schedule", "webhook", "event"]


def type_of(event_type: str) -> Type | None:
    """Return the type of a playbook's trigger; None for one that only people start."""
    if event_type == MANUAL[0] or event_type.startswith(MANUAL[1:]):
        return None
    match event_type:
        case "schedule" | "webhook":
            return event_type
        case _:
            return "event"


def said_by(event_type: str, config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a playbook's trigger is configured with."""
    said = dict(config or {})
    return {**said, "events": [event_type]} if type_of(event_type) == "event" else said


def check_trigger(event_type: str, config: Mapping[str, Any], fields: Fields) -> TriggerSettings | None:
    """Return how a playbook with such inputs would be started. Raises InvalidConfigError."""
    type = type_of(event_type)
    stray = [name for name in ("events", "prompt") if name in config] if type else list(config)
    if stray:
        detail = (
            "A playbook is not told anything" if stray == ["prompt"] else "`trigger_event_type` says it all"
        )
        raise InvalidConfigError(tuple(Fault(f"{PATH}.{name}", detail) for name in stray))
    if type is None:
        return None
    settings = read_settings(type, said_by(event_type, config), PATH)
    defaults = {field["key"]: field["default"] for field in fields if field.get("default") is not None}
    if faults := input_faults(fields, defaults, settings, PATH):
        raise InvalidConfigError(tuple(faults))
    return settings


async def arm(uow: UnitOfWork, playbook: Playbook, *, acts_for: str, user_id: UUID) -> AgentTrigger | None:
    """Bring a playbook's trigger in step with what the playbook is now."""
    type = type_of(playbook.trigger_event_type)
    found = await uow.triggers.of_playbooks([playbook.id])
    trigger = found[0] if found else None
    if trigger is not None and trigger.type != type:
        await uow.agent_triggers.remove(trigger)
        trigger = None
    if type is None:
        return None
    if trigger is None:
        trigger = await _add(uow, playbook, type, acts_for=acts_for, user_id=user_id)
    trigger.name = playbook.trigger_event_type
    trigger.config = said_by(playbook.trigger_event_type, playbook.trigger_config)
    trigger.acts_for_user_id, trigger.acts_for = user_id, acts_for
    if not playbook.is_active:
        if trigger.paused_reason != INACTIVE:
            await pause(uow, trigger, INACTIVE, "The playbook is switched off.")
    elif trigger.paused_reason != BY_HAND:
        activate(trigger, uow)
    await uow.session.flush()
    return trigger


async def arm_stored(uow: UnitOfWork, playbook: Playbook) -> bool:
    """Give a playbook its trigger that was stored before there were any; tell whether it has one now.

    It acts for who changed the playbook last. Where nobody knows who that was, it starts nothing until
    somebody changes it: nobody's rights are its for certain.
    """
    type = type_of(playbook.trigger_event_type)
    actor = await uow.triggers.last_author(playbook)
    maker = await find_caller(uow, actor) if type and actor else None
    if type is None or maker is None or maker.user_id is None:
        return False
    try:
        check_trigger(playbook.trigger_event_type, playbook.trigger_config or {}, playbook.inputs or ())
    except InvalidConfigError as error:
        trigger = await _add(uow, playbook, type, acts_for=maker.id, user_id=maker.user_id)
        await pause(uow, trigger, INVALID, str(error))
    else:
        await arm(uow, playbook, acts_for=maker.id, user_id=maker.user_id)
    return True


async def _add(
    uow: UnitOfWork, playbook: Playbook, type: Type, *, acts_for: str, user_id: UUID
) -> AgentTrigger:
    trigger = AgentTrigger(
        id=uow.new_id(),
        workspace_id=playbook.workspace_id,
        playbook_id=playbook.id,
        acts_for_user_id=user_id,
        acts_for=acts_for,
        name=playbook.trigger_event_type,
        type=type,
        config=said_by(playbook.trigger_event_type, playbook.trigger_config),
        source="playbook",
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.agent_triggers.add(trigger)
    return trigger
