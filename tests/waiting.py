"""Waiting for what the server's background work does: it tells nobody when it has, so one looks again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_SECONDS = 0.02


async def until(look: Callable[[], Awaitable[T | None]], *, seconds: float = 20) -> T:
    """Look until there is something, neither None nor False, at most for so long; return it."""
    async with asyncio.timeout(seconds):
        while (found := await look()) is None or found is False:  # noqa: ASYNC110 - nothing would set an event
            await asyncio.sleep(_PAUSE_SECONDS)
    return found
