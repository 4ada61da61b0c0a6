"""Removes contents of files that nobody knows: of uploads that broke off, and of what was deleted."""

import logging
from datetime import timedelta

from server.background.leadership import Leadership
from server.background.pacing import again_and_again
from server.files import file_id_of, part_id_of
from storage.engine import Database
from storage.files import FileStore

logger = logging.getLogger(__name__)

EVERY_SECONDS = 6 * 3600.0
AGE = timedelta(hours=24)
"""An upload is over by then, and its row is written or never will be."""


class Orphans:
    """Looks through the store, in the one process that leads."""

    def __init__(self, database: Database, store: FileStore) -> None:
        self._database = database
        self._store = store
        self._leadership = Leadership(database, "files")

    async def run(self) -> None:
        """Collect again and again, until the task is cancelled."""
        await self._leadership.lead(self._collect_forever)

    async def collect(self) -> int:
        """Collect once; return how many objects went."""
        old = self._database.clock() - AGE
        gone = await self._store.remove_leftovers(old)
        async for found in self._store.list_parts():
            keys = [one.key for one in found if one.modified_at < old]
            files = {key: owner for key in keys if (owner := file_id_of(key)) is not None}
            parts = {key: owner for key in keys if (owner := part_id_of(key)) is not None}
            async with self._database.read() as uow:
                existing = await uow.file_space.existing(set(files.values()))
                existing |= await uow.upload_progress.existing_parts(set(parts.values()))
            for key, owner in (files | parts).items():
                if owner not in existing:
                    await self._store.delete(key)
                    gone += 1
        return gone

    async def _collect_forever(self) -> None:
        await again_and_again(self._collect_some, EVERY_SECONDS, "files without a row are not collected")

    async def _collect_some(self) -> None:
        if gone := await self.collect():
            logger.info("%d objects without a file were removed", gone)
