"""Where work runs that would hold the event loop up: in a child process, one piece at a time.

pycrdt keeps the interpreter to itself, so a thread would not do. The child is started when it is first needed
and ends with the loop, or after five idle minutes.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from time import monotonic
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_process

P = ParamSpec("P")
T = TypeVar("T")

SMALL_BYTES = 128 * 1024
"""What is done in a few milliseconds: faster here than on its way to the child."""

_ROW_BYTES = 20
"""What a row costs besides its bytes."""

child_seconds: ContextVar[float] = ContextVar("child_seconds", default=0.0)
"""How long the child has worked for the present task."""


class Offload:
    """Runs module-level functions whose arguments and results can be pickled."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(1)
        self._starting: asyncio.Task[None] | None = None

    async def run(self, size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function on `size` bytes of input: here when they are few, else in the child.

        Whoever is cancelled ends the child with the work.
        """
        if size <= SMALL_BYTES:
            return function(*args, **kwargs)
        return await self.run_in_child(function, *args, **kwargs)

    async def run_in_child(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the child: on much, or on what the child has kept of what it did before."""
        call: Callable[[], T] = partial(function, *args, **kwargs)
        async with self._limiter:
            await self._have_child()
            started = monotonic()
            result = await to_process.run_sync(call, cancellable=True)
            child_seconds.set(child_seconds.get() + monotonic() - started)
            return result

    async def _have_child(self) -> None:
        """Wait until there is a child with nothing to do.

        Whoever is cancelled meanwhile leaves it to the next one: anyio forgets a child that it was starting,
        which then stays for ever, and on a busy machine everybody would begin with starting another.
        """
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(to_process.run_sync(_do_nothing))
            # Where everybody who waits for it is cancelled, it may fail unseen: that the child is gone.
            self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._starting)


def size_of(snapshot: bytes | None, rows: Sequence[bytes]) -> int:
    """Return what a part of a log counts as."""
    return len(snapshot or b"") + sum(len(row) + _ROW_BYTES for row in rows)


def _do_nothing() -> None:
    """Be there."""
