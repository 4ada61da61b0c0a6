"""Runs of agents: asking for one, looking at it, ending it.

What a run was given and what it has said is for those who may read the place it was called in, and for who
started it; that it ran, and how it ended, for everybody who may see the agent.
"""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents.runs import MAX_PROMPT_CHARACTERS, NewRun, cancel_run, request_run
from agents.tool_calls import Waiting
from server.errors import FieldError, InvalidError
from server.rest.fields import JsonObject, Listing, Slice, Time, check_json, list_slice, read_cursor
from server.rest.gate import find_owned, find_run
from server.routing import Routes, UserCall
from storage.access import document_right, readable_documents
from storage.callers import parse_document_name
from storage.models import AgentConfiguration, AgentRunLog, RunStatus, RunTrigger
from storage.unit_of_work import UnitOfWork

routes = Routes("Agents")

PLACES = ("channel", "page")
HIDDEN = "Null also where it is not for the caller to see."

Words = Annotated[str, Meta(max_length=MAX_PROMPT_CHARACTERS, pattern=r"^[^\x00]*$")]


class NewRunBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent is to do."""

    inputs: Annotated[JsonObject, Meta(description="Values for the inputs that its definition names.")] = {}
    prompt: Annotated[Words, Meta(description="What to do, in words.")] | None = None
    place: (
        Annotated[
            str,
            Meta(
                max_length=100,
                description="`channel:{id}` or `page:{id}`: where it was called, and where its answer goes.",
            ),
        ]
        | None
    ) = None
    place_item: (
        Annotated[str, Meta(max_length=100, pattern="^[!-~]+$", description="The message or block there.")]
        | None
    ) = None
    is_dry: Annotated[bool, Meta(description="Whether it only says what it would do.")] = False


class RunAnswer(msgspec.Struct, frozen=True):
    """A run of an agent."""

    id: Annotated[UUID, Meta(description="The id of the log's entry; paths and events use `run_id`.")]
    agent_configuration_id: UUID
    run_id: UUID
    triggered_by_user_id: UUID | None
    trigger_type: RunTrigger
    status: RunStatus
    start_time: Time
    end_time: Time | None
    input_params_snapshot: Annotated[dict[str, Any] | None, Meta(description=HIDDEN)]
    output_preview: Annotated[str | None, Meta(description=HIDDEN)]
    full_output_ref: str | None
    error_message: Annotated[str | None, Meta(description=HIDDEN)]
    logs_ref: str | None
    error_code: str | None
    prompt: Annotated[str | None, Meta(description=HIDDEN)]
    place: Annotated[str | None, Meta(description=HIDDEN)]
    place_item: Annotated[str | None, Meta(description=HIDDEN)]
    cause: Annotated[str, Meta(description="What started it, for instance `user:{id}`.")]
    parent_run_id: Annotated[UUID | None, Meta(description="The run of the agent that called this one.")]
    depth: Annotated[int, Meta(description="How many agents called each other before it.")]
    is_dry: bool
    cancelled_by: Annotated[str | None, Meta(description="Who ended it, for instance `user:{id}`.")]
    cancel_requested_at: Time | None
    waiting_for: Annotated[Waiting | None, Meta(description=f"What it asks a person. {HIDDEN}")]


class RunQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """Which runs are wanted."""

    status: RunStatus | UnsetType = UNSET


@routes.post("/v1/agents/{agent_id}/runs", "agents.run", status=201, refuses=(403, 409), idempotent=True)
async def start_run(call: UserCall, uow: UnitOfWork, agent_id: UUID, body: NewRunBody) -> RunAnswer:
    """Have an agent run, with the caller's rights. The answer comes at once: the run is `pending`."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.run", "agent")
    check_json(body.inputs, "body.inputs")
    await _check_place(call, uow, agent, body)
    new = NewRun(
        agent=agent,
        trigger="manual",
        cause=call.actor,
        invoker_user_id=call.user_id,
        invoked_by=call.actor,
        inputs=body.inputs,
        prompt=body.prompt,
        place=body.place,
        place_item=body.place_item,
        is_dry=body.is_dry,
    )
    return show_run(await request_run(uow, new), is_open=True)


