"""Runs of playbooks: beginning one, looking at it, deciding what it asks, ending it."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.playbooks.doing import cancel_playbook_run
from agents.playbooks.runs import NewPlaybookRun as NewRun
from agents.playbooks.runs import Outcome, begin_run, settle, tell
from agents.playbooks.steps import ApprovalStep, Script, flatten
from crdt.ports import can_write
from server.errors import ConflictError, FieldError, ForbiddenError, InvalidError, NotFoundError
from server.rest.blocks import BlockId
from server.rest.fields import JsonObject, Listing, Prose, Slice, Time, check_json, list_slice, read_cursor
from server.rest.gate import find_owned
from server.routing import Routes, UserCall
from storage.access import document_right
from storage.models import PlaybookRun, PlaybookStep, RunStatus, StepStatus
from storage.unit_of_work import UnitOfWork

routes = Routes("Playbooks")

StepName = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", max_length=64)]


class NewPlaybookRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a playbook is given."""

    inputs: Annotated[JsonObject, Meta(description="Values for the playbook's inputs.")] = {}
    channel_id: (
        Annotated[UUID, Meta(description="A channel, in which its agents answer, and a message shows it.")]
        | None
    ) = None
    page_id: Annotated[UUID, Meta(description="A page, in which a text shows it.")] | None = None
    block_id: (
        Annotated[BlockId, Meta(description="The block of the page behind which that stands.")] | None
    ) = None


class StepAnswer(msgspec.Struct, frozen=True):
    """How a step stands that was begun or skipped."""

    step_id: str
    type: str
    status: StepStatus
    attempt: int
    given: dict[str, Any] | None
    output: Any
    code: str | None
    message: str | None
    due_at: Annotated[Time | None, Meta(description="Until when it waits.")]
    started_at: Time
    ended_at: Time | None


class PlaybookRunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a playbook. Its inputs and outputs are for who began it; for others they are null."""

    id: UUID
    workspace_id: UUID
    playbook_id: UUID
    name: str
    status: RunStatus
    inputs: dict[str, Any] | None
    outputs: dict[str, Any] | None
    acts_for_user_id: Annotated[UUID, Meta(description="Who began it, and whose rights it has.")]
    cause: Annotated[
        str, Meta(description="What began it: somebody, or `event:`, `schedule:` or `webhook:`.")
    ]
    parent_run_id: Annotated[UUID | None, Meta(description="The run that it came of.")]
    channel_id: UUID | None
    page_id: UUID | None
    shown_id: Annotated[UUID | None, Meta(description="The message there, and the block, that shows it.")]
    error_step: str | None
    error_code: str | None
    error_message: str | None
    created_at: Time
    ended_at: Time | None


class PlaybookRunDetail(PlaybookRunAnswer, frozen=True, kw_only=True):
    """A run with its steps; what those were given and gave is for who began it, approvals aside."""

    steps: list[StepAnswer]


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody says to an approval."""

    is_approved: bool
    note: Prose | None = None


@routes.post(
    "/v1/playbooks/{playbook_id}/runs", "agents.run", status=201, refuses=(403, 409), idempotent=True
)
async def start_playbook_run(
    call: UserCall, uow: UnitOfWork, playbook_id: UUID, body: NewPlaybookRun
) -> PlaybookRunDetail:
    """Have a playbook run as it is now, with the caller's rights. The answer comes at once."""
    playbook = await find_owned(call, uow.playbooks, playbook_id, "agents.run", "playbook")
    check_json(body.inputs, "body.inputs")
    if not playbook.is_active:
        raise ConflictError("The playbook is switched off.", code="playbook_inactive")
    await _check_places(call, uow, playbook.workspace_id, body)
    await uow.workspaces.keep(playbook.workspace_id)
    new = NewRun(
        acts_for=call.actor,
        user_id=call.user_id,
        cause=call.actor,
        channel_id=body.channel_id,
        page_id=body.page_id,
        block_id=body.block_id,
    )
    run = await begin_run(uow, playbook, body.inputs, new)
    return await _detail(call, uow, run)


@routes.get("/v1/playbooks/{playbook_id}/runs", "playbooks.read")
async def list_playbook_runs(
    call: UserCall, uow: UnitOfWork, playbook_id: UUID, query: Slice
) -> Listing[PlaybookRunAnswer]:
    """List the runs of a playbook, the newest first."""
    playbook = await find_owned(call, uow.playbooks, playbook_id, "playbooks.read", "playbook")
    rows = await uow.playbook_progress.list_of(
        playbook.id, before=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, lambda run: PlaybookRunAnswer(**_shown(call, run)), lambda run: run.id)


@routes.get("/v1/playbook-runs/{playbook_run_id}", "playbooks.read")
async def get_playbook_run(call: UserCall, uow: UnitOfWork, playbook_run_id: UUID) -> PlaybookRunDetail:
    """Return a run with its steps. `playbook.*` of the workspace's events tells of each change, live."""
    run = await find_owned(call, uow.playbook_runs, playbook_run_id, "playbooks.read", "run")
    return await _detail(call, uow, run)


