"""When background work is done: again and again, or whenever something has happened. A database that fails is
waited for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from storage.errors import StorageError
from storage.event_feed import EventFeed

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""After a failure of the database."""


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
