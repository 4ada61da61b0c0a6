"""Waiting for what the server's background work does: it tells nobody when it has, so one looks again."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar, overload

T = TypeVar("T")

_PAUSE_SECONDS = 0.02


@overload
async def until(look: Callable[[], Awaitable[T | None]], *, seconds: float = ...) -> T: ...


@overload
async def until(look: Callable[[], T | None], *, seconds: float = ...) -> T: ...


async def until(look: Callable[[], Any], *, seconds: float = 30) -> Any:
    """Look until there is something (nothing: None, False, no items), at most for so long; return it."""
    async with asyncio.timeout(seconds):
        while True:
            found = look()
            if isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(_PAUSE_SECONDS)  # nothing would set an event