@routes.post("/v1/playbook-runs/{playbook_run_id}/cancel", "agents.run", refuses=(403,))
async def cancel_run_of_playbook(call: UserCall, uow: UnitOfWork, playbook_run_id: UUID) -> PlaybookRunDetail:
    """End a run, with the runs of agents that it waits for. What it has done stays done."""
    run = await _hold(call, uow, playbook_run_id)
    if run.status in ("pending", "running"):
        is_over = await uow.jobs.cancel(run.id)
        if is_over:
            await cancel_playbook_run(uow, run.id)
        else:
            await tell(uow, run, "run.cancelled", {}, by=call.actor)  # wakes whoever is at work
    return await _detail(call, uow, run)


@routes.post("/v1/playbook-runs/{playbook_run_id}/approvals/{step_id}", "agents.run", refuses=(403, 409))
async def decide_approval(
    call: UserCall, uow: UnitOfWork, playbook_run_id: UUID, step_id: StepName, body: Decision
) -> PlaybookRunDetail:
    """Say yes or no to a step that asks for it."""
    run = await _hold(call, uow, playbook_run_id)
    steps = flatten(msgspec.convert(run.script, Script).steps)
    step = next((one for one in steps if one.id == step_id), None)
    if not isinstance(step, ApprovalStep):
        raise NotFoundError("The run has no such approval.")
    if step.approver_ids and call.user_id not in step.approver_ids:
        raise ForbiddenError("Others are asked to decide this.", code="not_asked")
    found = next((one for one in await uow.playbook_progress.steps(run.id) if one.step_id == step_id), None)
    is_open = run.status == "running" and found is not None and found.status == "running"
    outcome = Outcome(output={"by": call.actor, "note": body.note})
    if not body.is_approved:
        outcome = Outcome(code="rejected", message=body.note or "Somebody said no.")
    if not is_open or found is None or not await settle(uow, run.id, step_id, found.attempt, outcome):
        raise ConflictError("This is not to be decided now, or not any more.", code="not_waiting")
    details = {"step_id": step_id, "is_approved": body.is_approved}
    await tell(uow, run, "approval.decided", details, by=call.actor)
    return await _detail(call, uow, run)


async def _check_places(call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewPlaybookRun) -> None:
    """Raise InvalidError for places that are none, or not for the caller."""
    if body.channel_id is not None:
        channel = await uow.channels.get(body.channel_id)
        right = await document_right(uow, call.caller, f"channel:{body.channel_id}")
        if channel is None or channel.workspace_id != workspace_id or right == "none":
            raise _bad_reference("channel_id", "No channel of this workspace that you may see")
    if body.page_id is not None:
        page = await uow.pages.get(body.page_id)
        right = await document_right(uow, call.caller, f"page:{body.page_id}")
        if page is None or page.workspace_id != workspace_id or not can_write(right):
            raise _bad_reference("page_id", "No page of this workspace that you may write")
    elif body.block_id is not None:
        raise _bad_reference("block_id", "A block is one of a page: say `page_id`, too")


def _bad_reference(name: str, detail: str) -> InvalidError:
    fault = FieldError(f"body.{name}", detail)
    return InvalidError(f"{detail}.", code="invalid_reference", errors=(fault,))


async def _hold(call: UserCall, uow: UnitOfWork, run_id: UUID) -> PlaybookRun:
    run = await find_owned(call, uow.playbook_runs, run_id, "agents.run", "run")
    await uow.workspaces.keep(run.workspace_id)
    await uow.session.refresh(run)
    return run


def _shown(call: UserCall, run: PlaybookRun) -> dict[str, Any]:
    values = {name: getattr(run, name) for name in PlaybookRunAnswer.__struct_fields__}
    if run.acts_for_user_id != call.user_id:
        values |= {"inputs": None, "outputs": None, "error_message": None}
    return values


async def _detail(call: UserCall, uow: UnitOfWork, run: PlaybookRun) -> PlaybookRunDetail:
    is_own = run.acts_for_user_id == call.user_id
    steps = [_show_step(step, is_open=is_own) for step in await uow.playbook_progress.steps(run.id)]
    return PlaybookRunDetail(**_shown(call, run), steps=steps)


def _show_step(step: PlaybookStep, *, is_open: bool) -> StepAnswer:
    """Return a step; of an approval everybody sees what is asked."""
    return StepAnswer(
        step_id=step.step_id,
        type=step.type,
        status=step.status,
        attempt=step.attempt,
        given=step.given if is_open or step.type == "approval" else None,
        output=step.output["value"] if step.output is not None and is_open else None,
        code=step.code,
        message=step.message if is_open else None,
        due_at=step.due_at,
        started_at=step.started_at,
        ended_at=step.ended_at,
    )
