"""A loop whose time passes only when nothing is left to do: hours take seconds, always the same way."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

LONGEST_SECONDS = 3600.0
"""Virtual, and more than any story has."""


class Standstill(Exception):
    """Everybody waits, and nothing will ever happen."""


class _Selector(selectors.SelectSelector):
    """Waits for no time at all, and says how long it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Standstill
        self.waited += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return the seconds that have been waited for."""
        return self._virtual.waited


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a story in virtual time; what fails in a callback of the loop fails the story."""
    faults: list[BaseException] = []

    def note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        faults.append(context.get("exception") or AssertionError(context["message"]))

    async def play() -> None:
        asyncio.get_running_loop().set_exception_handler(note)
        async with asyncio.timeout(LONGEST_SECONDS):
            await story

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        try:
            runner.run(play())
        except BaseException as error:
            if faults:
                raise faults[0] from error
            raise
    if faults:
        raise faults[0]
