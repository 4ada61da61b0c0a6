"""What a run of an agent does: its steps, as a list and live, and its whole answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.speech import Ear
from agents.watching import Onlooker, Watching
from server.errors import ConflictError, NotFoundError
from server.rest.fields import Listing, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_run
from server.rest.runs import RunAnswer, agent_of, is_open_to, show_run
from server.routing import Routes, UserCall
from server.sse import HEARTBEAT, EventStream
from storage.access import run_standing
from storage.models import AgentRunLog, JobStep
from storage.unit_of_work import UnitOfWork

routes = Routes("Agents")

LOOK_SECONDS = 1.0
"""How long it takes at most until a step is told that another process has done."""

TEXT_SECONDS = 0.1
"""What a model says within this time is told together."""

HEARTBEAT_SECONDS = 15.0
_STEPS_AT_ONCE = 200


class StepAnswer(msgspec.Struct, frozen=True):
    """A step that is done."""

    id: Annotated[UUID, Meta(description="Gives the order.")]
    step: Annotated[str, Meta(description="Its name within the run; calls of models and tools are numbered.")]
    kind: Annotated[
        str, Meta(description="`model`, `tool`, `wait` for somebody or something, `answer`, or `note`.")
    ]
    title: str
    result: Annotated[Any, Meta(description="What came of it; of a model, its words and calls of tools.")]
    started_at: Time
    finished_at: Time


class OutputAnswer(msgspec.Struct, frozen=True):
    """The whole answer of a run."""

    run_id: UUID
    text: str


class Told(msgspec.Struct, frozen=True):
    """A message of the stream: what it has depends on its type, the rest is null."""

    type: Literal["run", "begins", "text", "step"]
    run: RunAnswer | None = None
    step: StepAnswer | None = None
    title: str | None = None
    of_step: str | None = None
    text: str | None = None
    is_more: bool | None = None


@routes.get("/v1/runs/{run_id}/steps", "agents.read")
async def list_steps(call: UserCall, uow: UnitOfWork, run_id: UUID, query: Slice) -> Listing[StepAnswer]:
    """List the steps of a run that are done, in their order."""
    run = await _find_open(call, uow, run_id)
    rows = await uow.jobs.steps(run.run_id, after=read_cursor(query, UUID), limit=query.limit + 1)
    return list_slice(rows, query, show_step, lambda step: step.id)


@routes.get("/v1/runs/{run_id}/output", "agents.read", refuses=(409,))
async def get_output(call: UserCall, uow: UnitOfWork, run_id: UUID) -> OutputAnswer:
    """Return the whole answer of a run that was a success."""
    run = await _find_open(call, uow, run_id)
    found = await uow.jobs.step(run.run_id, "answer")
    if found is None:
        raise ConflictError("This run has no answer, or not yet.", code="no_output")
    return OutputAnswer(run.run_id, found.result["value"]["text"])


@routes.get("/v1/runs/{run_id}/stream", "agents.read", refuses=(429,))
async def stream_run(call: UserCall, uow: UnitOfWork, run_id: UUID) -> EventStream:
    """Tell a run as server-sent events: the steps that are done, what begins, how it ends.

    Each message is JSON with a `type`: `run` with the run as it stands (first, at each change of its status,
    last), `step` with a step that is done, and, as far as the same process does it, `begins` with the `title`
    of one that begins and `text` with what the model says in step `of_step`. Where `is_more` is false its
    text begins anew, as after connecting, where it is all until then; the step itself is what counts. The
    stream ends with the run.
    """
    run = await _find_open(call, uow, run_id)
    call.services.streams.check(call.actor)
    return EventStream(_follow(call, run.run_id))


async def _follow(call: UserCall, run_id: UUID) -> AsyncGenerator[bytes]:
    services = call.services
    after: UUID | None = None
    shown: RunAnswer | None = None
    ear = Ear()
    now = asyncio.get_running_loop().time
    with services.streams.count(call.actor), services.watching.look_on(run_id) as onlooker:
        silent_since = now()
        while True:
            if not await call.is_standing():
                return
            async with services.database.read() as uow:
                found = await uow.agent_runs.get(run_id)
                if found is None or not await _is_open(call, uow, found):
                    return
                run = show_run(found, is_open=True)
                steps = await uow.jobs.steps(run_id, after=after, limit=_STEPS_AT_ONCE)
            for step in steps:
                yield _message(Told("step", step=show_step(step)))
                after = step.id
            if run != shown:
                shown = run
                yield _message(Told("run", run=run))
            elif not steps and now() - silent_since >= HEARTBEAT_SECONDS:
                yield HEARTBEAT
            else:
                silent_since = silent_since if not steps else now()
            if run.end_time is not None and len(steps) < _STEPS_AT_ONCE:
                return
            async with aclosing(_live(services.watching, run_id, onlooker, ear)) as live:
                async for told in live:
                    yield _message(told)


async def _live(watching: Watching, run_id: UUID, onlooker: Onlooker, ear: Ear) -> AsyncGenerator[Told]:
    """Yield what begins and what is said, until there may be new rows, or rights have to be looked at."""
    now = asyncio.get_running_loop().time
    until = now() + LOOK_SECONDS
    while (left := until - now()) > 0:
        speech = watching.speech_of(run_id)
        if speech is not None and (heard := ear.hear(speech)) is not None:
            yield Told("text", of_step=speech.step, text=heard[0], is_more=heard[1])
            await asyncio.sleep(TEXT_SECONDS)
        notes = await onlooker.next(left)
        for note in notes:
            if note.kind == "step":
                yield Told("begins", title=note.title)
        if any(note.kind == "done" for note in notes):
            return


def show_step(step: JobStep) -> StepAnswer:
    """Return a step as those see it who may read what the run said."""
    return StepAnswer(
        id=step.id,
        step=step.step,
        kind=step.kind,
        title=step.title,
        result=step.result.get("value"),
        started_at=step.started_at,
        finished_at=step.finished_at,
    )


def _message(told: Told) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(told)


async def _find_open(call: UserCall, uow: UnitOfWork, run_id: UUID) -> AgentRunLog:
    """Return a run of which the caller may see what was said. Raises NotFoundError, ForbiddenError."""
    run = await find_run(call, uow, run_id, "agents.read")
    if not await is_open_to(call, uow, await agent_of(uow, run), run):
        raise NotFoundError("What this run said is not for you to see.")
    return run


async def _is_open(call: UserCall, uow: UnitOfWork, run: AgentRunLog) -> bool:
    found = await run_standing(uow, call.caller, run.run_id)
    if found is None or not found[1].allows("agents.read"):
        return False
    return await is_open_to(call, uow, await agent_of(uow, run), run)
