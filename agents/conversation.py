"""The conversation of one run: the model, the tools it calls, their answers, until it has one itself.

Each call of the model and each call of a tool is a step of the run's journal, named by its number; so a run
goes on behind the last of them after a crash, and nothing that is finished is paid or done twice.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID

import msgspec

from agents.block_answers import BlockAnswers
from agents.briefing import brief
from agents.collaborator import Collaborators
from agents.config import config_of
from agents.errors import AgentError
from agents.identity import principal_of
from agents.journal import Journal, Parked
from agents.llm.client import Listener
from agents.llm.messages import DEFAULT_OUTPUT_TOKENS, Answer, Message, Request, ToolCall
from agents.sections import EffectiveConfig
from agents.speech import Speech
from agents.statistics import JobCounts
from agents.tool_calls import Outcome, ToolCalls
from agents.tools.base import ToolContext, ToolSpec
from agents.tools.toolbox import Toolbox
from crdt.ports import Principal
from storage.access import workspace_standing
from storage.callers import caller_of_run
from storage.engine import Database
from storage.models import AgentConfiguration, AgentDefinition, AgentRunLog
from storage.repositories.llm import Payer
from storage.unit_of_work import UnitOfWork

FAILURES = 3
"""Tool calls in a row that fail before the run ends; answers that say nothing, too."""

SAYING_SECONDS = 1.0
"""What the model says within this time is told together to those who are where the run was called."""

CALLS_OF_A_TURN = 16
POSTED_CHARACTERS = 16_000


class Model(Protocol):
    """What a run needs of `agents.llm`."""

    async def complete(self, request: Request, *, listener: Listener | None = None) -> Answer:
        """Return an answer as a whole; let somebody hear it before. Raises LlmError."""
        ...


class Herald(Protocol):
    """Tells those who are where the run was called."""

    async def progress(self, run: AgentRunLog, agent: AgentConfiguration, text: str) -> None:
        """Tell what it is doing. A hint: where that is not possible nothing happens."""
        ...

    async def waiting(self, run: AgentRunLog, agent: AgentConfiguration, text: str) -> None:
        """Tell what it waits for; that may stand there for days. A hint too."""
        ...

    async def saying(self, run: AgentRunLog, agent: AgentConfiguration, text: str) -> None:
        """Tell what it says, as far as it has come. A hint too."""
        ...

    async def answer(
        self, run: AgentRunLog, agent: AgentConfiguration, principal: Principal, message_id: UUID, text: str
    ) -> bool:
        """Post the answer under an id, once however often; tell whether that was possible."""
        ...


class Means(msgspec.Struct, frozen=True):
    """What all runs of a process share."""

    database: Database
    llm: Model
    toolbox: Toolbox
    herald: Herald
    collaborators: Collaborators
    counts: JobCounts


class Turn(msgspec.Struct, frozen=True):
    """What the model said, and what that has cost."""

    text: str
    calls: tuple[ToolCall, ...]
    reason: str
    provider: str
    model: str
    cost_micros: int


class Begin(msgspec.Struct, frozen=True):
    """The conversation as it begins: a run goes on with what it began with."""

    messages: list[Message]


class Final(msgspec.Struct, frozen=True):
    """The answer, and the id it is posted under."""

    text: str
    message_id: UUID


class Stopped(AgentError):
    """The run ends without an answer; the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        self.reason = code
        super().__init__(message)


