"""Lets the branches follow that somebody has open in this process: what comes into their pages reaches them.

Each process does this for its own rooms; a branch that nobody has open follows when it is opened or read. A
process without open branches does nothing but look whether there are any.
"""

import asyncio
import logging
from collections.abc import Collection
from uuid import UUID

import anyio

from crdt.hub import Hub
from server.suggestions import Suggestions
from storage.engine import Database
from storage.errors import StorageError
from storage.update_log import UpdateLog

logger = logging.getLogger(__name__)

KIND = "suggestion:"

EVERY_SECONDS = 0.5
"""How long what another process wrote into a page takes at most to be noticed."""

REST_SECONDS = 0.1
"""Between two looks, however busy a page is."""


class Branches:
    """The open branches of one process."""

    def __init__(self, database: Database, log: UpdateLog, hub: Hub, suggestions: Suggestions) -> None:
        self._database = database
        self._hub = hub
        self._suggestions = suggestions
        self._pages: frozenset[str] = frozenset()
        """The documents of the pages that are followed."""
        self._woken = asyncio.Event()
        log.on_commit.append(self._hear)

    def _hear(self, addresses: Collection[str]) -> None:
        if self._pages and any(address.partition("#")[0] in self._pages for address in addresses):
            self._woken.set()

    async def run(self) -> None:
        """Look again and again, until the task is cancelled."""
        while True:
            self._woken.clear()
            try:
                await self.look()
            except StorageError as error:
                logger.warning("branches wait for the database: %s", error)
            except Exception:  # the edge of a task
                logger.exception("branches could not follow")
            await asyncio.sleep(REST_SECONDS)
            with anyio.move_on_after(EVERY_SECONDS):
                await self._woken.wait()

    async def look(self) -> None:
        """Bring the open branches up to their pages."""
        ids = [UUID(name.removeprefix(KIND)) for name, count in self._hub.peers(KIND).items() if count]
        if not ids:
            self._pages = frozenset()
            return
        async with self._database.read() as uow:
            pages = await uow.suggestions.pages_of(ids)
            behind = await uow.suggestions.behind(ids)
        self._pages = frozenset(f"page:{page_id}" for page_id in pages.values())
        for suggestion_id in behind:
            try:
                await self._suggestions.follow(suggestion_id)
            except StorageError:
                raise
            except Exception:  # one branch may not hold up the others
                logger.exception("%s%s could not follow", KIND, suggestion_id)
        if behind:
            await self._hub.look()
