"""Keeps the documents of channels small: moves what is older than the live window into the archive.

The live window is so many messages, and so many days; pinned messages stay. One process at a time does it,
as one of the server's own peers. What cannot be moved now is moved the next time.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from blocks import channel
from crdt.errors import CrdtError
from crdt.hub import Hub
from crdt.peer import Replica
from crdt.ports import DocumentName
from server.background.leadership import LEASE_SECONDS, Leadership
from server.message_archive import MessageArchive
from server.projections.archived import ARCHIVIST
from storage.engine import Database
from storage.errors import StorageError
from storage.paging import each_row

logger = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
"""How often all channels are looked at."""

AT_ONCE = 200
"""Messages that leave a document with one edit."""

MANY = 1000
MANY_AT_ONCE = 4000
"""Likewise where there are that many to leave: an edit waits for the rows, which takes longer the more is
said, and costs what the whole document costs."""

_PAGE = 500


class Archiving:
    """Moves messages of all channels."""

    def __init__(
        self,
        database: Database,
        hub: Hub,
        archive: MessageArchive,
        clock: Callable[[], datetime],
        *,
        live_messages: int,
        live_days: int,
        every_seconds: float = EVERY_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._hub = hub
        self._archive = archive
        self._clock = clock
        self._live_messages = live_messages
        self._live = timedelta(days=live_days)
        self._every_seconds = every_seconds
        self._leadership = Leadership(database, "archiving", lease_seconds=lease_seconds)

    async def run(self) -> None:
        """Move whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._work)

    async def _work(self) -> None:
        while True:
            await self.move_all()
            await asyncio.sleep(self._every_seconds)

    async def move_all(self) -> int:
        """Move what has to be moved now, in all channels; return how many messages that were."""
        moved = 0
        overlong = each_row(
            self._database,
            lambda uow, after, limit: uow.messages.overlong(
                more_than=self._live_messages, before=self._oldest_id(), after=after, limit=limit
            ),
            lambda channel_id: channel_id,
            _PAGE,
        )
        try:
            async for channel_id in overlong:
                moved += await self._move_in(f"channel:{channel_id}")
        except StorageError as error:
            logger.warning("messages cannot be archived now: %s", error)
        return moved

    async def _move_in(self, document: str) -> int:
        """Move what one channel has too much of."""
        moved = 0
        try:
            async with self._hub.join(DocumentName(document), ARCHIVIST) as replica:
                await self._archive.adopt(replica)
                while leaving := self._leaving(replica):
                    size = MANY_AT_ONCE if len(leaving) >= MANY else AT_ONCE
                    count = await self._archive.move(replica, leaving[:size])
                    if not count:
                        break
                    moved += count
        except CrdtError as error:
            logger.warning("document %s: its messages cannot be archived now: %s", document, error)
        return moved

    def _leaving(self, replica: Replica) -> list[str]:
        """Return the messages that are to leave, oldest first."""
        pinned = channel.read_pins(replica.doc)
        there = [key for key in channel.message_ids(replica.doc) if key not in pinned]
        too_many = len(there) - self._live_messages
        oldest = str(self._oldest_id())
        return [key for index, key in enumerate(there) if index < too_many or key < oldest]

    def _oldest_id(self) -> UUID:
        """Return the least id that a message of the live window can have."""
        milliseconds = int((self._clock() - self._live).timestamp() * 1000)
        return UUID(int=milliseconds << 80)
