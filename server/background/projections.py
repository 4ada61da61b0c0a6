"""Keeps the rows of what documents contain up to their logs, in one process at a time.

The leader hears of its own process's commits at once. What other processes write it finds by comparing all
heads with what is projected; that takes longer the more documents there are, and so comes less often then.
The work rests in between: a busy process serves people first, and a process that does nothing else (the role
`worker` alone) rests little.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence

from anyio import create_task_group

from server.background.leadership import LEASE_SECONDS, Leadership
from server.projections.projector import Projector
from server.spans import span
from storage.engine import Database
from storage.errors import StorageError
from storage.repositories.projections import Overtaken
from storage.update_log import UpdateLog

logger = logging.getLogger(__name__)

EVERY_SECONDS = 0.5
"""How often all documents are looked at, for what other processes have written."""

REST_SECONDS = 0.8
"""How long a document rests that is edited all the time: its rows follow within a second."""

LOOK_SHARE = 0.05
"""Which part of the time may go into looking at all documents."""

SHARED = 0.2
"""Which part of the time may go into projections where the process serves people, too."""

DEDICATED = 0.9
"""Likewise where it does not."""

AT_ONCE = 16
"""Documents that are projected before the work rests and newcomers have their turn."""

_CONCURRENCY = 4
"""Of these at the same time: a large one, which is read in the child, does not hold up small ones."""

ORPHANS_EVERY_SECONDS = 60.0

_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 300.0
_PAGE = 1000


class Projections:
    """Follows the logs of all documents."""

    def __init__(
        self,
        database: Database,
        log: UpdateLog,
        projector: Projector,
        *,
        share: float = SHARED,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._projector = projector
        self._share = share
        self._leadership = Leadership(database, "projections", lease_seconds=lease_seconds)
        self._is_leading = False
        self._woken = asyncio.Event()
        self._due: dict[str, float] = {}
        """Document -> when it may be projected, in the loop's time."""
        self._resting: dict[str, float] = {}
        """Document -> until when it rests, whatever happens."""
        self._failures: dict[str, int] = {}
        log.on_commit.append(self._hear)

    async def run(self) -> None:
        """Follow whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._follow)

    def _hear(self, addresses: Collection[str]) -> None:
        if self._is_leading:
            self._put_in_line([address.partition("#")[0] for address in addresses])
            self._woken.set()

    def _put_in_line(self, names: Sequence[str]) -> None:
        now = asyncio.get_running_loop().time()
        for name in names:
            if name not in self._due and not name.startswith("inbox:"):
                self._due[name] = max(now, self._resting.get(name, now))

    async def _follow(self) -> None:
        self._due.clear()
        self._resting.clear()
        self._failures.clear()
        self._is_leading = True
        try:
            async with create_task_group() as tasks:
                tasks.start_soon(self._look_around)
                tasks.start_soon(self._clean)
                await self._work()
        finally:
            self._is_leading = False

    async def _look_around(self) -> None:
        """Find documents that are behind, whoever wrote them."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            await self._insist(self._find_due)
            await asyncio.sleep(max(EVERY_SECONDS, (loop.time() - started) / LOOK_SHARE))

    async def _find_due(self) -> None:
        after = 0
        while True:
            async with self._database.read() as uow:
                found = await uow.projections.due(after=after, limit=_PAGE)
            self._put_in_line([name for _, name in found])
            if len(found) < _PAGE:
                break
            after = found[-1][0]
        if self._due:
            self._woken.set()

    async def _clean(self) -> None:
        """Remove the rows of documents that are no more."""
        while True:
            await self._insist(self._forget_orphans)
            await asyncio.sleep(ORPHANS_EVERY_SECONDS)

    async def _forget_orphans(self) -> None:
        async with self._database.read() as uow:
            names = {name for _, name in await uow.projections.orphans(_PAGE)}
        for name in sorted(names):
            # A part at a time: others write in between.
            while not await self._projector.forget(name):
                continue
        while not await self._projector.forget_found():
            continue

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        is_failing = False
        while True:
            try:
                return await work()
            except StorageError as error:
                if not is_failing:
                    logger.warning("documents that are behind cannot be found now: %s", error)
                is_failing = True
                await asyncio.sleep(_FIRST_RETRY_SECONDS)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            if not (chosen := self._choose(loop.time())):
                await self._wait(min(self._due.values(), default=None))
                continue
            started = loop.time()
            lines = [chosen[number::_CONCURRENCY] for number in range(_CONCURRENCY)]
            async with create_task_group() as tasks:
                for line in lines:
                    tasks.start_soon(self._project_all, line)
            await asyncio.sleep((loop.time() - started) * (1 / self._share - 1))

    async def _wait(self, until: float | None) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._woken.wait()
        except TimeoutError:
            pass

    def _choose(self, now: float) -> list[str]:
        """Take some documents out of the line: first those that nobody has touched lately, and channels."""
        self._resting = {name: until for name, until in self._resting.items() if until > now - REST_SECONDS}
        ready = [name for name, due in self._due.items() if due <= now]
        ready.sort(key=lambda name: (self._resting.get(name, 0), name))
        for name in ready[:AT_ONCE]:
            del self._due[name]
        return ready[:AT_ONCE]

    async def _project_all(self, names: Sequence[str]) -> None:
        for name in names:
            await self._project(name)

    async def _project(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        pause = REST_SECONDS
        try:
            with span("project document"):
                await self._projector.follow(name)
            self._failures.pop(name, None)
        except Overtaken:
            self._put_in_line([name])
        except Exception as error:
            # The edge: whatever it is, the other documents go on (R7).
            failures = self._failures.get(name, 0)
            self._failures[name] = failures + 1
            pause = min(_FIRST_RETRY_SECONDS * 2**failures, _LAST_RETRY_SECONDS)
            if isinstance(error, StorageError):
                logger.error("document %s is not projected: %s", name, error)  # noqa: TRY400
            else:
                logger.exception("document %s is not projected", name)
        self._resting[name] = loop.time() + pause
