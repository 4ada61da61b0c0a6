"""A call of a tool within a run: made once, approved first where that is wanted, and answered in any case.

What comes of a call goes to the model, faults too. Waiting for people is the journal's: nothing is held.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec

from agents.journal import Journal
from agents.llm.messages import ToolCall
from agents.tools.base import Effect, ToolContext, ToolSpec
from agents.tools.errors import ToolError, ToolPause
from agents.tools.toolbox import Toolbox
from crdt.errors import CrdtError
from storage.models import AgentConfiguration, AgentRunLog
from storage.unit_of_work import UnitOfWork

WAIT_SECONDS = 14 * 24 * 3600.0
"""How long a run waits for a person."""

MAX_QUESTION_CHARACTERS = 4000


class Outcome(msgspec.Struct, frozen=True):
    """What a call came to."""

    text: str
    """For the model."""
    is_error: bool = False
    effects: tuple[Effect, ...] = ()


class Waiting(msgspec.Struct, frozen=True):
    """What a run waits for, as its row and the API tell it."""

    step: str
    kind: Literal["approval", "question"]
    tool: str
    question: str
    choices: tuple[str, ...] = ()
    user_ids: tuple[UUID, ...] = ()
    """Who is asked."""
    until: str | None = None


class Reply(msgspec.Struct, frozen=True):
    """What somebody says to that."""

    decision: Literal["approve", "deny"]
    text: str | None = None
    by: str | None = None


class Contexts(Protocol):
    """Who knows for whom a tool works, at this moment."""

    async def context_of(self, step: str, step_id: str) -> ToolContext:
        """Return it. Raises where the run has no rights any more."""
        ...


class ToolCalls:
    """The calls of one run."""

    def __init__(
        self,
        toolbox: Toolbox,
        contexts: Contexts,
        journal: Journal,
        agent: AgentConfiguration,
        run: AgentRunLog,
        specs: Mapping[str, ToolSpec],
    ) -> None:
        self._toolbox = toolbox
        self._contexts = contexts
        self._journal = journal
        self._agent = agent
        self._run = run
        self._specs = specs
        self._consents: set[str] = set()

    async def make(self, step: str, call: ToolCall) -> Outcome:
        """Make a call and return what it comes to. Raises Parked where somebody has to be waited for."""
        title = f"Call {call.name}"
        if call.fault is not None:
            fault = Outcome(call.fault, is_error=True)
            return await self._journal.step(step, "tool", title, Outcome, lambda: _at_once(fault))
        wanted = await self._wanted_consent(step, call)
        if wanted is not None and self._journal.is_done(f"{step}.reply") and await self._is_approved(step):
            self._consents.add(wanted)
        if not self._journal.is_done(step) and (self._is_to_be_approved(call) or wanted is not None):
            refusal = await self._approval(step, call, wanted)
            if refusal is not None:
                return await self._journal.step(step, "tool", title, Outcome, lambda: _at_once(refusal))
        try:
            return await self._journal.step(step, "tool", title, Outcome, lambda: self._call(step, call))
        except ToolPause as pause:
            paused = await self._paused(step, call, pause)
            return await self._journal.step(step, "tool", title, Outcome, lambda: _at_once(paused))

    def _is_to_be_approved(self, call: ToolCall) -> bool:
        spec = self._specs.get(call.name)
        return spec is not None and spec.approval == "ask" and not self._run.is_dry

    async def _wanted_consent(self, step: str, call: ToolCall) -> str | None:
        """Return what a person has to consent to before a call, besides the call itself."""
        spec = self._specs.get(call.name)
        if spec is None or spec.consent is None or self._run.is_dry:
            return None
        return await self._toolbox.consent(await self._context(step), call.name, call.arguments)

    async def _is_approved(self, step: str) -> bool:
        told = await self._journal.wait(f"{step}.reply", "Wait for a person")
        return told is not None and msgspec.convert(told, Reply).decision == "approve"

    async def _context(self, step: str) -> ToolContext:
        context = await self._contexts.context_of(step, self._journal.step_id(step))
        return msgspec.structs.replace(context, consents=frozenset(self._consents))

    async def _call(self, step: str, call: ToolCall) -> Outcome:
        context = await self._context(step)
        try:
            result = await self._toolbox.call(context, call.name, call.arguments)
        except ToolError as error:
            return Outcome(str(error), is_error=True)
        except CrdtError as error:
            return Outcome(f"{call.name} cannot be used now: {error}", is_error=True)
        return Outcome(result.text, effects=result.effects)

    async def _approval(self, step: str, call: ToolCall, wanted: str | None) -> Outcome | None:
        """Wait for a person's consent; return what the model is told where there is none."""

        async def preview() -> Outcome:
            context = await self._context(step)
            if wanted is not None:
                return Outcome(f"call {call.name} for {wanted}: {_short(call.arguments)}")
            try:
                return Outcome(await self._toolbox.preview(context, call.name, call.arguments))
            except (ToolError, CrdtError) as error:
                return Outcome(str(error), is_error=True)

        title = f"Prepare {call.name}"
        shown = await self._journal.step(f"{step}.preview", "tool", title, Outcome, preview)
        if shown.is_error:
            return shown
        waiting = Waiting(
            step,
            "approval",
            call.name,
            f"{self._agent.name} would {shown.text}"[:MAX_QUESTION_CHARACTERS],
            user_ids=self._people(),
        )
        reply = await self._ask(waiting)
        if reply is None:
            return Outcome("Nobody has answered whether this may be done, so it was not.")
        if reply.decision == "deny":
            return Outcome("A person does not want this done, and it was not." + _words(reply))
        if wanted is not None:
            self._consents.add(wanted)
        return None

    async def _paused(self, step: str, call: ToolCall, pause: ToolPause) -> Outcome:
        """Wait for what a tool waits for."""
        if pause.kind == "run":
            name = f"run:{pause.payload['run_id']}"
            told = await self._journal.wait(name, "Wait for another agent", seconds=WAIT_SECONDS)
            if told is None:
                return Outcome("The other agent has come to no end in time.", is_error=True)
            return Outcome(told["text"], is_error=told["status"] != "success")
        asked = msgspec.convert(pause.payload, _Question)
        waiting = Waiting(
            step,
            "question",
            call.name,
            asked.question[:MAX_QUESTION_CHARACTERS],
            asked.choices,
            asked.user_ids or self._people(),
        )
        reply = await self._ask(waiting)
        if reply is None:
            return Outcome("Nobody has answered.")
        if reply.decision == "deny":
            return Outcome("They do not want to answer." + _words(reply))
        return Outcome(f"The answer: {reply.text or 'yes'}")

    async def _ask(self, waiting: Waiting) -> Reply | None:
        """Ask people something, and wait for one of them."""

        async def ask(uow: UnitOfWork) -> bool:
            await uow.agent_runs.set_waiting(self._run.run_id, msgspec.to_builtins(waiting))
            payload = {
                "run_id": str(self._run.run_id),
                "agent_id": str(self._agent.id),
                "step": waiting.step,
                "kind": waiting.kind,
                "question": waiting.question,
                "user_ids": [str(user_id) for user_id in waiting.user_ids],
            }
            actor = f"agent:{self._agent.id}"
            # What it is about may be for those alone who are where it was called.
            subject = self._run.place or actor
            await uow.events.append(
                self._agent.workspace_id, "agent.approval.wanted", actor, subject, payload
            )
            return True

        await self._journal.transact(f"{waiting.step}.ask", "wait", "Ask a person", bool, ask)
        told = await self._journal.wait(f"{waiting.step}.reply", "Wait for a person", seconds=WAIT_SECONDS)
        if told is None:
            await self._journal.change(lambda uow, _: uow.agent_runs.set_waiting(self._run.run_id, None))
            return None
        return msgspec.convert(told, Reply)

    def _people(self) -> tuple[UUID, ...]:
        return (self._run.triggered_by_user_id or self._agent.created_by_user_id,)


class _Question(msgspec.Struct, frozen=True):
    """The payload of a pause."""

    question: str
    choices: tuple[str, ...] = ()
    user_ids: tuple[UUID, ...] = ()


def _short(arguments: Mapping[str, Any]) -> str:
    text = ", ".join(f"{name} {value}" for name, value in arguments.items())
    return text if len(text) <= MAX_QUESTION_CHARACTERS else f"{text[:MAX_QUESTION_CHARACTERS]}…"


def _words(reply: Reply) -> str:
    return f" They say: {reply.text}" if reply.text else ""


async def _at_once(outcome: Outcome) -> Outcome:
    return outcome
