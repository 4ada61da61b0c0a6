"""The pooled connections to SQLite. Owns their threads: each ends once, and all of them with the database.

aiosqlite queues an order to stop behind the last one, and its thread takes the first alone: whoever waits for
another waits for ever. SQLAlchemy gives both where a query is cancelled and then the closing of its
connection, as a cancelled task group does, which cancels every wait of its tasks.
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet

import aiosqlite

_ITER_CHUNK_SIZE = 64


class SqliteConnections:
    """Makes the connections to one file, which SQLAlchemy pools."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: WeakSet[_Connection] = WeakSet()
        self._ending: set[asyncio.Future[Any]] = set()

    async def connect(self) -> aiosqlite.Connection:
        """Open a connection in autocommit mode: the caller says BEGIN.

        The driver would begin by itself, late and deferred; and a deferred transaction that turns to writing
        fails at once if another has written since, whatever the busy timeout.
        """
        connection = _Connection(self._path, self._ending)
        self._open.add(connection)
        return await connection

    async def close(self) -> None:
        """Close what is open, also what was lost, and wait until every thread has ended.

        A thread that ended later would find its loop closed.
        """
        for connection in list(self._open):
            connection.stop()
        if self._ending:
            await asyncio.wait(self._ending)


class _EndingConnection(sqlite3.Connection):
    """A connection whose transaction ends with it.

    SQLite keeps a closed connection, and its lock on the file, for as long as one of its statements is held:
    by the traceback of the query that was cancelled, say.
    """

    def close(self) -> None:
        if self.in_transaction:
            self.rollback()
        super().close()


class _Connection(aiosqlite.Connection):
    """A connection that can be told to stop any number of times."""

    def __init__(self, path: Path, ending: set[asyncio.Future[Any]]) -> None:
        super().__init__(
            lambda: sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, factory=_EndingConnection
            ),
            _ITER_CHUNK_SIZE,
        )
        self._thread.daemon = True  # nothing of it outlives the process
        self._ending = ending
        self._is_stopping = False
        self._stopped: asyncio.Future[Any] | None = None

    async def close(self) -> None:
        """Close the connection behind what it is doing, and wait for that."""
        if (stopped := self.stop()) is not None:
            await stopped

    def stop(self) -> "asyncio.Future[Any] | None":
        """Close the connection behind what it is doing; the future gives its end, to each who asks."""
        if not self._is_stopping:
            self._is_stopping = True
            stopped = cast("asyncio.Future[Any] | None", super().stop())  # pyright: ignore[reportUnknownMemberType] - half typed
            if stopped is not None:
                self._stopped = stopped
                self._ending.add(stopped)
                stopped.add_done_callback(self._ending.discard)
        return None if self._stopped is None else asyncio.shield(self._stopped)