class Conversation:
    """One run, in the hands of one process."""

    def __init__(
        self,
        means: Means,
        journal: Journal,
        run: AgentRunLog,
        agent: AgentConfiguration,
        config: EffectiveConfig,
    ) -> None:
        self._database = means.database
        self._llm = means.llm
        self._toolbox = means.toolbox
        self._herald = means.herald
        self._journal = journal
        self._run = run
        self._agent = agent
        self._config = config
        self._principal = principal_of(agent, run)
        self._counts = means.counts
        self._block = BlockAnswers(
            means.collaborators, journal, run, self._principal, config, means.database.clock
        )
        self._ceilings: list[tuple[UUID, int]] = []
        self._failures = 0
        self._number = 0

    async def hold(self, definition: AgentDefinition) -> Final:
        """Go back and forth until there is an answer, and post it. Raises Stopped, LlmError, Parked."""
        async with self._block:
            return await self._hold(definition)

    async def _hold(self, definition: AgentDefinition) -> Final:
        async def begin() -> Begin:
            async with self._database.read() as uow:
                return Begin(await brief(uow, self._agent, definition, self._config, self._run))

        begun = await self._journal.step("begin", "note", "Begin", Begin, begin)
        self._ceilings = await self._find_ceilings()
        messages = list(begun.messages)
        specs = {spec.name: spec for spec in await self._toolbox.specs(self._agent)}
        calls = ToolCalls(self._toolbox, self, self._journal, self._agent, self._run, specs)
        while True:
            step = self._next()
            turn = await self._turn(step, messages, specs)
            messages.append(Message("assistant", turn.text, turn.calls))
            if turn.reason == "refused":
                raise Stopped("model_refused", turn.text or "The model, or its provider, refuses this.")
            if not turn.calls:
                if turn.text.strip():
                    return await self._conclude(step, turn)
                await self._block.drop()
                self._count(failed=True, why="The model has said nothing.")
                messages[-1] = Message("assistant", "…")
                messages.append(Message("user", "You have said nothing. Answer, or call a tool."))
                continue
            await (self._block.settle(step, None) if turn.text else self._block.drop())
            for n, call in enumerate(turn.calls):
                outcome = await self._outcome(calls, call, is_one_too_many=n >= CALLS_OF_A_TURN)
                messages.append(Message("tool", outcome.text, tool_call_id=call.id))
                self._count(failed=outcome.is_error, why=outcome.text)

    async def context_of(self, step: str, step_id: str) -> ToolContext:
        """Implements `tool_calls.Contexts`: rights are looked up anew for each call."""
        async with self._database.read() as uow:
            caller = await caller_of_run(uow, self._run.run_id)
            workspace_id = self._agent.workspace_id
            standing = await workspace_standing(uow, caller, workspace_id) if caller else None
        if caller is None or standing is None:
            raise Stopped("rights_lost", "Whoever this run acts for has no rights here any more.")
        return ToolContext(
            run_id=self._run.run_id,
            step_id=step_id,
            agent=self._agent,
            workspace_id=workspace_id,
            invoker_user_id=self._run.triggered_by_user_id,
            caller=caller,
            principal=self._principal,
            place=self._run.place,
            place_item=self._run.place_item,
            is_dry=self._run.is_dry,
            depth=self._run.depth,
        )

    async def _turn(self, step: str, messages: Sequence[Message], specs: Mapping[str, ToolSpec]) -> Turn:
        async def ask() -> Turn:
            await self._herald.progress(self._run, self._agent, f"Step {step}: thinking")
            with self._journal.speaking(step) as speech:
                self._block.begin(step, speech)
                async with self._overheard(speech):
                    request = self._request(step, messages, specs, await self._left())
                    answer = await self._llm.complete(request, listener=speech)
            self._counts.steps["model"] += 1
            self._counts.cost_micros += answer.usage.cost_micros
            return Turn(
                text=answer.text,
                calls=answer.tool_calls,
                reason=answer.reason,
                provider=answer.provider,
                model=answer.model,
                cost_micros=answer.usage.cost_micros,
            )

        return await self._journal.step(step, "model", "Think", Turn, ask)

    @asynccontextmanager
    async def _overheard(self, speech: Speech) -> AsyncGenerator[None]:
        """Let those hear what the model says who are where the run was called."""

        async def tell() -> None:
            while not speech.is_over:
                await speech.changed()
                await asyncio.sleep(SAYING_SECONDS)
                if speech.text:
                    await self._herald.saying(self._run, self._agent, speech.text)

        telling = asyncio.create_task(tell(), name="saying")
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait({telling})

    async def _find_ceilings(self) -> list[tuple[UUID, int]]:
        """Return the runs whose limits hold for this one, each with what it may cost: callers' hold, too."""
        async with self._database.read() as uow:
            runs = await uow.agent_runs.callers_of(self._run.run_id)
        configs = [(run.run_id, config_of(agent)) for run, agent in runs if agent.effective_config_cache]
        limits = [(run_id, config.limits.max_cost_micros) for run_id, config in configs]
        return [(run_id, most) for run_id, most in limits if most is not None]

    async def _left(self) -> int | None:
        """Return what the next call may cost; None where no configuration limits it."""
        if not self._ceilings:
            return None
        workspace_id = self._agent.workspace_id
        async with self._database.read() as uow:
            left = [
                most - await uow.llm_ledger.spent_by(workspace_id, run_id) for run_id, most in self._ceilings
            ]
        return max(0, min(left))

    def _request(
        self, step: str, messages: Sequence[Message], specs: Mapping[str, ToolSpec], left: int | None
    ) -> Request:
        llm = self._config.llm
        return Request(
            payer=Payer(self._agent.workspace_id, self._run.triggered_by_user_id, self._run.run_id),
            messages=tuple(messages),
            task=llm.task,
            models=llm.names(),
            only_these=llm.only_these,
            tools=tuple(spec.tool() for spec in specs.values()),
            temperature=llm.temperature,
            max_output_tokens=llm.max_output_tokens or DEFAULT_OUTPUT_TOKENS,
            max_cost_micros=left,
            step=step,
        )

    async def _outcome(self, calls: ToolCalls, call: ToolCall, *, is_one_too_many: bool) -> Outcome:
        if is_one_too_many:
            return Outcome(f"Not called: at most {CALLS_OF_A_TURN} calls at a time.")
        step = self._next()
        is_new = not self._journal.is_done(step)
        if is_new:
            await self._herald.progress(self._run, self._agent, f"Step {step}: {call.name}")
        try:
            outcome = await calls.make(step, call)
        except Parked:
            await self._herald.waiting(self._run, self._agent, f"Step {step}: {await self._awaited(call)}")
            raise
        if is_new:
            self._counts.steps["tool_failed" if outcome.is_error else "tool"] += 1
        return outcome

    async def _awaited(self, call: ToolCall) -> str:
        """Return what a call waits for, in words that nobody else has chosen."""
        async with self._database.read() as uow:
            run = await uow.agent_runs.get(self._run.run_id)
        waiting = run.waiting_for if run is not None else None
        if waiting is None:
            return f"{call.name}, and waits for what comes of it"
        return "waits for a person's " + (
            "answer" if waiting["kind"] == "question" else f"word on {call.name}"
        )

    def _next(self) -> str:
        """Return the name of the next step. Raises Stopped where there may be no more."""
        if self._number >= self._config.limits.max_steps:
            raise Stopped("too_many_steps", f"It has come to no answer in {self._number} steps.")
        self._number += 1
        return str(self._number)

    def _count(self, *, failed: bool, why: str) -> None:
        """Count failures in a row. Raises Stopped when there are too many."""
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= FAILURES:
            raise Stopped(
                "failures_in_a_row", f"It has failed {FAILURES} times in a row. The last time: {why[:1000]}"
            )

    async def _conclude(self, step: str, turn: Turn) -> Final:
        """Keep the answer, and post it where it was asked for."""
        most = self._config.limits.max_output_characters
        text = (
            turn.text if len(turn.text) <= most else f"{turn.text[:most]}\n[cut: it is longer than it may be]"
        )
        if turn.reason == "length":
            text += "\n[cut: the model has come to the end of what one answer may have]"

        async def keep(uow: UnitOfWork) -> Final:
            return Final(text, uow.new_id())

        final = await self._journal.transact("answer", "answer", "Answer", Final, keep)
        await self._block.settle(step, text)

        async def post() -> bool:
            shown = text if len(text) <= POSTED_CHARACTERS else f"{text[:POSTED_CHARACTERS]}\n…"
            return await self._herald.answer(self._run, self._agent, self._principal, final.message_id, shown)

        if self._run.place is not None and not self._run.answers_in_block:
            await self._journal.step("post", "note", "Post the answer", bool, post)
        return final
