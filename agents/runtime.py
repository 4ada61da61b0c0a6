"""Runs of agents as jobs of the engine: begun, held to their time, and ended with what came of them."""

import asyncio
from uuid import UUID

from agents.conversation import Conversation, Final, Means, Stopped
from agents.engine import Ending
from agents.errors import InactiveAgentError, InvalidConfigError, InvalidPromptError
from agents.journal import Journal
from agents.llm.errors import LlmError
from agents.memory import remember_run
from agents.runs import RUN, effective_of, finish_run, show_status, tell
from storage.models import AgentConfiguration, AgentDefinition, AgentRunLog, Job
from storage.unit_of_work import UnitOfWork

PREVIEW_CHARACTERS = 500


class Runtime:
    """Implements `engine.Handler` for runs of agents."""

    kind = RUN

    def __init__(self, means: Means) -> None:
        self._database = means.database
        self._means = means
        self._counts = means.counts

    async def work(self, journal: Journal) -> Ending:
        """Do a run, or go on with it."""
        found = await self._begin(journal)
        if found is None:
            return _nothing
        run, agent, definition = found
        try:
            final = await self._converse(journal, run, agent, definition)
        except Stopped as stopped:
            return self._error(run.run_id, stopped.reason, str(stopped))
        except (LlmError, InvalidConfigError, InvalidPromptError, InactiveAgentError) as error:
            return self._error(run.run_id, error.code, str(error))
        return self._success(run.run_id, final.text)

    async def cancelled(self, uow: UnitOfWork, job_id: UUID) -> None:
        """Write that a run was cancelled."""
        found = await uow.agent_runs.find(job_id)
        if found is not None:
            await finish_run(uow, found[1], found[0], "cancelled")
            self._count(uow, found[0])

    async def failed(self, uow: UnitOfWork, job_id: UUID, message: str) -> None:
        """Write that a run failed for a reason that nobody foresaw."""
        await self._error(job_id, "internal_error", message)(uow)

    def _success(self, run_id: UUID, text: str) -> Ending:
        async def end(uow: UnitOfWork) -> None:
            found = await uow.agent_runs.find(run_id)
            if found is not None:
                run, agent = found
                run.output_preview = text[:PREVIEW_CHARACTERS]
                run.full_output_ref = f"/v1/runs/{run_id}/output"
                await remember_run(uow, agent, run, text)
                await finish_run(uow, agent, run, "success", text=text)
                self._count(uow, run)

        return end

    def _error(self, run_id: UUID, code: str, message: str) -> Ending:
        async def end(uow: UnitOfWork) -> None:
            found = await uow.agent_runs.find(run_id)
            if found is not None:
                await finish_run(uow, found[1], found[0], "error", code=code, message=message)
                self._count(uow, found[0])

        return end

    def _count(self, uow: UnitOfWork, run: AgentRunLog) -> None:
        status, seconds = run.status, (uow.now - run.start_time).total_seconds()
        uow.after_commit.append(lambda: self._counts.end_run(status, seconds))

    async def _begin(
        self, journal: Journal
    ) -> tuple[AgentRunLog, AgentConfiguration, AgentDefinition] | None:
        """Return the run with its agent; one that waited in line is running now. None for no run."""
        async with self._database.read() as uow:
            found = await uow.agent_runs.find(journal.job_id)
            definition = await uow.agent_definitions.get(found[1].agent_definition_id) if found else None
        if found is None or definition is None:
            return None
        run, agent = found
        if run.status == "pending":

            async def start(uow: UnitOfWork, _: Job) -> None:
                row = await uow.agent_runs.get(journal.job_id)
                assert row is not None, "it goes with its job"
                row.status, row.start_time = "running", uow.now
                await uow.session.flush()
                await uow.agent_runs.note_last(row)
                await show_status(uow, row)
                await tell(uow, agent, row, "started", f"agent:{agent.id}")

            await journal.change(start)
        return run, agent, definition

    async def _converse(
        self, journal: Journal, run: AgentRunLog, agent: AgentConfiguration, definition: AgentDefinition
    ) -> Final:
        config = effective_of(agent)
        most = config.limits.max_seconds
        conversation = Conversation(self._means, journal, run, agent, config)
        limit = asyncio.timeout(max(0.0, most - journal.worked_seconds))
        try:
            async with limit:
                return await conversation.hold(definition)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise Stopped("run_too_long", f"It has worked for {most} seconds, as long as it may.") from error


async def _nothing(uow: UnitOfWork) -> None:
    """The end of a job whose run is gone."""
