"""Asking for runs, and ending them: the one way in, whoever asks.

`request_run` writes what is to be done into the transaction of its cause; whoever runs agents finds it there.
Nothing is done here that takes time.
"""

import re
from typing import Any, Literal
from uuid import UUID

import msgspec

from agents.config import fits
from agents.engine import start_job
from agents.errors import (
    BusyAgentError,
    Fault,
    InactiveAgentError,
    InvalidInputsError,
    RunTooDeepError,
)
from agents.sections import EffectiveConfig
from storage.callers import parse_document_name
from storage.errors import UnknownWorkspaceError
from storage.models import AgentConfiguration, AgentDefinition, AgentRunLog, RunTrigger
from storage.unit_of_work import UnitOfWork

RUN = "agent_run"
"""The kind of job that a run is; its id is the run's."""

MAX_DEPTH = 5
"""How often agents may start each other from one cause."""

MAX_WAITING = 100
"""Runs of one agent that may wait in line."""

MAX_INPUT_BYTES = 64 * 1024
MAX_PROMPT_CHARACTERS = 20_000

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""U+0000 in JSON, which Postgres cannot store."""


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run to ask for."""

    agent: AgentConfiguration
    trigger: RunTrigger
    cause: str
    """What started it: `user:{id}`, `schedule:{id}@{instant}`, `event:{id}`, `run:{id}`."""
    invoker_user_id: UUID | None = None
    """Whose rights it has; for what happens by itself, who arranged for it."""
    invoked_by: str | None = None
    """The credential that asked, where it is not the person as such: a key has its scopes."""
    inputs: dict[str, Any] = {}
    prompt: str | None = None
    """What somebody says to the agent, in their words."""
    place: str | None = None
    """The document that it was called in, where the answer goes."""
    place_item: str | None = None
    """The message or the block there."""
    parent_run_id: UUID | None = None
    depth: int = 0
    run_id: UUID | None = None
    """Known beforehand where the cause can have only one run; asking again returns that one."""
    is_dry: bool = False
    answers_in_block: bool = False
    """Whether its answer is typed into `place_item`, a block of the page `place`, which shows its status."""


async def request_run(uow: UnitOfWork, new: NewRun) -> AgentRunLog:
    """Write down a run that is to be, and return it; or the one that this id has already.

    Raises InvalidInputsError, RunRefusedError, and storage's UnknownWorkspaceError; nothing is written then.
    """
    agent = new.agent
    if not await uow.workspaces.keep(agent.workspace_id):
        raise UnknownWorkspaceError(agent.workspace_id)
    await uow.agent_runs.hold_agent(agent.id)
    if new.run_id is not None and (earlier := await uow.agent_runs.get(new.run_id)) is not None:
        return earlier
    config = effective_of(agent)
    definition = await uow.agent_definitions.get(agent.agent_definition_id)
    assert definition is not None
    inputs = checked_inputs(definition, config, new.inputs, is_text=new.trigger == "command")
    _check_prompt(new.prompt)
    if new.depth > MAX_DEPTH:
        raise RunTooDeepError(f"Agents have started each other {MAX_DEPTH} times; this goes no further.")
    await _make_room(uow, new, config)
    run = AgentRunLog(
        id=uow.new_id(),
        agent_configuration_id=agent.id,
        run_id=new.run_id or uow.new_id(),
        triggered_by_user_id=new.invoker_user_id,
        trigger_type=new.trigger,
        status="pending",
        start_time=uow.now,
        input_params_snapshot=inputs,
        invoked_by=new.invoked_by or (f"user:{new.invoker_user_id}" if new.invoker_user_id else None),
        cause=new.cause,
        prompt=new.prompt,
        place=new.place,
        place_item=new.place_item,
        parent_run_id=new.parent_run_id,
        depth=new.depth,
        is_dry=new.is_dry,
        answers_in_block=new.answers_in_block,
    )
    await uow.agent_runs.add(run)
    await show_status(uow, run)
    await start_job(
        uow,
        run.run_id,
        RUN,
        agent.workspace_id,
        lane=f"agent:{agent.id}",
        lane_limit=config.limits.runs_at_once,
    )
    await tell(uow, agent, run, "requested", run.invoked_by)
    return run


async def cancel_run(uow: UnitOfWork, agent: AgentConfiguration, run: AgentRunLog, by: str | None) -> bool:
    """Have a run end, and those that it has started; False where it is over, or was asked to end before.

    One that waits, in line or for somebody, is over at once. One that works
    is told, and ends within a second.
    """
    if run.status not in ("pending", "running") or run.cancel_requested_at is not None:
        return False
    is_over = await uow.jobs.cancel(run.run_id)
    run.cancel_requested_at = uow.now
    run.cancelled_by = by
    await tell(uow, agent, run, "cancelled", by)
    if is_over:
        await finish_run(uow, agent, run, "cancelled")
    for child, its_agent in await uow.agent_runs.active_children(run.run_id):
        await cancel_run(uow, its_agent, child, by)
    return True


