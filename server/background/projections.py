"""Keeps the rows of what documents contain up to their logs, in one process at a time.

The leader hears of its own process's commits at once. What other processes write it finds by comparing all
heads with what is projected; that takes longer the more documents there are, and so comes less often then.
The work takes a part of the time at most: a busy process serves people first, and a process that does nothing
else (the role `worker` alone) rests little. What somebody waits for goes ahead of what is typed into all the
time: a message, a comment, and the first edits of a page.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection, Sequence, Set

from anyio import create_task_group

from server.background.leadership import LEASE_SECONDS, Leadership
from server.background.pacing import Cost, lasted
from server.offload import child_seconds
from server.projections.projector import Projector
from server.spans import span
from storage.engine import Database
from storage.errors import StorageError
from storage.repositories.projections import BEHIND, TOLD_EVERY, Overtaken
from storage.update_log import UpdateLog

logger = logging.getLogger(__name__)

EVERY_SECONDS = 0.5
"""How often all documents are looked at, for what other processes have written."""

REST_SECONDS = 0.8
"""How long a page rests that is edited all the time: its rows follow within a second."""

CHANNEL_SHARE = 0.25
"""Which part of the time one channel may take, or the comments on one page. They rest as long as that needs,
and no longer than pages: messages come one by one, and commands wait to be answered."""

LEAST_REST_SECONDS = 0.05

MOST_SHARE = 0.5
"""Which part of the time any document may take, however long that lets it rest: the child is for all."""

LONGEST_REST_SECONDS = 60.0

LOOK_SHARE = 0.05
"""Which part of the time may go into looking at all documents."""

SHARED = 0.35
"""Which part of the time may go into projections where the process serves people, too."""

DEDICATED = 0.9
"""Likewise where it does not."""

AWAITED = 1.7
"""How many times as much may go into what somebody waits for."""

CREDIT_SECONDS = 2.0
"""Of the time that nothing was done in, what may be made up for without a rest."""

BESIDE = 2.0
"""How much work costs for each second that it keeps the loop: the database's threads work, too."""

_CONCURRENCY = 4
"""Pieces of work at the same time: a large document, read in the child, does not hold up small ones."""

_TOGETHER = 32
"""Pages that are looked at in one piece of work, as long as nothing of them has a row."""

_GATHER_SECONDS = 0.1
"""From one such piece of work to the next, where nobody waits for it."""

_UNCHANGED_SHARE = 0.05
"""Which part of the time these pieces may take: there is nothing that would come later by that."""

_LONGEST_GATHER_SECONDS = 2.0
"""For there may be something, which would."""

