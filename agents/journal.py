"""What a job has done and was told, and its way to do more: steps that are written down and done once.

Work on a job is an ordinary coroutine that may be begun again at any time, after a crash or a long wait. It
comes the same way each time: what it asks `step` for a second time is not done again, but remembered. So
whatever depends on the clock, on chance or on the world stands in a step.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from agents.speech import Speech
from agents.watching import Note, Watching
from storage.engine import Database
from storage.models import Job, JobStep
from storage.unit_of_work import UnitOfWork

T = TypeVar("T")

_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""U+0000 in JSON, which Postgres cannot store."""


class Parked(BaseException):
    """There is nothing to do before a signal, or this moment; not an error, and not to be caught as one."""

    def __init__(self, wake_at: datetime | None) -> None:
        super().__init__("the job waits")
        self.wake_at = wake_at


class Overtaken(BaseException):
    """The job is not this process's any more: another one goes on with it, or it is gone."""


class Journal:
    """One job, in the hands of one process."""

    def __init__(
        self,
        database: Database,
        watching: Watching,
        job: Job,
        holder: str,
        steps: Sequence[JobStep],
        signals: Mapping[str, dict[str, Any]],
    ) -> None:
        self.job_id = job.id
        self.workspace_id = job.workspace_id
        self.signals = dict(signals)
        self._database = database
        self._watching = watching
        self._holder = holder
        worked = (step.finished_at - step.started_at for step in steps if step.kind != "wait")
        self.worked_seconds = sum(worked, timedelta()).total_seconds()
        """How long the steps took that were done before; waiting does not count."""
        self._done: dict[str, Any] = {step.step: step.result["value"] for step in steps}

    def step_id(self, step: str) -> str:
        """Return the name by which effects of a step are known for ever."""
        return f"{self.job_id}:{step}"

    def is_done(self, step: str) -> bool:
        """Tell whether a step is written down."""
        return step in self._done

    def note(self, title: str) -> None:
        """Tell whoever looks on what is being done."""
        self._watching.tell(self.job_id, Note("step", title))

    def speaking(self, step: str) -> AbstractContextManager[Speech]:
        """Let whoever looks on hear what a model says in a step."""
        return self._watching.speaking(self.job_id, step)

    async def step(
        self, step: str, kind: str, title: str, result: type[T], action: Callable[[], Awaitable[T]]
    ) -> T:
        """Do something and write down what came of it; or return what came of it before.

        A crash in between has it done again: what it leaves behind elsewhere bears `step_id(step)`, so that
        it is found. Raises what the action raises, and nothing is written down then.
        """
        if step in self._done:
            return msgspec.convert(self._done[step], result)
        self.note(title)
        started_at = self._database.clock()
        value = _plain(await action())
        async with self._database.transaction() as uow:
            await self._write(uow, await self._hold(uow), step, kind, title, value, started_at)
        return self._keep(step, value, result)

    async def transact(
        self,
        step: str,
        kind: str,
        title: str,
        result: type[T],
        action: Callable[[UnitOfWork], Awaitable[T]],
    ) -> T:
        """Do something in the database, in the transaction that writes the step down: exactly once."""
        if step in self._done:
            return msgspec.convert(self._done[step], result)
        async with self._database.transaction() as uow:
            job = await self._hold(uow)
            value = _plain(await action(uow))
            await self._write(uow, job, step, kind, title, value, uow.now)
        return self._keep(step, value, result)

    async def wait(self, name: str, title: str, *, seconds: float | None = None) -> dict[str, Any] | None:
        """Return what the job is told under a name; None when the time is over. Raises Parked until then.

        Nothing is held meanwhile, no task, no connection, no memory: the work is begun again afterwards.
        """
        if name in self._done:
            return self._done[name]
        if name in self.signals:
            return await self._remember(name, title, self.signals[name])
        if seconds is None:
            raise Parked(None)
        until = f"{name}.until"
        if until not in self._done:
            due = self._database.clock() + timedelta(seconds=seconds)
            await self._remember(until, title, due.isoformat())
        due = datetime.fromisoformat(self._done[until])
        if self._database.clock() < due:
            raise Parked(due)
        return await self._remember(name, title, None)

    async def together(self, branches: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
        """Work on several branches at the same time, and return what comes of each.

        The job waits when all that is left waits. The first failure is raised when the others have ended.
        """
        found = await asyncio.gather(*(_caught(branch) for branch in branches))
        for one in found:
            if isinstance(one, BaseException) and not isinstance(one, Parked):
                raise one
        parked = [one for one in found if isinstance(one, Parked)]
        if parked:
            raise Parked(min((one.wake_at for one in parked if one.wake_at is not None), default=None))
        return [one for one in found if not isinstance(one, BaseException)]

    async def change(self, action: Callable[[UnitOfWork, Job], Awaitable[None]]) -> None:
        """Write something while the job is in these hands; after a crash it may be written again."""
        async with self._database.transaction() as uow:
            await action(uow, await self._hold(uow))

    async def end(self, ending: Callable[[UnitOfWork], Awaitable[None]]) -> None:
        """Write what is written at the end, and that the job is over."""
        async with self._database.transaction() as uow:
            job = await self._hold(uow)
            await ending(uow)
            await uow.jobs.finish(job)

    async def _hold(self, uow: UnitOfWork) -> Job:
        """Make sure that the job is still in these hands. Raises Overtaken."""
        # Its deletion locks the workspace before what goes with it.
        if await uow.workspaces.keep(self.workspace_id):
            job = await uow.jobs.hold(self.job_id, self._holder)
            if job is not None:
                return job
        raise Overtaken

    async def _write(
        self, uow: UnitOfWork, job: Job, step: str, kind: str, title: str, value: Any, started_at: datetime
    ) -> None:
        job.failures = 0
        await uow.jobs.add_step(
            JobStep(
                job_id=self.job_id,
                step=step,
                id=uow.new_id(),
                kind=kind,
                title=title,
                result={"value": value},
                started_at=started_at,
                finished_at=uow.now,
            )
        )
        uow.after_commit.append(lambda: self._watching.tell(self.job_id, Note("done", title)))

    def _keep(self, step: str, value: Any, result: type[T]) -> T:
        self._done[step] = value
        return msgspec.convert(value, result)

    async def _remember(self, name: str, title: str, value: Any) -> Any:
        async with self._database.transaction() as uow:
            await self._write(uow, await self._hold(uow), name, "wait", title, value, uow.now)
        self._done[name] = value
        return value


async def _caught(branch: Callable[[], Awaitable[T]]) -> T | BaseException:
    try:
        return await branch()
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - raised again when the others have ended
        return error


def _plain(value: object) -> Any:
    """Return a value as what JSON can say and every database can store."""
    encoded = msgspec.json.encode(value)
    if b"\\u0000" in encoded:
        encoded = _NUL.sub(rb"\1\\ufffd", encoded)
    return msgspec.json.decode(encoded)
