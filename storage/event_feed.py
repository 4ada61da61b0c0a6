"""Wakes those who follow the events: says which workspaces have new ones, whatever process wrote them.

A hint and no more. Followers read the events themselves and keep their own positions, so one that hears too
often does no harm; one who hears nothing is told to look everywhere once in a while. A commit of this process
is heard at once, one of another by NOTIFY on Postgres, and on SQLite by looking at the newest events.
"""

import asyncio
import logging
from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import msgspec

from storage.engine import Database
from storage.errors import StorageError
from storage.event_window import EventWindow
from storage.events import CHANNEL, HEADS
from storage.ids import earliest_id
from storage.lazy_cursors import LazyCursors

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How long a process takes to hear of another one's events on SQLite."""

LOOK_BACK = timedelta(seconds=15)
"""Ids are made some time before their commit; this is far more than any transaction lasts."""

EVERYWHERE_SECONDS = 60.0
"""After this time without a word followers look everywhere: a notice may have been lost."""

RETRY_SECONDS = 2.0

MAX_WORKSPACES = 10_000
"""A follower that is told of more without having asked looks everywhere instead."""


class News(msgspec.Struct, frozen=True):
    """Where to look: in these workspaces, or in all."""

    workspaces: frozenset[UUID] = frozenset()
    is_everywhere: bool = False
    is_over: bool = False
    """Whether the process ends, and with it the feed."""


class Subscription:
    """What one follower has not been told yet. It begins with a look everywhere."""

    def __init__(self, workspace_id: UUID | None, concerning: tuple[str, ...]) -> None:
        self.workspace_id = workspace_id
        self._concerning = concerning
        self._touched: set[UUID] = set()
        self._is_everywhere = True
        self._is_over = False
        self._woken = asyncio.Event()
        self._woken.set()

    async def next(self, timeout_seconds: float = EVERYWHERE_SECONDS) -> News:
        """Wait for news; when the time is over, there are none.

        Without any for `EVERYWHERE_SECONDS` the news is to look everywhere.
        """
        try:
            async with asyncio.timeout(min(timeout_seconds, EVERYWHERE_SECONDS)):
                await self._woken.wait()
        except TimeoutError:
            return News(is_everywhere=timeout_seconds >= EVERYWHERE_SECONDS)
        news = News(frozenset(self._touched), self._is_everywhere, self._is_over)
        self._touched.clear()
        self._is_everywhere = False
        self._woken.clear()
        return news

    def touch(self, workspaces: Collection[UUID], types: Collection[str] | None = None) -> None:
        """Take note of workspaces with new events, of these types if they are known."""
        is_known = self._concerning and types is not None
        if is_known and not any(type.startswith(self._concerning) for type in types or ()):
            return
        if self.workspace_id is not None:
            workspaces = [self.workspace_id] if self.workspace_id in workspaces else []
        if not workspaces:
            return
        self._touched.update(workspaces)
        if len(self._touched) > MAX_WORKSPACES:
            self._touched.clear()
            self._is_everywhere = True
        self._woken.set()

    def touch_all(self) -> None:
        """Take note that nobody knows where there are new events."""
        self._is_everywhere = True
        self._woken.set()

    def end(self) -> None:
        """Take note that the process ends."""
        self._is_over = True
        self._woken.set()


class EventFeed:
    """The feed of one process. `run` keeps it alive; without it only this process's own events are heard."""

    def __init__(self, database: Database) -> None:
        self.window = EventWindow(database)
        self.cursors = LazyCursors(database)
        self._database = database
        self._subscriptions: set[Subscription] = set()
        self._heads: dict[UUID, int] = {}
        self._is_over = False
        database.on_events.append(self._tell)

    @contextmanager
    def subscribe(
        self, workspace_id: UUID | None = None, *, concerning: tuple[str, ...] = ()
    ) -> Generator[Subscription]:
        """Follow one workspace, or all; or no more of them than what types of events tell that begin so.

        Of events of other processes the types are not known, so they are told in any case.
        """
        subscription = Subscription(workspace_id, concerning)
        if self._is_over:
            subscription.end()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    async def run(self) -> None:
        """Listen for other processes, until the task is cancelled."""
        is_failing = False
        while True:
            try:
                await (self._listen() if self._database.kind == "postgres" else self._look())
                is_failing = False
                await asyncio.sleep(LOOK_SECONDS)
            except StorageError:
                if not is_failing:
                    logger.exception("events of other processes cannot be heard")
                is_failing = True
                await asyncio.sleep(RETRY_SECONDS)

    def review(self) -> None:
        """Have those who follow one workspace look: what they may see of it may have changed."""
        for subscription in self._subscriptions:
            if subscription.workspace_id is not None:
                subscription.touch_all()

    def close(self) -> None:
        """Tell every follower, also one that comes later, that it is over."""
        self._is_over = True
        for subscription in self._subscriptions:
            subscription.end()

    def _tell(self, workspaces: Collection[UUID], types: Collection[str] | None = None) -> None:
        self.window.touch(workspaces)
        for subscription in self._subscriptions:
            subscription.touch(workspaces, types)

    async def _listen(self) -> None:
        """Hear notices until the connection ends."""
        connection = await self._database.connect_postgres()
        ended = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: ended.set())
            await connection.add_listener(CHANNEL, lambda _connection, _pid, _channel, ids: self._hear(ids))
            self.window.touch_all()  # what happened while nobody listened
            for subscription in self._subscriptions:
                subscription.touch_all()
            await ended.wait()
        finally:
            connection.terminate()

    def _hear(self, notice: str) -> None:
        self._tell({UUID(text) for text in notice.split(",")})

    async def _look(self) -> None:
        """Look at the newest events, and tell what is new in them."""
        if not self._subscriptions:
            return
        since = earliest_id(self._database.new_id(), LOOK_BACK)
        heads = dict(await self._database.look(HEADS, since=since))
        self._tell({where for where, head in heads.items() if self._heads.get(where) != head})
        self._heads = heads
