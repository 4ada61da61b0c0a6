"""When background work is done: again and again, or whenever something has happened. A database that fails is
waited for. And what work costs the loop, for who does no more of it than a part of the time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from time import thread_time
from types import coroutine
from typing import Any, TypeVar

from storage.errors import StorageError
from storage.event_feed import EventFeed

logger = logging.getLogger(__name__)

T = TypeVar("T")

PAUSE_SECONDS = 1.0
"""After a failure of the database."""

LONGEST_SECONDS = 2.0
"""No work is taken to have lasted longer."""


async def again_and_again(
    work: Callable[[], Awaitable[object]],
    seconds: float,
    complaint: str,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Do some work every so many seconds, until the task is cancelled; complain where the database fails."""
    while True:
        try:
            await work()
        except StorageError as error:
            logger.warning("%s: %s", complaint, error)
        await sleep(seconds)


async def at_news(
    feed: EventFeed,
    work: Callable[[], Awaitable[object]],
    seconds: float,
    complaint: str,
    *,
    concerning: tuple[str, ...] = (),
) -> None:
    """Do some work at events (whose types begin so), and every so many seconds, until the feed is over."""
    with feed.subscribe(concerning=concerning) as subscription:
        while not (await subscription.next(seconds)).is_over:
            try:
                await work()
            except StorageError as error:
                logger.warning("%s: %s", complaint, error)
                await asyncio.sleep(PAUSE_SECONDS)


def lasted(started: float, now: float) -> float:
    """Return how many seconds work has lasted for which others are to be given many times as many.

    A process that was stopped meanwhile, and goes on, would give them hours.
    """
    return min(now - started, LONGEST_SECONDS)


class Cost:
    """How much of the loop's CPU time some work takes, without what others do while it waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @coroutine
    def of(self, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Do the work, step by step as the loop would, and count each step."""
        step: Callable[[Any], Any] = work.send
        given: Any = None
        while True:
            started = thread_time()
            try:
                awaited = step(given)
            except StopIteration as end:
                return end.value
            finally:
                self.seconds += thread_time() - started
            try:
                step, given = work.send, (yield awaited)
            except BaseException as error:  # noqa: BLE001 - it is the work's: a cancellation, for instance
                step, given = work.throw, error
