"""Ends uploads that nobody has gone on with in time, and gives their room back."""

import logging

from server.background.pacing import again_and_again
from server.uploads import Uploads
from storage.engine import Database

logger = logging.getLogger(__name__)

EVERY_SECONDS = 600.0
AT_ONCE = 100


class ExpiredUploads:
    """Looks for them; any number of processes may do so at once."""

    def __init__(self, database: Database, uploads: Uploads) -> None:
        self._database = database
        self._uploads = uploads

    async def run(self) -> None:
        """End them again and again, until the task is cancelled."""
        await again_and_again(self._end_some, EVERY_SECONDS, "expired uploads are not ended now")

    async def _end_some(self) -> None:
        if gone := await self.end():
            logger.info("%d uploads have expired", gone)

    async def end(self) -> int:
        """End them once; return how many there were."""
        gone = 0
        while True:
            async with self._database.read() as uow:
                expired = await uow.upload_progress.expired(AT_ONCE)
            for upload_id in expired:
                gone += await self._uploads.end(upload_id) is not None
            if len(expired) < AT_ONCE:
                return gone
