"""Fires triggers: a run for each occasion, once, unless something speaks against it, which is written down.

Against it: whoever arranged for the trigger may no longer run agents, the agent is switched off, what the run
would be given does not fit, or agents and playbooks start each other in a circle. What will not be otherwise
the next time pauses the trigger; so nothing is tried for ever. All of it is one unit of work with its cause.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from agents.errors import (
    AgentError,
    BusyAgentError,
    InactiveAgentError,
    LoopError,
    LostRightError,
    RunTooDeepError,
    TooManyFiresError,
)
from agents.playbooks.runs import Deed, NewPlaybookRun, begin_run, playbook_run_behind
from agents.runs import MAX_DEPTH, NewRun, request_run
from agents.triggers import (
    ScheduleConfig,
    TriggerSettings,
    Unforeseen,
    inputs_of,
    prompt_of,
    read_settings,
)
from crdt.ports import can_write
from storage.access import document_right, workspace_standing
from storage.callers import Caller, find_caller, parse_document_name
from storage.models import AgentTrigger, RunTrigger, TriggerFire, TriggerType
from storage.unit_of_work import UnitOfWork

MOST_REFUSALS = 5
"""In a row; then a trigger is paused."""

AN_HOUR = timedelta(hours=1)

_TRIGGER_OF: Mapping[TriggerType, RunTrigger] = {
    "schedule": "schedule",
    "webhook": "webhook",
    "event": "event",
    "page_edit": "event",
}
_LASTING = (LostRightError, InactiveAgentError)
_STOPS = (LoopError, RunTooDeepError, TooManyFiresError)


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a trigger fire."""

    cause: str
    """What it is, once for each trigger: `schedule:{id}@{instant}`, `event:{id}` ..."""
    scope: Mapping[str, object]
    """What the trigger's inputs may name."""
    parent_run_id: UUID | None = None
    """The run that it came of, if any."""
    place: str | None = None
    place_item: str | None = None
    tester: str | None = None
    """The credential of somebody who tries the trigger out: with their rights, and whatever the rate."""
    is_dry: bool = False


async def fire(uow: UnitOfWork, trigger: AgentTrigger, occasion: Occasion) -> TriggerFire:
    """Start a run, or write down why not; an occasion that was there before has had its fire."""
    earlier = await uow.triggers.fire_of(trigger.id, occasion.cause)
    if earlier is not None:
        return earlier
    entry = TriggerFire(
        id=uow.new_id(),
        trigger_id=trigger.id,
        cause=occasion.cause,
        outcome="started",
        is_test=occasion.tester is not None,
        created_at=uow.now,
    )
    try:
        entry.run_id = await _start(uow, trigger, occasion)
    except AgentError as error:
        entry.outcome = "stopped" if isinstance(error, _STOPS) else "refused"
        entry.code, entry.message = error.code, str(error)
        if await _is_repeated(uow, trigger, entry):
            return entry
        await uow.triggers.add_fire(entry)
        await _tell(uow, trigger, entry.outcome, {"code": entry.code, "message": entry.message})
        if occasion.tester is None:
            await _note_refusal(uow, trigger, error)
        return entry
    trigger.refusals = 0
    await uow.triggers.add_fire(entry)
    return entry


async def pause(
    uow: UnitOfWork, trigger: AgentTrigger, reason: str, message: str | None, by: str | None = None
) -> None:
    """Let a trigger fire no more, and tell why."""
    trigger.state = "paused"
    trigger.paused_reason, trigger.paused_message = reason, message
    trigger.next_fire_at = None
    trigger.updated_at = uow.now
    await _tell(uow, trigger, "paused", {"reason": reason, "message": message}, by)


async def resume(uow: UnitOfWork, trigger: AgentTrigger, by: str | None = None) -> None:
    """Let a trigger fire again, from now on. Raises InvalidConfigError for one that cannot."""
    activate(trigger, uow)
    await _tell(uow, trigger, "resumed", {}, by)


def activate(trigger: AgentTrigger, uow: UnitOfWork) -> None:
    """Have a trigger fire from now on. Raises InvalidConfigError for one that cannot."""
    settings = read_settings(trigger.type, trigger.config)
    trigger.state = "active"
    trigger.paused_reason = trigger.paused_message = None
    trigger.refusals = 0
    trigger.updated_at = uow.now
    is_schedule = isinstance(settings, ScheduleConfig)
    trigger.next_fire_at = settings.schedule().next_after(uow.now) if is_schedule else None


async def run_behind(uow: UnitOfWork, deed: Deed) -> UUID | None:
    """Return the run that something came of: the one that it names, else that its agent is in.

    For a person, it is the run of a playbook that did it as them.
    """
    named = deed.payload.get("run_id")
    principal, _, rest = (deed.actor or "").partition("|")
    for text in (str(named) if named else "", rest.removeprefix("run:").partition("|")[0]):
        found = parse_document_name(f"run:{text}")
        if found is not None and await uow.triggers.chain(found[1], 1):
            return found[1]
    match parse_document_name(principal):
        case ("agent", agent_id):
            return await uow.triggers.newest_run(agent_id, uow.now)
        case _:
            return await playbook_run_behind(uow, deed)


