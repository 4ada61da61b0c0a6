"""The pooled connections to SQLite. Owns their threads: each ends once, and all of them with the database.

A connection has a thread of its own, and going there and back costs more than most queries. aiosqlite goes
for the cursor, for the query, for its rows and for the cursor's end; here one way does for all four, and for
the beginning of a transaction with its first query.

aiosqlite queues an order to stop behind the last one, and its thread takes the first alone: whoever waits for
another waits for ever. SQLAlchemy gives both where a query is cancelled and then the closing of its
connection, as a cancelled task group does, which cancels every wait of its tasks.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast
from weakref import WeakSet

import aiosqlite

P = ParamSpec("P")
T = TypeVar("T")

_ITER_CHUNK_SIZE = 64

_ROWS_AT_ONCE = 256
"""Rows that come along with the answer to a query. Whoever reads a long one as a stream asks for the rest."""


class SqliteConnections:
    """Makes the connections to one file, which SQLAlchemy pools; each runs `pragmas` first."""

    def __init__(self, path: Path, pragmas: Sequence[str] = ()) -> None:
        self._path = path
        self._pragmas = pragmas
        self._open: WeakSet[SqliteConnection] = WeakSet()
        self._ending: set[asyncio.Future[Any]] = set()

    async def connect(self) -> "SqliteConnection":
        """Open a connection in autocommit mode: the caller says how a transaction begins.

        The driver would begin by itself, late and deferred; and a deferred transaction that turns to writing
        fails at once if another has written since, whatever the busy timeout.
        """
        connection = SqliteConnection(self._path, self._pragmas, self._ending)
        self._open.add(connection)
        await connection
        return connection

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


def _connect(path: Path, pragmas: Sequence[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, factory=_EndingConnection
    )
    try:
        for pragma in pragmas:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteConnection(aiosqlite.Connection):
    """A connection that begins transactions when asked, and can be told to stop any number of times."""

    def __init__(self, path: Path, pragmas: Sequence[str], ending: set[asyncio.Future[Any]]) -> None:
        super().__init__(lambda: _connect(path, pragmas), _ITER_CHUNK_SIZE)
        self._thread.daemon = True  # nothing of it outlives the process
        self._ending = ending
        self._begin: str | None = None
        self._is_stopping = False
        self._stopped: asyncio.Future[Any] | None = None

    def cursor(self) -> "_Cursor":  # pyright: ignore[reportIncompatibleMethodOverride] - SQLAlchemy enters it at once
        """Return a cursor, which goes to the thread with its first query."""
        return _Cursor(self)

    def begin_with_next(self, begin: str) -> None:
        """Run `begin` ahead of the next query of a cursor, should there be one before the end."""
        self._begin = begin

    async def commit(self) -> None:
        """End the transaction and keep it."""
        if self._begin is None:
            await super().commit()
        self._begin = None

    async def rollback(self) -> None:
        """End the transaction and undo it; the pool asks for that once more, when there is none."""
        if self._begin is None and self.in_transaction:
            await super().rollback()
        self._begin = None

    async def run(self, action: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Do something in the connection's thread; raises ValueError when the connection is closed."""
        return cast(T, await self._execute(action, *arguments, **named))  # pyright: ignore[reportUnknownMemberType] - untyped

    async def query(
        self, take: Callable[[sqlite3.Cursor], None], sql: str, parameters: Any, *, many: bool
    ) -> None:
        """Run a query and have its cursor taken, in the connection's thread."""
        begin, self._begin = self._begin, None

        def ask() -> None:
            connection = self._conn
            if begin is not None:
                connection.execute(begin)
            take(connection.executemany(sql, parameters) if many else connection.execute(sql, parameters))

        try:
            await self.run(ask)
        except sqlite3.Error:
            # Where it did not even begin, nothing may run outside of a transaction.
            if not self.in_transaction:
                self._begin = begin
            raise

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


class _Cursor:
    """What SQLAlchemy uses of a cursor. The first rows come along with the query's answer."""

    def __init__(self, connection: SqliteConnection) -> None:
        self.arraysize = 1
        self._connection = connection
        self._rows: deque[Any] = deque()
        self._made: sqlite3.Cursor | None = None
        self._has_more = False

    @property
    def description(self) -> tuple[Any, ...] | None:
        """The columns of the last query, if it has rows."""
        return None if self._made is None else self._made.description

    @property
    def rowcount(self) -> int:
        """How many rows the last query has changed; -1 where it is not known."""
        return -1 if self._made is None else self._made.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The number of the row that was inserted last."""
        return None if self._made is None else self._made.lastrowid

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:
        """Run a query."""
        self._has_more = True  # for all that is known here, should this wait be cancelled
        await self._connection.query(self._take, sql, parameters, many=False)
        return self

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Self:
        """Run a query with one set of parameters after another."""
        await self._connection.query(self._take, sql, parameters, many=True)
        return self

    async def fetchone(self) -> Any:
        """Return the next row, or None behind the last one."""
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return so many rows, fewer at the end."""
        size = self.arraysize if size is None else size
        if self._has_more and len(self._rows) < size:
            await self._connection.run(self._read, size)
        return [self._rows.popleft() for _ in range(min(size, len(self._rows)))]

    async def fetchall(self) -> list[Any]:
        """Return all further rows."""
        if self._has_more:
            await self._connection.run(self._read, None)
        rows = list(self._rows)
        self._rows.clear()
        return rows

    async def close(self) -> None:
        """Let go of the query, also if not all of its rows were read."""
        self._rows.clear()
        if self._has_more:
            await self._connection.run(self._end)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # What follows runs in the connection's thread.

    def _take(self, made: sqlite3.Cursor) -> None:
        self._end()
        self._rows.clear()
        self._made = made
        self._has_more = self._made.description is not None
        if self._has_more:
            self._read(_ROWS_AT_ONCE)

    def _read(self, size: int | None) -> None:
        assert self._made is not None
        found = self._made if size is None else islice(self._made, size)
        before = len(self._rows)
        self._rows.extend(found)
        if size is None or len(self._rows) - before < size:
            self._end()

    def _end(self) -> None:
        self._has_more = False
        if self._made is not None:
            self._made.close()
