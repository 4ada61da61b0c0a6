"""Holding what only one may work on at a time, in whatever process, for as long as that takes."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from server.errors import ConflictError
from storage.engine import Database
from storage.errors import StorageError

LEASE = timedelta(seconds=30)
_TRIES = 100
_TRY_SECONDS = 0.1


@asynccontextmanager
async def hold(database: Database, name: str, busy: str) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    """Hold a name; gives what makes sure of that, for the moment before something is written.

    Both raise ConflictError with the words `busy`: where somebody else has it for too long, and where
    somebody has had it meanwhile, while this process was suspended, say.
    """
    holder = secrets.token_hex(8)

    async def make_sure() -> None:
        async with database.transaction() as uow:
            is_held = await uow.leases.renew(name, holder, LEASE)
        if not is_held:
            raise ConflictError(busy, code="busy")

    async def renew() -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            with suppress(StorageError, ConflictError):
                await make_sure()

    for _ in range(_TRIES):
        async with database.transaction() as uow:
            if await uow.leases.acquire(name, holder, LEASE):
                break
        await asyncio.sleep(_TRY_SECONDS)
    else:
        raise ConflictError(busy, code="busy")
    renewing = asyncio.create_task(renew())
    try:
        yield make_sure
    finally:
        renewing.cancel()
        async with database.transaction() as uow:
            await uow.leases.release(name, holder)