async def _start(uow: UnitOfWork, trigger: AgentTrigger, occasion: Occasion) -> UUID:
    """Ask for the run; return its id. Raises AgentError."""
    acts_for = occasion.tester or trigger.acts_for
    invoker = await find_caller(uow, acts_for)
    found = await workspace_standing(uow, invoker, trigger.workspace_id) if invoker is not None else None
    if invoker is None or found is None or not found[1].allows("agents.run"):
        raise LostRightError("Whoever arranged for this may not run agents here any more.")
    settings = read_settings(trigger.type, trigger.config)
    if settings.place is not None and await document_right(uow, invoker, settings.place) == "none":
        raise LostRightError("Whoever arranged for this may not see the place any more that it answers in.")
    depth = await _check_chain(uow, trigger, occasion.parent_run_id)
    if isinstance(settings, Unforeseen) and occasion.tester is None:
        most = settings.max_fires_per_hour
        if await uow.triggers.started_since(trigger.id, AN_HOUR) >= most:
            raise TooManyFiresError(f"It has started {most} runs within an hour: it rests for a while.")
    begin = _begin_agent if trigger.agent_configuration_id is not None else _begin_playbook
    return await begin(uow, trigger, occasion, settings, invoker, depth)


async def _begin_agent(
    uow: UnitOfWork,
    trigger: AgentTrigger,
    occasion: Occasion,
    settings: TriggerSettings,
    invoker: Caller,
    depth: int,
) -> UUID:
    assert trigger.agent_configuration_id is not None
    agent = await uow.agent_configurations.get(trigger.agent_configuration_id)
    assert agent is not None, "triggers go with their agents"
    run = await request_run(
        uow,
        NewRun(
            agent=agent,
            trigger=_TRIGGER_OF[trigger.type],
            cause=occasion.cause,
            invoker_user_id=invoker.user_id,
            invoked_by=invoker.id,
            inputs=inputs_of(settings, occasion.scope),
            prompt=prompt_of(settings, occasion.scope),
            place=settings.place or occasion.place,
            place_item=None if settings.place else occasion.place_item,
            parent_run_id=occasion.parent_run_id,
            depth=depth,
            run_id=uuid5(trigger.id, occasion.cause),
            is_dry=occasion.is_dry,
        ),
    )
    return run.run_id


async def _begin_playbook(
    uow: UnitOfWork,
    trigger: AgentTrigger,
    occasion: Occasion,
    settings: TriggerSettings,
    invoker: Caller,
    depth: int,
) -> UUID:
    """Begin the run of a playbook; shown in the channel where something happened, or where it is to be."""
    assert trigger.playbook_id is not None
    playbook = await uow.playbooks.get(trigger.playbook_id)
    assert playbook is not None, "triggers go with their playbooks"
    assert invoker.user_id is not None, "whoever may run agents is a person"
    place = parse_document_name(settings.place or occasion.place or "")
    is_in_page = place is not None and place[0] == "page" and settings.place is not None
    if is_in_page and not can_write(await document_right(uow, invoker, settings.place or "")):
        raise LostRightError("Whoever arranged for this may not write the page that it is shown in.")
    run = await begin_run(
        uow,
        playbook,
        inputs_of(settings, occasion.scope),
        NewPlaybookRun(
            acts_for=invoker.id,
            user_id=invoker.user_id,
            cause=occasion.cause,
            parent_run_id=occasion.parent_run_id,
            depth=depth,
            channel_id=place[1] if place is not None and place[0] == "channel" else None,
            page_id=place[1] if place is not None and is_in_page else None,
        ),
    )
    return run.id


async def _check_chain(uow: UnitOfWork, trigger: AgentTrigger, parent_run_id: UUID | None) -> int:
    """Return how deep a run would be that comes of another. Raises LoopError."""
    if parent_run_id is None:
        return 0
    chain = await uow.triggers.chain(parent_run_id, MAX_DEPTH + 1)
    if any(run.of in (trigger.agent_configuration_id, trigger.playbook_id) for run in chain):
        raise LoopError("It would be started by what came of a run of its own.")
    return chain[0].depth + 1 if chain else 0


async def _is_repeated(uow: UnitOfWork, trigger: AgentTrigger, entry: TriggerFire) -> bool:
    """Tell whether all there is to say was said: a trigger that rests says so once."""
    if entry.code != TooManyFiresError.code:
        return False
    last = await uow.triggers.last_fire(trigger.id)
    return last is not None and last.code == entry.code


async def _note_refusal(uow: UnitOfWork, trigger: AgentTrigger, error: AgentError) -> None:
    if isinstance(error, (_STOPS, BusyAgentError)):
        return
    trigger.refusals += 1
    if isinstance(error, _LASTING):
        await pause(uow, trigger, error.code, str(error))
    elif trigger.refusals >= MOST_REFUSALS:
        await pause(uow, trigger, "failing", str(error))


async def _tell(
    uow: UnitOfWork, trigger: AgentTrigger, what: str, details: Mapping[str, Any], by: str | None = None
) -> None:
    payload = {"trigger_id": str(trigger.id), "name": trigger.name, "type": trigger.type, **details}
    await uow.events.append(trigger.workspace_id, *event_of(trigger, what, by), payload)


def event_of(trigger: AgentTrigger, what: str, by: str | None) -> tuple[str, str | None, str]:
    """Return the type, the actor and the subject of an event on a trigger."""
    kind = "playbook" if trigger.playbook_id is not None else "agent"
    subject = trigger.playbook_id or trigger.agent_configuration_id
    return f"{kind}.trigger.{what}", by, f"{kind}:{subject}"
