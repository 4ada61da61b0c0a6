"""Leases for the jobs of one process: what they ask for at the same time is one transaction.

A server has a dozen jobs of which only one process may do each; they begin, renew and end together.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar
from weakref import WeakKeyDictionary

import msgspec

from storage.engine import Database
from storage.errors import StorageError


class _Asked(msgspec.Struct, frozen=True):
    name: str
    holder: str
    duration: timedelta | None
    """None to give the lease back."""
    done: asyncio.Future[bool]


class LeaseTable:
    """The leases of one database."""

    _tables: ClassVar[WeakKeyDictionary[Database, "LeaseTable"]] = WeakKeyDictionary()

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: list[_Asked] = []
        self._worker: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, database: Database) -> "LeaseTable":
        """Return the one table that all who ask for leases of a database share."""
        return cls._tables.setdefault(database, cls(database))

    async def acquire(self, name: str, holder: str, duration: timedelta) -> bool:
        """Take or renew a lease; False while somebody else has it. Raises StorageError."""
        return await self._ask(name, holder, duration)

    async def release(self, name: str, holder: str) -> None:
        """Give a lease back, if it is still the holder's. Raises StorageError."""
        await self._ask(name, holder, None)

    async def _ask(self, name: str, holder: str, duration: timedelta | None) -> bool:
        loop = asyncio.get_running_loop()
        asked = _Asked(name, holder, duration, loop.create_future())
        self._asked.append(asked)
        if self._worker is None:
            self._worker = loop.create_task(self._work(), name="leases")
        return await asked.done

    async def _work(self) -> None:
        """Answer until nobody asks."""
        try:
            await asyncio.sleep(0)  # others who were woken at this moment ask too
            while self._asked:
                batch = {asked.name: asked for asked in reversed(self._asked)}
                self._asked = [asked for asked in self._asked if batch[asked.name] is not asked]
                await self._answer(batch)
        finally:
            self._worker = None

    async def _answer(self, batch: Mapping[str, _Asked]) -> None:
        wanted = {name: (one.holder, one.duration) for name, one in batch.items() if one.duration is not None}
        try:
            async with self._database.transaction() as uow:
                await uow.leases.release_all([(n, one.holder) for n, one in batch.items() if n not in wanted])
                had = await uow.leases.acquire_all(wanted)
        except StorageError as error:
            for asked in batch.values():
                if not asked.done.done():
                    asked.done.set_exception(error)
        else:
            for asked in batch.values():
                if not asked.done.done():
                    asked.done.set_result(asked.name in had)
