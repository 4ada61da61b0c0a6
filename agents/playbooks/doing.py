"""Does runs of playbooks: asks the interpreter what comes next, does it, and writes down what came of it.

What the interpreter settles, and what steps begin with that is a row (a run of an agent, an approval), is one
transaction. Calls of models and tools are made beside it, and made again after a crash: their ids are those
of the step and its attempt, so that a call is paid once and a message posted once. A run that only waits
holds nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid5

import msgspec

from agents.engine import Ending
from agents.errors import AgentError
from agents.journal import Journal, Overtaken, Parked
from agents.llm.client import LlmClient
from agents.llm.messages import Message, Request, ResponseSchema
from agents.playbooks.interpreter import Advance, Begin, End, Entry, advance
from agents.playbooks.runs import CAUSE, JOB, Outcome, entry_of, facts_of, may_run, signal_of, tell
from agents.playbooks.steps import (
    AgentStep,
    ApprovalStep,
    LlmStep,
    NotifyStep,
    Script,
    Step,
    ToolStep,
    WaitStep,
    flatten,
)
from agents.runs import NewRun, cancel_run, request_run
from agents.tools.base import ToolContext
from agents.tools.toolbox import Toolbox
from crdt.errors import CrdtError, DocumentDamaged, DocumentRefused, UpdateRefused
from crdt.ports import Principal, PrincipalId
from storage.callers import find_caller
from storage.engine import Database
from storage.errors import StoreUnavailableError
from storage.models import Job, PlaybookRun
from storage.repositories.llm import Payer
from storage.unit_of_work import UnitOfWork

HEAR_SECONDS = 1.0
"""How long it takes at most to hear of something while a call is under way."""

SHOWN_ERRORS = 500


class PlaybookHandler:
    """Implements `agents.engine.Handler`."""

    kind = JOB

    def __init__(self, database: Database, llm: LlmClient, toolbox: Toolbox) -> None:
        self.database = database
        self.llm = llm
        self.toolbox = toolbox

    async def work(self, journal: Journal) -> Ending:
        """Do a run, or go on with it."""
        async with self.database.read() as uow:
            run = await uow.playbook_runs.get(journal.job_id)
            steps = await uow.playbook_progress.steps(journal.job_id)
        if run is None:
            raise Overtaken
        work = _Work(self, journal, run, {one.step_id: entry_of(one) for one in steps})
        work.given = {one.step_id: one.given or {} for one in steps}
        end = await work.go()
        return lambda uow: _end(uow, run.id, end)

    async def cancelled(self, uow: UnitOfWork, job_id: UUID) -> None:
        """Write that a run was ended by somebody."""
        await cancel_playbook_run(uow, job_id)

    async def failed(self, uow: UnitOfWork, job_id: UUID, message: str) -> None:
        """Write that a run cannot be done."""
        await _end(uow, job_id, End(status="error", code="crashed", message=message))


async def cancel_playbook_run(uow: UnitOfWork, run_id: UUID) -> None:
    """Write that a run was ended by somebody, and end the runs of agents that it waits for."""
    run = await uow.playbook_runs.get(run_id)
    if run is not None and run.status in ("pending", "running"):
        run.status, run.ended_at = "cancelled", uow.now
        await _stop_agents(uow, run)
        await tell(uow, run, "run.finished", {})


async def _end(uow: UnitOfWork, run_id: UUID, end: End) -> None:
    run = await uow.playbook_runs.get(run_id)
    if run is None:
        return
    run.status, run.ended_at = end.status, uow.now
    run.outputs = end.outputs
    run.error_step, run.error_code, run.error_message = end.step_id, end.code, end.message
    await _stop_agents(uow, run)
    await tell(uow, run, "run.finished", {"error_code": end.code, "error_step": end.step_id})


async def _stop_agents(uow: UnitOfWork, run: PlaybookRun) -> None:
    for step in await uow.playbook_progress.steps(run.id):
        if step.type == "agent" and step.status == "running":
            await _stop_agent(uow, run.id, step.step_id, step.attempt)


async def _stop_agent(uow: UnitOfWork, run_id: UUID, step_id: str, attempt: int) -> None:
    found = await uow.agent_runs.get(_agent_run_id(run_id, step_id, attempt))
    agent = await uow.agent_configurations.get(found.agent_configuration_id) if found is not None else None
    if found is not None and agent is not None:
        await cancel_run(uow, agent, found, f"{CAUSE}{run_id}")


def _agent_run_id(run_id: UUID, step_id: str, attempt: int) -> UUID:
    return uuid5(run_id, signal_of(step_id, attempt))


class _Work:
    """One run in the hands of one process."""

    def __init__(
        self, means: PlaybookHandler, journal: Journal, run: PlaybookRun, entries: dict[str, Entry]
    ) -> None:
        self.given: dict[str, dict[str, Any]] = {}
        self._means = means
        self._journal = journal
        self._run = run
        self._entries = entries
        self._script = msgspec.convert(run.script, Script)
        self._steps = {step.id: step for step in flatten(self._script.steps)}
        self._calls: dict[str, asyncio.Task[Outcome]] = {}

    async def go(self) -> End:
        """Do what there is to do until the end. Raises Parked where all that is left is waiting."""
        if self._run.status == "pending":
            await self._journal.change(self._begin)
        try:
            while True:
                await self._hear()
                now = self._means.database.clock()
                found = advance(self._script, self._run.inputs, facts_of(self._run), self._entries, now)
                if found.settled:
                    await self._write(found)
                    if any(self._entries[name] != entry for name, entry in found.settled.items()):
                        continue  # some could not be begun
                if found.end is not None:
                    return found.end
                self._call_all()
                if not self._calls:
                    raise Parked(found.wake_at)
                left = (found.wake_at - now).total_seconds() if found.wake_at else HEAR_SECONDS
                await asyncio.wait(
                    self._calls.values(),
                    timeout=min(max(left, 0), HEAR_SECONDS),
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            for call in self._calls.values():
                call.cancel()
            await asyncio.gather(*self._calls.values(), return_exceptions=True)

    async def _begin(self, uow: UnitOfWork, job: Job) -> None:
        run = await uow.playbook_runs.get(self._run.id)
        assert run is not None, "its job goes with its workspace, and so does it"
        run.status = self._run.status = "running"
        await tell(uow, run, "run.started", {})

    async def _hear(self) -> None:
        """Take what the steps under way have come to: of calls here, and of what comes from outside."""
        async with self._means.database.read() as uow:
            signals = await uow.jobs.signals(self._run.id)
        settled: dict[str, Entry] = {}
        for name, entry in self._entries.items():
            if entry.status != "running":
                continue
            told = signals.get(signal_of(name, entry.attempt))
            call = self._calls.get(name)
            if told is not None:
                settled[name] = _settled(entry, msgspec.convert(told, Outcome))
            elif call is not None and call.done():
                settled[name] = _settled(entry, call.result())
        if settled:
            await self._write(Advance(begin=(), settled=settled, end=None, wake_at=None))

    async def _write(self, found: Advance) -> None:
        """Write down what is settled, and begin what is begun with a row, in one transaction."""
        written: dict[str, Entry] = {}

        async def write(uow: UnitOfWork, job: Job) -> None:
            written.clear()
            begun = {one.step.id: one for one in found.begin}
            for name, entry in found.settled.items():
                one = begun.get(name)
                if one is not None:
                    entry = await self._begin_step(uow, one, entry)
                if entry.status != "running" and entry.ended_at is None:
                    entry = msgspec.structs.replace(entry, ended_at=uow.now)
                await self._write_step(uow, self._steps[name], entry, one)
                written[name] = entry

        await self._journal.change(write)
        for one in found.begin:
            self.given[one.step.id] = one.given
        for name, entry in written.items():
            self._entries[name] = entry
            if entry.status != "running" and (call := self._calls.pop(name, None)) is not None:
                call.cancel()

    async def _begin_step(self, uow: UnitOfWork, one: Begin, entry: Entry) -> Entry:
        """Do what a step begins with in the database; return how it stands then."""
        if not await may_run(uow, self._run):
            message = "Whoever this runs for may not run agents here any more."
            return _settled(entry, Outcome(code="maker_lost_right", message=message))
        step = one.step
        if isinstance(step, AgentStep):
            return await self._begin_agent(uow, step, one, entry)
        if isinstance(step, ApprovalStep):
            details = {"step_id": step.id, "approver_ids": [str(one) for one in step.approver_ids]}
            await tell(uow, self._run, "approval.requested", details)
        return entry

    async def _begin_agent(self, uow: UnitOfWork, step: AgentStep, one: Begin, entry: Entry) -> Entry:
        agent = await uow.agent_configurations.find_in(self._run.workspace_id, step.agent_id)
        if agent is None:
            return _settled(
                entry, Outcome(code="no_agent", message="There is no such agent in this workspace.")
            )
        channel = self._run.channel_id
        new = NewRun(
            agent=agent,
            trigger="event",
            cause=f"{CAUSE}{self._run.id}:{step.id}:{one.attempt}",
            invoker_user_id=self._run.acts_for_user_id,
            invoked_by=self._run.acts_for,
            inputs=one.given["inputs"],
            prompt=one.given["prompt"],
            place=f"channel:{channel}" if channel is not None else None,
            parent_run_id=self._run.id,
            depth=self._run.depth + 1,
            run_id=_agent_run_id(self._run.id, step.id, one.attempt),
        )
        try:
            await request_run(uow, new)
        except AgentError as error:
            return _settled(entry, Outcome(code=error.code, message=str(error)))
        return entry

    async def _write_step(self, uow: UnitOfWork, step: Step, entry: Entry, one: Begin | None) -> None:
        tag = step.__struct_config__.tag
        if entry.status == "failed" and entry.code == "timed_out" and isinstance(step, AgentStep):
            await _stop_agent(uow, self._run.id, step.id, entry.attempt)
        is_new = step.id not in self._entries
        values: dict[str, Any] = {
            "type": str(tag),
            "status": entry.status,
            "attempt": entry.attempt,
            "output": {"value": entry.output, "wrote": entry.wrote} if entry.status == "done" else None,
            "code": entry.code,
            "message": entry.message[:SHOWN_ERRORS] if entry.message else None,
            "way": entry.way,
            "listens": isinstance(step, WaitStep) and step.events is not None and entry.status == "running",
            "due_at": entry.due_at,
            "ended_at": entry.ended_at,
        }
        if one is not None:
            values["given"] = one.given
        if is_new or one is not None:
            values["started_at"] = uow.now
        await uow.playbook_progress.set_step(self._run.id, step.id, values)
        if entry.status != "skipped":
            details = {"step_id": step.id, "type": str(tag), "step_status": entry.status}
            await tell(uow, self._run, "step.changed", details)

    def _call_all(self) -> None:
        """Make the calls of steps under way that nobody is making: new ones, and those a crash cut off."""
        for name, entry in self._entries.items():
            step = self._steps[name]
            if entry.status == "running" and name not in self._calls:
                work = self._call_of(step, entry.attempt)
                if work is not None:
                    self._calls[name] = asyncio.create_task(guarded(work))

    def _call_of(self, step: Step, attempt: int) -> Callable[[], Awaitable[Any]] | None:
        match step:
            case LlmStep():
                return lambda: self._ask(step, attempt)
            case ToolStep():
                return lambda: self._use(step, attempt, step.tool, self.given[step.id]["arguments"])
            case NotifyStep():
                said = {"channel_id": str(step.channel_id), "text": self.given[step.id]["text"]}
                return lambda: self._use(step, attempt, "post_message", said)
            case _:
                return None

    async def _ask(self, step: LlmStep, attempt: int) -> Any:
        given = self.given[step.id]
        messages = [Message("system", given["system"])] if given["system"] else []
        wanted = ":".join(part for part in (step.provider, step.model) if part)
        answer = await self._means.llm.complete(
            Request(
                payer=Payer(self._run.workspace_id, self._run.acts_for_user_id, self._run.id),
                messages=(*messages, Message("user", given["prompt"])),
                task="write",
                models=(wanted,) if wanted else (),
                max_output_tokens=step.max_output_tokens,
                response_schema=ResponseSchema(step.id, step.json_schema) if step.json_schema else None,
                step=signal_of(step.id, attempt),
            )
        )
        return {"text": answer.text, "value": answer.parsed}

    async def _use(self, step: Step, attempt: int, tool: str, arguments: dict[str, Any]) -> Any:
        async with self._means.database.read() as uow:
            caller = await find_caller(uow, self._run.acts_for)
            user = await uow.users.get(self._run.acts_for_user_id)
        if caller is None or user is None:
            return Outcome(code="maker_lost_right", message="Whoever this runs for is no more.")
        context = ToolContext(
            run_id=self._run.id,
            step_id=self._journal.step_id(signal_of(step.id, attempt)),
            agent=None,
            workspace_id=self._run.workspace_id,
            invoker_user_id=self._run.acts_for_user_id,
            caller=caller,
            principal=Principal(id=PrincipalId(caller.id), name=user.name),
        )
        result = await self._means.toolbox.call(context, tool, arguments)
        wrote = tuple(effect.document for effect in result.effects if effect.document is not None)
        return Outcome(output={"text": result.text, "data": result.data}, wrote=wrote)


async def guarded(work: Callable[[], Awaitable[Any]]) -> Outcome:
    """Return what a call comes to; what agents raise is a fault of the step, and so is a refused document.

    Raises StoreUnavailableError for a document that cannot be had now: it is tried again.
    """
    try:
        found = await work()
    except AgentError as error:
        return Outcome(code=error.code, message=str(error))
    except (DocumentRefused, DocumentDamaged, UpdateRefused) as error:
        return Outcome(code=error.code, message=error.reason)
    except CrdtError as error:
        raise StoreUnavailableError(f"a document cannot be had now: {error}") from error
    return found if isinstance(found, Outcome) else Outcome(output=found)


def _settled(entry: Entry, outcome: Outcome) -> Entry:
    status = "done" if outcome.code is None else "failed"
    return msgspec.structs.replace(
        entry,
        status=status,
        output=outcome.output,
        code=outcome.code,
        message=outcome.message,
        wrote=outcome.wrote,
        due_at=None,
    )
