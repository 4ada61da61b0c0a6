"""Tells the live core of changed access, whatever process changed it (rule A3)."""

import asyncio
import logging
from collections.abc import Container
from datetime import timedelta
from uuid import UUID

from crdt.hub import Hub
from storage.callers import parse_document_name
from storage.engine import Database
from storage.event_feed import EventFeed
from storage.repositories.access_changes import NOTED

logger = logging.getLogger(__name__)

EVERY_SECONDS = 0.4
"""With the time that a decision takes, a change reaches open sockets within a second."""

LOOK_BACK = timedelta(minutes=2)
"""Transactions become visible in another order than they were stamped in, by clocks that differ: this is more
than any lasts, with that."""

FORGET_AFTER = timedelta(hours=1)
FORGET_EVERY = 1000
"""Looks between two clean-ups."""


class _Everything(Container[str]):
    """Targets among which everybody and every document is."""

    def __contains__(self, target: object) -> bool:
        return True


class AccessWatch:
    """Reads what was noted since it last could, and has hub and feed decide anew on what is new of it.

    Where it could not for so long that some of it may be forgotten, they decide anew on everybody.
    """

    def __init__(self, database: Database, hub: Hub, feed: EventFeed) -> None:
        self._database = database
        self._hub = hub
        self._feed = feed
        self._seen: set[UUID] = set()
        self._read_at = database.clock()
        """When what was noted was read the last time."""
        self._looks = 0

    async def run(self) -> None:
        """Look again and again, until the task is cancelled."""
        is_failing = False
        while True:
            try:
                await self.look()
                is_failing = False
            except Exception:  # whatever it is: without this nobody would be sent away any more
                if not is_failing:
                    logger.exception("changes of access cannot be read")
                is_failing = True
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Look once."""
        now = self._database.clock()
        noted = await self._database.look(NOTED, since=self._read_at - LOOK_BACK)
        news = {target for id_, target in noted if id_ not in self._seen}
        parsed = [found for target in news if (found := parse_document_name(target))]
        pages = [id_ for kind, id_ in parsed if kind == "page"]
        if pages and self._hub.peers("suggestion:"):
            # The rights on a branch are those on its page.
            async with self._database.read() as uow:
                news.update(await uow.suggestions.branches_of(pages))
        is_all_there = now - self._read_at < FORGET_AFTER - LOOK_BACK
        self._read_at, self._seen = now, {id_ for id_, _ in noted}
        if news or not is_all_there:
            self._hub.review(news if is_all_there else _Everything())
            self._feed.review()
        self._looks += 1
        if self._looks % FORGET_EVERY == 0:
            async with self._database.transaction() as uow:
                await uow.access_changes.forget_older_than(FORGET_AFTER)
