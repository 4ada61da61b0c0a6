"""Lets one of several processes do a job that only one may do at a time; the others stand by."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

from anyio import CancelScope, create_task_group

from storage.engine import Database
from storage.errors import StorageError
from storage.lease_table import LeaseTable

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""How long a job rests after the process that did it was killed."""


class Leadership:
    """A job's lease, as one process sees it.

    A leader that cannot renew the lease stops before it ends. A process that was suspended may still wake up
    beside the next leader, so what the job writes has to notice that by itself.
    """

    def __init__(self, database: Database, name: str, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._leases = LeaseTable.of(database)
        self._name = name
        self._seconds = lease_seconds
        self._holder = uuid4().hex

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work whenever nobody else does, until the task is cancelled.

        Work that fails is logged and begun again, by whoever has the lease then.
        """
        try:
            while True:
                if await self._acquire():
                    await self._work_while_leading(work)
                await asyncio.sleep(self._seconds / 3)
        finally:
            with CancelScope(shield=True):
                await self._release()

    async def _work_while_leading(self, work: Callable[[], Awaitable[None]]) -> None:
        async with create_task_group() as tasks:

            async def work_guarded() -> None:
                try:
                    await work()
                except Exception:
                    logger.exception("%s failed and will begin again", self._name)
                tasks.cancel_scope.cancel()

            tasks.start_soon(work_guarded)
            await self._keep()
            tasks.cancel_scope.cancel()

    async def _keep(self) -> None:
        """Renew the lease for as long as that works."""
        now = asyncio.get_running_loop().time
        safe_until = now() + self._seconds * 2 / 3
        while now() < safe_until:
            await asyncio.sleep(self._seconds / 3)
            asked = now()
            if await self._acquire():
                safe_until = asked + self._seconds * 2 / 3

    async def _acquire(self) -> bool:
        try:
            return await self._leases.acquire(self._name, self._holder, timedelta(seconds=self._seconds))
        except StorageError as error:
            logger.warning("the lease of %s cannot be had: %s", self._name, error)
            return False

    async def _release(self) -> None:
        try:
            await self._leases.release(self._name, self._holder)
        except StorageError as error:
            logger.warning("the lease of %s ends by itself: %s", self._name, error)
