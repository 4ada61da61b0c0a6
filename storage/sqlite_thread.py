"""A plain connection to SQLite in a thread of its own: one way there and back for a whole piece of work."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class SqliteThread:
    """The thread. A failed call closes the connection, the next one opens another.

    An executor of the standard library makes a lock, two futures and half a dozen calls of each piece of
    work, which is as much as a small commit takes.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], name: str) -> None:
        self._connect = connect
        self._name = name
        self._asked: SimpleQueue[tuple[asyncio.Future[Any], Callable[[sqlite3.Connection], Any]] | None] = (
            SimpleQueue()
        )
        self._thread: Thread | None = None
        self._connection: sqlite3.Connection | None = None

    async def run(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Run an action in the thread; a caller that is cancelled leaves it to its end there."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.put((done, action))
        return await done

    async def close(self) -> None:
        """End the thread after what is queued, and close the connection."""
        if self._thread is not None:
            self._asked.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            done, action = asked
            result, error = None, None
            try:
                if self._connection is None:
                    self._connection = self._connect()
                result = action(self._connection)
            except BaseException as failure:  # noqa: BLE001 - whoever asked hears of it
                # Rolls back what was begun, whatever state the failure left.
                self._disconnect()
                error = failure
            with suppress(RuntimeError):  # the loop may have ended without waiting for this
                done.get_loop().call_soon_threadsafe(_tell, done, result, error)
            del asked, done, action, result, error  # else held until something more is asked
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _tell(done: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
