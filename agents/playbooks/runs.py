"""Beginning a run of a playbook, and what happens from outside while it is under way.

A run is a job (`agents.engine`); each step's outcome that comes from outside is a signal to it, named by the
step and its attempt. Whatever is written here is part of the caller's transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec

from agents.conditions import holds
from agents.config import fits
from agents.engine import start_job
from agents.errors import (
    BusyAgentError,
    Fault,
    InvalidInputsError,
    MissingReferenceError,
    RunTooDeepError,
)
from agents.playbooks.checking import read_script
from agents.playbooks.interpreter import Entry, scope_of
from agents.playbooks.steps import InputField, Script, WaitStep, flatten
from agents.runs import MAX_DEPTH
from agents.triggers import is_meant, scope_of_event
from storage.access import workspace_standing
from storage.callers import find_caller
from storage.event_access import visible_events
from storage.models import Event, Playbook, PlaybookRun, PlaybookStep
from storage.unit_of_work import UnitOfWork

JOB = "playbook"
AT_ONCE = 5
"""Runs of one playbook that are at work at the same time; those that wait do not count."""

MAX_ACTIVE = 500
"""Runs of one playbook that are not over, those that wait among them."""

WRITING_SECONDS = timedelta(seconds=120)
"""So long after a step has written somewhere, what happens there can be what it wrote: edits are told of once
a minute."""

CAUSE = "playbook:"
"""Begins the cause of runs of agents that a playbook asks for: `playbook:{run}:{step}:{attempt}`."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a step is told to have come to."""

    output: Any = None
    code: str | None = None
    """Of a fault."""
    message: str | None = None
    wrote: tuple[str, ...] = ()
    """The documents that it has written."""