async def finish_run(
    uow: UnitOfWork,
    agent: AgentConfiguration,
    run: AgentRunLog,
    status: Literal["success", "error", "cancelled"],
    *,
    code: str | None = None,
    message: str | None = None,
    text: str = "",
) -> None:
    """Write down how a run ended, and tell it: whoever follows events, and the run that waits for it."""
    run.status = status
    run.end_time = uow.now
    run.error_code = code
    run.error_message = message
    run.waiting_for = None
    run.logs_ref = f"/v1/runs/{run.run_id}/steps"
    await uow.session.flush()
    if status != "success":
        # One may have been called since somebody has cancelled this run, or at the end of its time.
        for child, its_agent in await uow.agent_runs.active_children(run.run_id):
            if child.cause == f"run:{run.run_id}":
                await cancel_run(uow, its_agent, child, run.cancelled_by)
    if run.parent_run_id is not None:
        told = {"status": status, "text": text or message or f"The run was {status}."}
        await uow.jobs.signal(run.parent_run_id, f"run:{run.run_id}", told)
    await uow.agent_runs.note_last(run)
    await show_status(uow, run)
    uow.access_changes.note_run(run.run_id)  # whoever still writes for it leaves
    actor = run.cancelled_by if status == "cancelled" else f"agent:{agent.id}"
    await tell(uow, agent, run, "finished", actor)


async def show_status(uow: UnitOfWork, run: AgentRunLog) -> None:
    """Have the block show how a run stands that answers in one."""
    found = parse_document_name(run.place or "") if run.answers_in_block else None
    if found is not None and run.place_item is not None:
        await uow.snippets.let_wait(found[1], [run.place_item])


async def tell(
    uow: UnitOfWork, agent: AgentConfiguration, run: AgentRunLog, what: str, by: str | None
) -> None:
    """Write an event on a run."""
    payload: dict[str, Any] = {
        "run_id": str(run.run_id),
        "agent_id": str(agent.id),
        "status": run.status,
        "trigger_type": run.trigger_type,
        "parent_run_id": str(run.parent_run_id) if run.parent_run_id else None,
    }
    if run.error_code is not None:
        payload["error_code"] = run.error_code
    await uow.events.append(agent.workspace_id, f"agent.run.{what}", by, f"agent:{agent.id}", payload)


def effective_of(agent: AgentConfiguration) -> EffectiveConfig:
    """Return what an agent runs with. Raises InactiveAgentError."""
    if agent.status != "active":
        raise InactiveAgentError(f"“{agent.name}” is {agent.status}: it does not run.")
    if agent.effective_config_cache is None:
        raise InactiveAgentError(
            f"The configuration of “{agent.name}” does not fit its definition any more: look at its YAML."
        )
    return msgspec.convert(agent.effective_config_cache, EffectiveConfig)


def checked_inputs(
    definition: AgentDefinition, config: EffectiveConfig, given: dict[str, Any], *, is_text: bool = False
) -> dict[str, Any]:
    """Return what a run is given, with what the configuration says where nothing else is said.

    `is_text`: the values are as somebody wrote them, so `3` may be a text. Raises InvalidInputsError.
    """
    types: dict[str, str] = {field["key"]: field["type"] for field in definition.inputs_schema}
    if is_text:
        given = {key: _as_meant(value, types.get(key, "json")) for key, value in given.items()}
    faults = [
        Fault(f"inputs.{key}", f"No input of this agent; it has: {', '.join(types) or 'none'}")
        for key in given
        if key not in types
    ]
    inputs = {**config.inputs, **{key: value for key, value in given.items() if value is not None}}
    for field in definition.inputs_schema:
        key = field["key"]
        if key not in inputs:
            if field.get("required"):
                faults.append(Fault(f"inputs.{key}", "This agent needs it"))
        elif not fits(inputs[key], types[key]):
            faults.append(Fault(f"inputs.{key}", f"Expected a value of the type {types[key]}"))
    encoded = msgspec.json.encode(inputs)
    if len(encoded) > MAX_INPUT_BYTES:
        faults.append(Fault("inputs", f"All together may have {MAX_INPUT_BYTES} bytes"))
    if _NUL.search(encoded):
        faults.append(Fault("inputs", "Contains U+0000"))
    if faults:
        raise InvalidInputsError(tuple(faults))
    return inputs


def _as_meant(value: object, type: str) -> object:
    if type == "string" and isinstance(value, int | float | bool):
        return msgspec.json.encode(value).decode()
    return value


def _check_prompt(prompt: str | None) -> None:
    if prompt is not None and len(prompt) > MAX_PROMPT_CHARACTERS:
        fault = Fault("prompt", f"It may have {MAX_PROMPT_CHARACTERS:,} characters")
        raise InvalidInputsError((fault,))


async def _make_room(uow: UnitOfWork, new: NewRun, config: EffectiveConfig) -> None:
    """Do what the configuration says about runs that there are. Raises BusyAgentError."""
    active = await uow.agent_runs.active_of(new.agent.id)
    too_many = len(active) + 1 - config.limits.runs_at_once
    if too_many > 0:
        match config.limits.on_busy:
            case "reject":
                raise BusyAgentError(f"“{new.agent.name}” is busy, and takes nothing else meanwhile.")
            case "interrupt" if not new.is_dry:
                for run in active[:too_many]:
                    await cancel_run(uow, new.agent, run, new.invoked_by or new.cause)
            case _:  # a dry run writes nothing, and so ends nobody else's
                pass
    if sum(run.status == "pending" for run in active) >= MAX_WAITING:
        raise BusyAgentError(f"{MAX_WAITING} runs of “{new.agent.name}” wait already.")
