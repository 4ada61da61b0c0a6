"""Answering a run of an agent that waits for a person: to its wish to do something, or to a question."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.tool_calls import Reply, Waiting
from server.errors import ConflictError, ForbiddenError, NotFoundError
from server.rest.gate import find_run
from server.rest.runs import RunAnswer, agent_of, is_open_to, show_run
from server.routing import Routes, UserCall
from storage.access import workspace_standing
from storage.unit_of_work import UnitOfWork

routes = Routes("Agents")

StepName = Annotated[str, Meta(max_length=64, pattern=r"^[0-9A-Za-z_.:-]+$")]


class ReplyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one says to it."""

    decision: Annotated[
        Literal["approve", "deny"], Meta(description="A question that is denied is not answered.")
    ] = "approve"
    text: (
        Annotated[
            str,
            Meta(
                max_length=5000,
                pattern=r"^[^\x00]*$",
                description="The answer to a question; else what the agent is told besides.",
            ),
        ]
        | None
    ) = None


@routes.post("/v1/runs/{run_id}/approvals/{step}", "agents.run", refuses=(403, 409))
async def reply(call: UserCall, uow: UnitOfWork, run_id: UUID, step: StepName, body: ReplyBody) -> RunAnswer:
    """Answer a run that waits at a step, which then goes on.

    Whoever was asked may, and whoever manages the workspace and may see what the run said.
    """
    run = await find_run(call, uow, run_id, "agents.run")
    agent = await agent_of(uow, run)
    await uow.workspaces.keep(agent.workspace_id)
    await uow.agent_runs.hold_agent(agent.id)
    await uow.session.refresh(run)
    if not await is_open_to(call, uow, agent, run):
        raise NotFoundError("There is no such step, or it is not for you to answer.")
    waiting = msgspec.convert(run.waiting_for, Waiting) if run.waiting_for else None
    if waiting is None or waiting.step != step:
        raise ConflictError("The run does not wait at this step, or not any more.", code="not_waiting")
    if call.user_id not in waiting.user_ids and not await _manages(call, uow, agent.workspace_id):
        raise ForbiddenError("Others were asked.")
    told = msgspec.to_builtins(Reply(body.decision, body.text, call.actor))
    if not await uow.jobs.signal(run.run_id, f"{step}.reply", told):
        raise ConflictError("Somebody else was faster.", code="not_waiting")
    run.waiting_for = None
    await uow.session.flush()
    payload = {
        "run_id": str(run.run_id),
        "agent_id": str(agent.id),
        "step": step,
        "decision": body.decision,
    }
    subject = run.place or f"agent:{agent.id}"
    await uow.events.append(agent.workspace_id, "agent.approval.given", call.actor, subject, payload)
    return show_run(run, is_open=True)


async def _manages(call: UserCall, uow: UnitOfWork, workspace_id: UUID) -> bool:
    found = await workspace_standing(uow, call.caller, workspace_id)
    return found is not None and found[1].allows("workspace.update")