class NewPlaybookRun(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a playbook is to run, why, and where that is shown."""

    acts_for: str
    """The credential whose rights it has."""
    user_id: UUID
    cause: str
    """What started it: `user:{id}`, `schedule:{id}@{instant}`, `event:{id}` ..."""
    parent_run_id: UUID | None = None
    """The run that it came of, of an agent or a playbook."""
    depth: int = 0
    channel_id: UUID | None = None
    page_id: UUID | None = None
    block_id: str | None = None


async def begin_run(
    uow: UnitOfWork, playbook: Playbook, inputs: Mapping[str, Any], new: NewPlaybookRun
) -> PlaybookRun:
    """Have a playbook run, as it is now. Raises InvalidConfigError, InvalidInputsError, RunRefusedError."""
    script = script_of(playbook)
    if new.depth > MAX_DEPTH:
        raise RunTooDeepError(f"Runs have come of each other {MAX_DEPTH} times; this goes no further.")
    if await uow.playbook_progress.count_active(playbook.id) >= MAX_ACTIVE:
        raise BusyAgentError(f"{MAX_ACTIVE} runs of “{playbook.name}” are not over yet: cancel some first.")
    run = PlaybookRun(
        id=uow.new_id(),
        workspace_id=playbook.workspace_id,
        playbook_id=playbook.id,
        name=playbook.name,
        script=msgspec.to_builtins(script),
        inputs=checked(script.inputs, inputs),
        acts_for_user_id=new.user_id,
        acts_for=new.acts_for,
        channel_id=new.channel_id,
        page_id=new.page_id,
        block_id=new.block_id,
        shown_id=uow.new_id() if new.channel_id or new.page_id else None,
        cause=new.cause,
        parent_run_id=new.parent_run_id,
        depth=new.depth,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.playbook_runs.add(run)
    await start_job(uow, run.id, JOB, run.workspace_id, lane=f"playbook:{playbook.id}", lane_limit=AT_ONCE)
    await tell(uow, run, "run.requested", {}, by=new.acts_for)
    return run


def script_of(playbook: Playbook) -> Script:
    """Return a playbook as it can be run. Raises InvalidConfigError."""
    return read_script(playbook.steps, playbook.inputs or (), playbook.outputs)


def checked(fields: Sequence[InputField], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run is given, with the defaults. Raises InvalidInputsError."""
    types = {field.key: field.type for field in fields}
    known = ", ".join(types) or "none"
    faults = [
        Fault(f"inputs.{key}", f"No input of this playbook; it has: {known}")
        for key in given
        if key not in types
    ]
    values: dict[str, Any] = {}
    for field in fields:
        value = given.get(field.key, field.default)
        if value is None and field.required:
            faults.append(Fault(f"inputs.{field.key}", "This playbook needs it"))
        elif value is not None and not fits(value, field.type):
            faults.append(Fault(f"inputs.{field.key}", f"Expected a value of the type {field.type}"))
        values[field.key] = value
    if faults:
        raise InvalidInputsError(tuple(faults))
    return values


def facts_of(run: PlaybookRun) -> dict[str, Any]:
    """Return what references behind `run` stand for."""
    return {"id": str(run.id), "started_by": run.acts_for}


def entry_of(step: PlaybookStep) -> Entry:
    """Return a step as the interpreter reads it."""
    return Entry(
        status=step.status,
        attempt=step.attempt,
        output=step.output["value"] if step.output is not None else None,
        code=step.code,
        message=step.message,
        due_at=step.due_at,
        ended_at=step.ended_at,
        way=step.way,
    )


def signal_of(step_id: str, attempt: int) -> str:
    """Return the name under which a run is told what an attempt at a step has come to."""
    return f"{step_id}#{attempt}"


async def settle(uow: UnitOfWork, run_id: UUID, step_id: str, attempt: int, outcome: Outcome) -> bool:
    """Tell a run what a step has come to; False where it knows already, or is over."""
    return await uow.jobs.signal(run_id, signal_of(step_id, attempt), msgspec.to_builtins(outcome))


async def hear_of_run(uow: UnitOfWork, event: Event) -> None:
    """Take note of the end of an agent's run, if a playbook waits for it."""
    run = await uow.agent_runs.get(UUID(event.payload["run_id"]))
    if run is None or not run.cause.startswith(CAUSE):
        return
    run_id, step_id, attempt = run.cause.removeprefix(CAUSE).split(":")
    output = {"run_id": str(run.run_id), "text": run.output_preview, "ref": run.full_output_ref}
    outcome = Outcome(output=output)
    if run.status != "success":
        message = run.error_message or f"The run of the agent was {run.status}."
        outcome = Outcome(code=run.error_code or run.status, message=message)
    await settle(uow, UUID(run_id), step_id, int(attempt), outcome)


async def hear_of_event(uow: UnitOfWork, event: Event) -> None:
    """Let those steps go on that wait for such an event, as far as those may see it whom they act for."""
    for run, step in await uow.playbook_progress.listening(event.workspace_id):
        if event.created_at < step.started_at or not await _is_awaited(uow, run, step, event):
            continue
        outcome = Outcome(output=scope_of_event(event)["event"])
        await settle(uow, run.id, step.step_id, step.attempt, outcome)


async def _is_awaited(uow: UnitOfWork, run: PlaybookRun, step: PlaybookStep, event: Event) -> bool:
    script = msgspec.convert(run.script, Script)
    wait = next(one for one in flatten(script.steps) if one.id == step.step_id)
    assert isinstance(wait, WaitStep)
    if not is_meant(event, wait.events or ()):
        return False
    caller = await find_caller(uow, run.acts_for)
    if caller is None or not await visible_events(uow, caller, event.workspace_id, [event]):
        return False
    if wait.where is None:
        return True
    journal = {one.step_id: entry_of(one) for one in await uow.playbook_progress.steps(run.id)}
    scope = {**scope_of(run.inputs, facts_of(run), journal), **scope_of_event(event)}
    try:
        return holds(wait.where, scope)
    except MissingReferenceError:
        return False


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody has done, as events and the log tell of it."""

    workspace_id: UUID
    actor: str | None
    at: datetime
    subject: str | None
    payload: Mapping[str, Any] = {}


async def playbook_run_behind(uow: UnitOfWork, deed: Deed) -> UUID | None:
    """Return the run of a playbook by which somebody has done something, if it was not they themselves.

    What a step writes is of whom its run acts for, so this looks for steps that wrote there and then.
    """
    actor = deed.actor or ""
    for step in await uow.playbook_progress.writing(deed.workspace_id, actor, deed.at, WRITING_SECONDS):
        if step.status == "running":  # what it writes is not known yet
            return step.run_id
        if step.output is None:
            continue
        data = step.output["value"]["data"]
        posted = cast("dict[str, Any]", data).get("message_id") if isinstance(data, dict) else None
        is_it = deed.payload.get("message_id") in (None, posted)
        if is_it and deed.subject in step.output.get("wrote", ()):
            return step.run_id
    return None


async def may_run(uow: UnitOfWork, run: PlaybookRun) -> bool:
    """Tell whether whom a run acts for may still run agents in its workspace."""
    caller = await find_caller(uow, run.acts_for)
    found = await workspace_standing(uow, caller, run.workspace_id) if caller is not None else None
    return found is not None and found[1].allows("agents.run")


async def tell(
    uow: UnitOfWork, run: PlaybookRun, what: str, details: Mapping[str, Any], by: str | None = None
) -> None:
    """Write an event on a run, and have shown how it stands where that is shown."""
    await uow.playbook_progress.note_change(run.id)
    payload = {"run_id": str(run.id), "name": run.name, "status": run.status, **details}
    await uow.events.append(run.workspace_id, f"playbook.{what}", by, f"playbook:{run.playbook_id}", payload)