_ALONE_SECONDS = 5.0
"""How long a page is not looked at with others after something in it had a row."""

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
        self._due: dict[str, bool] = {}
        """Documents in line, in their order, and whether somebody may wait for their rows."""
        self._resting: dict[str, float] = {}
        """Document -> until when it rests, whatever happens, in the loop's time."""
        self._active: set[str] = set()
        self._pieces = 0
        """Of work that is done now."""
        self._alone: dict[str, float] = {}
        """Pages in which something had a row, and until when they are not looked at with others; others that
        cannot be, until one of them was followed by itself and is kept here."""
        self._begin_typed_at = 0.0
        """When the work so far, with what it waited for here, will have taken no more than its share."""
        self._begin_together_at = 0.0
        """Likewise for pages that are looked at together."""
        self._begin_awaited_at = 0.0
        """Likewise with what somebody waits for, and its cost alone, however busy the process is."""
        self._waits_until = 0.0
        self._failures: dict[str, int] = {}
        log.on_commit.append(self._hear)

    async def run(self) -> None:
        """Follow whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._follow)

    def _hear(self, addresses: Collection[str]) -> None:
        if self._is_leading:
            self._put_in_line([address.partition("#")[0] for address in addresses])

    def _put_in_line(self, names: Sequence[str]) -> None:
        now = asyncio.get_running_loop().time()
        for name in names:
            if name not in self._due and not name.startswith("inbox:"):
                # Nobody waits for a page that is typed into all the time.
                was_there = name in self._active or self._resting.get(name, 0.0) > now - REST_SECONDS
                self._due[name] = not name.startswith("page:") or not was_there
                if self._may_begin_at(name) < self._waits_until:
                    self._woken.set()

    async def _follow(self) -> None:
        self._due.clear()
        self._resting.clear()
        self._failures.clear()
        self._active.clear()
        self._alone.clear()
        self._pieces = 0
        self._loop = asyncio.get_running_loop()
        self._begin_typed_at = self._begin_together_at = self._begin_awaited_at = self._waits_until = 0.0
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
            await asyncio.sleep(max(EVERY_SECONDS, lasted(started, loop.time()) / LOOK_SHARE))

    async def _find_due(self) -> None:
        now = asyncio.get_running_loop().time()
        self._resting = {name: until for name, until in self._resting.items() if until > now - REST_SECONDS}
        self._alone = {name: until for name, until in self._alone.items() if until > now}
        after = 0
        while True:
            told_before = self._database.clock() - TOLD_EVERY
            found = await self._database.look(BEHIND, after=after, told_before=told_before, limit=_PAGE)
            self._put_in_line([name for _, name in found])
            if len(found) < _PAGE:
                break
            after = found[-1][0]

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
        async with create_task_group() as tasks:
            while True:
                self._woken.clear()
                if self._pieces < _CONCURRENCY and (names := self._choose(loop.time())):
                    is_awaited = [self._due.pop(name) for name in names][0]  # noqa: RUF015 - all leave the line
                    self._active.update(names)
                    self._pieces += 1
                    if len(names) == 1 and (is_awaited or not self._may_be_unchanged(names[0])):
                        tasks.start_soon(self._project, names[0], is_awaited)
                    else:
                        self._begin_together_at = loop.time() + _GATHER_SECONDS
                        tasks.start_soon(self._project_together, names, is_awaited)
                else:
                    await self._wait()

    async def _wait(self) -> None:
        """Wait until a piece of work is done, or the next one may begin."""
        self._waits_until = math.inf
        if self._pieces < _CONCURRENCY:
            begins = (self._may_begin_at(name) for name in self._due if name not in self._active)
            self._waits_until = min(begins, default=math.inf)
        try:
            async with asyncio.timeout_at(self._waits_until if self._waits_until < math.inf else None):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._waits_until = 0.0

    @staticmethod
    def _later(begin_at: float, since: float, seconds: float) -> float:
        return max(begin_at, since - CREDIT_SECONDS) + seconds

    def _choose(self, now: float) -> list[str]:
        """Return documents that may begin: of those that somebody waits for, or else of the others."""
        if min(self._begin_awaited_at, self._begin_typed_at) > now:
            return []
        ready = [name for name in self._due if name not in self._active and self._may_begin_at(name) <= now]
        chosen = [name for name in ready if self._due[name]] or ready
        if chosen and self._may_be_unchanged(chosen[0]):
            return [name for name in chosen if self._may_be_unchanged(name)][:_TOGETHER]
        return chosen[:1]

    def _may_be_unchanged(self, name: str) -> bool:
        return name.startswith("page:") and self._alone.get(name, 0.0) <= self._loop.time()

    def _may_begin_at(self, name: str) -> float:
        begin_at = self._resting.get(name, 0.0)
        if self._due[name]:
            return max(begin_at, self._begin_awaited_at)
        if self._may_be_unchanged(name):
            begin_at = max(begin_at, self._begin_together_at)
        return max(begin_at, self._begin_typed_at)

    async def _project_together(self, names: list[str], is_awaited: bool) -> None:
        """Project those pages that need no rows written, and have the others wait for their turn each."""
        started = self._loop.time()
        cost = Cost()
        done: Set[str] = frozenset()
        with_rows: Set[str] = frozenset()
        try:
            with span("project documents"):
                done, with_rows = await cost.of(self._projector.follow_unchanged(names))
        except Exception as error:  # noqa: BLE001 - in a turn of its own, each tells what is wrong with it (R7)
            logger.info("%d pages are not projected together: %r", len(names), error)
        for name in names:
            if name in done:
                self._resting[name] = started + REST_SECONDS
            else:
                self._alone[name] = started + _ALONE_SECONDS if name in with_rows else math.inf
                self._due[name] = is_awaited or self._due.get(name, False)
        rest = min(BESIDE * cost.seconds / _UNCHANGED_SHARE, _LONGEST_GATHER_SECONDS)
        self._begin_together_at = max(self._begin_together_at, started + rest)
        self._end(names, started, cost, is_awaited=is_awaited)

    async def _project(self, name: str, is_awaited: bool) -> None:
        started = self._loop.time()
        cost = Cost()
        failure_pause = 0.0
        try:
            with span("project document"):
                is_like_others = await cost.of(self._projector.follow(name))
            self._failures.pop(name, None)
            if is_like_others and self._alone.get(name) == math.inf:
                del self._alone[name]
        except Overtaken:
            self._due[name] = is_awaited or self._due.get(name, False)
        except Exception as error:
            # The edge: whatever it is, the other documents go on (R7).
            failures = self._failures.get(name, 0)
            self._failures[name] = failures + 1
            failure_pause = min(_FIRST_RETRY_SECONDS * 2**failures, _LAST_RETRY_SECONDS)
            if isinstance(error, StorageError):
                logger.error("document %s is not projected: %s", name, error)  # noqa: TRY400
            else:
                logger.exception("document %s is not projected", name)
        spent, in_child = BESIDE * cost.seconds, child_seconds.get()
        rest = max(_rest_of(name, spent), min((spent + in_child) / MOST_SHARE, LONGEST_REST_SECONDS))
        self._resting[name] = max(self._loop.time() + failure_pause, started + rest)
        self._end([name], started, cost, is_awaited=is_awaited)

    def _end(self, names: Sequence[str], started: float, cost: Cost, *, is_awaited: bool) -> None:
        # Of those that wait at the same time, each has its part of that.
        waited = lasted(started, self._loop.time() - child_seconds.get()) / _CONCURRENCY
        self._begin_typed_at = self._later(self._begin_typed_at, started, waited / self._share)
        if is_awaited:
            self._begin_awaited_at = self._later(
                self._begin_awaited_at, started, BESIDE * cost.seconds / (AWAITED * self._share)
            )
        self._active.difference_update(names)
        self._pieces -= 1
        self._woken.set()


def _rest_of(name: str, spent: float) -> float:
    """Return how long a document rests from the beginning of work that cost so much."""
    if name.startswith("page:"):
        return REST_SECONDS
    return min(max(spent / CHANNEL_SHARE, LEAST_REST_SECONDS), REST_SECONDS)
