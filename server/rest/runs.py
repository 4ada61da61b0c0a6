"""The log of what agents have done: read only here."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.rest.fields import Listing, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_owned, find_run
from server.routing import Routes, UserCall
from storage.models import AgentRunLog, RunStatus, RunTrigger
from storage.unit_of_work import UnitOfWork

routes = Routes("Agents")


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
    input_params_snapshot: dict[str, Any] | None
    output_preview: str | None
    full_output_ref: str | None
    error_message: str | None
    logs_ref: str | None


class RunQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """Which runs are wanted."""

    status: RunStatus | UnsetType = UNSET


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
    return list_slice(rows, query, show_run, lambda run: run.id)


@routes.get("/v1/runs/{run_id}", "agents.read")
async def get_run(call: UserCall, uow: UnitOfWork, run_id: UUID) -> RunAnswer:
    """Return a run."""
    return show_run(await find_run(call, uow, run_id, "agents.read"))


def show_run(run: AgentRunLog) -> RunAnswer:
    """Return a run as the members of its agent's workspace see it."""
    return msgspec.convert(run, RunAnswer, from_attributes=True)
