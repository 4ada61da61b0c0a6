"""Forgets client ids that were announced long ago and never wrote (rule A7).

Every visit to a document announces one. Whoever has not written by then begins a new document in the browser,
with another.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from server.background.pacing import again_and_again
from storage.engine import Database

ANNOUNCED_FOR = timedelta(days=30)
EVERY_SECONDS = 6 * 3600.0


class Forgetting:
    """Cleans the table of client ids; any number of processes may do so at once."""

    def __init__(
        self, database: Database, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._database = database
        self._sleep = sleep

    async def run(self) -> None:
        """Forget again and again, until the task is cancelled."""
        await again_and_again(
            self.forget,
            EVERY_SECONDS,
            "client ids cannot be forgotten now; it will be tried again",
            sleep=self._sleep,
        )

    async def forget(self) -> None:
        """Forget once."""
        async with self._database.transaction() as uow:
            await uow.client_ids.forget_announced(ANNOUNCED_FOR)
