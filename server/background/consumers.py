"""Follows the events of all workspaces for one consumer, in order, at least once and with nothing left out.

The consumer's writes and its cursor's move are one transaction, so what it writes to the database happens
once. What leaves the database may happen again after a crash: it goes into a table of its own first.
Events that are nothing to a consumer cost no transaction: its cursor follows later (`storage.lazy_cursors`).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from anyio import CancelScope

from server.background.leadership import LEASE_SECONDS, Leadership
from server.spans import span
from storage.engine import Database
from storage.errors import StorageError
from storage.event_feed import EVERYWHERE_SECONDS, EventFeed, News
from storage.event_window import PAGE
from storage.models import Event
from storage.paging import each_row
from storage.repositories.consumers import Beginning
from storage.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

BATCH = PAGE
"""Events of one transaction, and of one workspace before another one has its turn."""

FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 300.0

_PAGE = 500


class Consumer(Protocol):
    """Somebody who follows the events."""

    @property
    def name(self) -> str:
        """Its cursor's name, which never changes."""
        ...

    @property
    def beginning(self) -> Beginning:
        """What it gets of the time before it was known."""
        ...

    async def wants(self, events: Sequence[Event]) -> bool:
        """Tell whether any of some events of one workspace is something to it; all are handled then.

        What was nothing to it may be asked about again after a crash.
        """
        ...

    async def handle(self, uow: UnitOfWork, events: Sequence[Event]) -> int | None:
        """Do what follows from events of one workspace, in their order; if it fails they come again.

        Quick, and within the transaction alone: everybody who writes may be waiting. Who has much to write
        returns after a part how many of the events are done, 0 too: what was written is kept, and the rest of
        them come again.
        """
        ...


class Overtaken(Exception):
    """Another process has moved the cursor; nothing of this batch is kept."""


class Following:
    """One consumer's way along the events, in the one process that leads it."""

    def __init__(
        self,
        database: Database,
        feed: EventFeed,
        consumer: Consumer,
        *,
        first_retry_seconds: float = FIRST_RETRY_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._feed = feed
        self._consumer = consumer
        self._leadership = Leadership(database, f"events:{consumer.name}", lease_seconds=lease_seconds)
        self._first_retry_seconds = first_retry_seconds
        self._waiting: deque[UUID] = deque()
        self._failures: dict[UUID, int] = {}
        self._due: dict[UUID, float] = {}

    async def run(self) -> None:
        """Follow whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._follow)

    async def _follow(self) -> None:
        async with self._database.transaction() as uow:
            await uow.consumers.register(self._consumer.name, self._consumer.beginning)
        self._feed.cursors.begin(self._consumer.name)
        self._waiting.clear()
        self._failures.clear()
        self._due.clear()
        try:
            with self._feed.subscribe() as subscription:
                while not (news := await subscription.next(self._patience())).is_over:
                    await self._take_up(news)
                    await self._work_off()
                    if self._feed.cursors.patience() == 0:
                        await self._bring_up_cursors()
        finally:
            with CancelScope(shield=True):
                await self._bring_up_cursors()

    async def _bring_up_cursors(self) -> None:
        try:
            await self._feed.cursors.flush()
        except StorageError as error:
            logger.warning("the cursors of consumers stay behind for now: %s", error)

    def _patience(self) -> float:
        """Return how long nothing has to be done, seconds."""
        if self._waiting:
            return 0
        now = asyncio.get_running_loop().time()
        cursors = self._feed.cursors.patience()
        pauses = [due - now for due in self._due.values()] + ([cursors] if cursors is not None else [])
        return max(0, min([EVERYWHERE_SECONDS, *pauses]))

    async def _take_up(self, news: News) -> None:
        """Put the workspaces in line that have something to do; one that failed waits for its time."""
        now = asyncio.get_running_loop().time()
        found = set(news.workspaces) | {where for where, due in self._due.items() if due <= now}
        if news.is_everywhere:
            await self._bring_up_cursors()
            found |= await self._behind()
            self._feed.window.touch(found)
        for where in sorted(found - set(self._waiting)):
            if self._due.get(where, now) <= now:
                self._due.pop(where, None)
                self._waiting.append(where)

    async def _behind(self) -> set[UUID]:
        behind = each_row(
            self._database,
            lambda uow, after, limit: uow.consumers.behind(self._consumer.name, after=after, limit=limit),
            lambda workspace_id: workspace_id,
            _PAGE,
        )
        return {workspace_id async for workspace_id in behind}

    async def _work_off(self) -> None:
        """Take one batch of each workspace in line; what is left over takes its next turn."""
        for _ in range(len(self._waiting)):
            where = self._waiting.popleft()
            try:
                if await self._take_batch(where):
                    self._waiting.append(where)
                self._failures.pop(where, None)
            except Overtaken:
                raise
            except StorageError as error:
                self._postpone(where, str(error))
            except Exception as error:
                self._postpone(where, repr(error))
                logger.exception("an event could not be handled")

    async def _take_batch(self, workspace_id: UUID) -> bool:
        """Handle up to `BATCH` events of a workspace; tell whether there may be more."""
        name, cursors = self._consumer.name, self._feed.cursors
        known = cursors.known(name, workspace_id)
        seen = await cursors.read(name, workspace_id) if known is None else known
        events = await self._feed.window.after(workspace_id, seen)
        if not events:
            return False
        last = events[-1].position
        if not await self._consumer.wants(events):
            cursors.skip(name, workspace_id, last)
            return len(events) == BATCH
        async with self._database.transaction() as uow:
            if not await uow.workspaces.keep(workspace_id):
                return False
            # Then the cursor: whoever comes second waits here, and finds it moved.
            if not await cursors.move(uow, name, workspace_id, last):
                if known is None:
                    raise Overtaken
                return True  # it was moved at some time since: once more, from where it is now
            with span("consume events", consumer=name, events=len(events)):
                done = await self._consumer.handle(uow, events)
            if done is None or done == len(events):
                return len(events) == BATCH
            position = events[done - 1].position if done else seen
            await cursors.move_back(uow, name, workspace_id, last, position)
        return True

    def _postpone(self, workspace_id: UUID, reason: str) -> None:
        """Let a workspace wait, longer each time; the others go on."""
        failures = self._failures.get(workspace_id, 0)
        pause = min(self._first_retry_seconds * 2**failures, LAST_RETRY_SECONDS)
        self._failures[workspace_id] = failures + 1
        self._due[workspace_id] = asyncio.get_running_loop().time() + pause
        logger.error(
            "%s cannot handle events of the workspace %s and tries again in %.0f s: %s",
            self._consumer.name,
            workspace_id,
            pause,
            reason,
        )
