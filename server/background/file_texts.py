"""Reads files for the search, each once, whatever way they came: uploads, imports, restored backups.

A file that the store does not give is tried again, and in the end found by its name alone.
"""

import logging
from collections import Counter
from uuid import UUID

from server.background.leadership import Leadership
from server.background.pacing import at_news
from server.file_texts import TextReading
from storage.engine import Database
from storage.errors import FilesUnavailableError
from storage.event_feed import EventFeed
from storage.models import File
from storage.paging import each_row
from storage.search.index import MAX_TEXT_CHARACTERS

logger = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
MOST_TRIES = 5
_AT_ONCE = 20


class FileReading:
    """Follows the files that have not been read, in one process at a time."""

    def __init__(self, database: Database, feed: EventFeed, texts: TextReading) -> None:
        self._database = database
        self._feed = feed
        self._texts = texts
        self._leadership = Leadership(database, "file-texts")
        self._tries = Counter[UUID]()

    async def run(self) -> None:
        """Follow whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._follow)

    async def read_all(self) -> None:
        """Read what has not been read. Raises StorageError."""
        unread = each_row(
            self._database,
            lambda uow, after, limit: uow.file_texts.unread(after=after, limit=limit),
            lambda file: file.id,
            _AT_ONCE,
        )
        async for file in unread:
            await self._read(file)

    async def _follow(self) -> None:
        await at_news(
            self._feed, self.read_all, EVERY_SECONDS, "files are not read now", concerning=("file.",)
        )

    async def _read(self, file: File) -> None:
        try:
            text = await self._texts.read(file, MAX_TEXT_CHARACTERS)
        except FilesUnavailableError as error:
            self._tries[file.id] += 1
            if self._tries[file.id] < MOST_TRIES:
                logger.warning("the file %s is not read now: %s", file.id, error)
                return
            logger.warning("the file %s is found by its name alone: %s", file.id, error)
            text = None
        self._tries.pop(file.id, None)
        async with self._database.transaction() as uow:
            await uow.file_texts.finish(file, text or "", uow.search)