@routes.get("/v1/agents/{agent_id}/runs", "agents.read")
async def list_runs(call: UserCall, uow: UnitOfWork, agent_id: UUID, query: RunQuery) -> Listing[RunAnswer]:
    """List the runs of an agent, the newest first."""
    agent = await find_owned(call, uow.agent_configurations, agent_id, "agents.read", "agent")
    rows = await uow.agent_runs.list_of(
        agent.id,
        status=None if query.status is UNSET else query.status,
        before=read_cursor(query, UUID),
        limit=query.limit + 1,
    )
    is_open = await _open_runs(call, uow, agent, rows)
    return list_slice(
        rows, query, lambda run: show_run(run, is_open=run.run_id in is_open), lambda run: run.id
    )


@routes.get("/v1/runs/{run_id}", "agents.read")
async def get_run(call: UserCall, uow: UnitOfWork, run_id: UUID) -> RunAnswer:
    """Return a run."""
    return await _show(call, uow, await find_run(call, uow, run_id, "agents.read"))


@routes.post("/v1/runs/{run_id}/cancel", "agents.run", refuses=(403,))
async def cancel(call: UserCall, uow: UnitOfWork, run_id: UUID) -> RunAnswer:
    """End a run. One that waits in line is over at once; one that runs, within a second.

    What it has done stays done. For one that is over this does nothing.
    """
    run = await find_run(call, uow, run_id, "agents.run")
    agent = await agent_of(uow, run)
    await uow.workspaces.keep(agent.workspace_id)
    await uow.agent_runs.hold_agent(agent.id)
    await uow.session.refresh(run)
    await cancel_run(uow, agent, run, call.actor)
    return await _show(call, uow, run)


async def agent_of(uow: UnitOfWork, run: AgentRunLog) -> AgentConfiguration:
    """Return whose run it is."""
    agent = await uow.agent_configurations.get(run.agent_configuration_id)
    assert agent is not None, "its runs go with it"
    return agent


def show_run(run: AgentRunLog, *, is_open: bool) -> RunAnswer:
    """Return a run as the members of its agent's workspace see it; `is_open`: with what was said."""
    answer = msgspec.convert(run, RunAnswer, from_attributes=True)
    if is_open:
        return answer
    return msgspec.structs.replace(
        answer,
        input_params_snapshot=None,
        output_preview=None,
        error_message=None,
        prompt=None,
        place=None,
        place_item=None,
        waiting_for=None,
    )


async def is_open_to(call: UserCall, uow: UnitOfWork, agent: AgentConfiguration, run: AgentRunLog) -> bool:
    """Tell whether the caller may see what was said in a run."""
    return bool(await _open_runs(call, uow, agent, [run]))


async def _show(call: UserCall, uow: UnitOfWork, run: AgentRunLog) -> RunAnswer:
    return show_run(run, is_open=await is_open_to(call, uow, await agent_of(uow, run), run))


async def _open_runs(
    call: UserCall, uow: UnitOfWork, agent: AgentConfiguration, runs: Sequence[AgentRunLog]
) -> set[UUID]:
    """Return the ids of those runs of an agent of which the caller may see what was said."""
    places = {run.place for run in runs if run.place is not None}
    readable = await readable_documents(uow, call.caller, agent.workspace_id, places) if places else ()
    return {
        run.run_id
        for run in runs
        if run.place is None or run.place in readable or run.triggered_by_user_id == call.user_id
    }


async def _check_place(call: UserCall, uow: UnitOfWork, agent: AgentConfiguration, body: NewRunBody) -> None:
    """Raise InvalidError for a place that is none of the workspace, or not for the caller to see."""
    if body.place is None:
        if body.place_item is not None:
            fault = FieldError("body.place_item", "Only with `place`")
            raise InvalidError(f"{fault.detail}.", errors=(fault,))
        return
    parsed = parse_document_name(body.place)
    if parsed is not None and parsed[0] in PLACES:
        document = await uow.documents.get(body.place)
        is_ours = document is not None and document.workspace_id == agent.workspace_id
        if is_ours and await document_right(uow, call.caller, body.place) != "none":
            return
    fault = FieldError("body.place", "No channel or page of this workspace, or none that you may see")
    raise InvalidError(f"{fault.detail}.", code="invalid_reference", errors=(fault,))
