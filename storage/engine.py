"""The database: SQLite in a file or Postgres, behind one class.

Owns addresses, pools, the write gate and units of work. Knows no tables and runs no queries of its own.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, cast
from uuid import UUID

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from storage import dialects, sqlite
from storage.errors import InvalidDatabaseUrlError
from storage.failures import translated
from storage.ids import Uuid7
from storage.looks import Look, Ts
from storage.pools import PatientPool, SqlitePool
from storage.sqlite import Durability
from storage.sqlite_connections import SqliteConnection, SqliteConnections
from storage.sqlite_thread import SqliteThread
from storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:  # the driver is loaded only where Postgres is used
    from storage.postgres import PostgresConnection


def _now() -> datetime:
    return datetime.now(UTC)


class Database:
    """A database that is open between `async with` and its end.

    `url` is `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user:password@host/name`; the
    options in the latter's query part are those of libpq. Opening fails with a `StorageError` if the database
    cannot be reached or written; it creates a missing SQLite file, but not its folder, and no tables.
    `str(database)` names it to people, without credentials.
    """

    def __init__(
        self,
        url: str,
        *,
        durability: Durability = "process",
        pool_size: int = 8,
        busy_seconds: float = sqlite.BUSY_SECONDS,
        clock: Callable[[], datetime] = _now,
        new_id: Callable[[], UUID] | None = None,
    ) -> None:
        parsed = _parse(url)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        self.kind: Literal["sqlite", "postgres"] = "sqlite" if is_sqlite else "postgres"
        self.path: Path | None = Path(parsed.database or "") if is_sqlite else None
        self.durability: Durability = durability
        self.busy_seconds = busy_seconds
        self.clock = clock
        self.new_id = new_id or Uuid7()
        self.on_events: list[Callable[[Collection[UUID], Collection[str]], None]] = []
        """Called with the workspaces that a unit of this process has given events, after its commit, and with
        the types of these events."""
        self._dsn = parsed.render_as_string(hide_password=False)
        self._label = _label(parsed)
        # SQLite has one writer at a time. Waiting here is in order of arrival and costs nothing; its own busy
        # handler, where other processes still meet, polls and lets anybody pass.
        self._gate = asyncio.Lock()
        self._sqlite_connections: list[SqliteConnections] = []
        self._looker: SqliteThread | AsyncEngine
        self._asker: SqliteThread | AsyncEngine
        if self.path is not None:
            self._writer = self._sqlite_engine(self.path, "BEGIN IMMEDIATE", pool_size=1)
            self._reader = self._sqlite_engine(self.path, "BEGIN", pool_size, "PRAGMA query_only = ON")
            self._looker = SqliteThread(self.connect_sqlite, "looks")
            self._asker = SqliteThread(self.connect_sqlite, "asks")
        else:
            self._writer = create_async_engine(
                f"{dialects.POSTGRES}://",
                async_creator=self.connect_postgres,
                execution_options={"compiled_cache": dialects.COMPILED},
                poolclass=PatientPool,
                pool_size=pool_size,
                pool_use_lifo=True,
                pool_pre_ping=True,
                hide_parameters=True,
            )
            # One snapshot for the whole unit, so that several queries agree with each other.
            self._reader = self._writer.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._looker = self._asker = self._writer.execution_options(isolation_level="AUTOCOMMIT")

    def __str__(self) -> str:
        return self._label

    @property
    def engine(self) -> AsyncEngine:
        """The writing engine, for migrations and checks. Everything else goes through a unit of work."""
        return self._writer

    async def __aenter__(self) -> Self:
        if self.path is not None:
            await asyncio.to_thread(sqlite.prepare, self.path, self.durability)
        else:
            connection = await self.connect_postgres()
            await connection.close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for thread in (self._looker, self._asker):
            if isinstance(thread, SqliteThread):
                await thread.close()
        await self._writer.dispose()
        await self._reader.dispose()
        for connections in self._sqlite_connections:
            await connections.close()

    def write_gate(self) -> AbstractAsyncContextManager[object]:
        """Hold this during each write transaction on SQLite; it does nothing on Postgres.

        Not re-entrant. Whoever holds it waits for nothing but the database.
        """
        return self._gate if self.kind == "sqlite" else nullcontext()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[UnitOfWork]:
        """Open a unit of work that commits at the end of its block and rolls back on an exception.

        Failures of the database, also those in the block, come out as errors of `storage.errors`.
        """
        with translated(self._label):
            async with self.write_gate(), AsyncSession(self._writer, expire_on_commit=False) as session:
                uow = UnitOfWork(session, self.clock(), self.new_id)
                yield uow
                await uow.events.announce()
                await session.commit()
        for follow in uow.after_commit:
            follow()
        if uow.events.touched:
            for tell in self.on_events:
                tell(uow.events.touched, uow.events.types)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[UnitOfWork]:
        """Open a unit of work that sees one moment of the database, waits for no writer and cannot write."""
        with translated(self._label):
            async with AsyncSession(self._reader, expire_on_commit=False) as session:
                yield UnitOfWork(session, self.clock(), self.new_id)

    async def look(self, look: Look[*Ts], **parameters: object) -> Sequence[tuple[*Ts]]:
        """Return the rows of a query that is asked again and again, for a small part of what `read` costs.

        On SQLite it passes by SQLAlchemy and its pool, on Postgres it has no transaction around it: mostly it
        is asked while nothing happens, and finds nothing.
        """
        return await self._run(self._looker, look, parameters)

    async def ask(self, look: Look[*Ts], **parameters: object) -> Sequence[tuple[*Ts]]:
        """Like `look`, for a few rows that somebody waits for: no look at whole tables is in front of it."""
        return await self._run(self._asker, look, parameters)

    async def _run(
        self, by: SqliteThread | AsyncEngine, look: Look[*Ts], parameters: dict[str, object]
    ) -> Sequence[tuple[*Ts]]:
        with translated(self._label):
            if isinstance(by, SqliteThread):
                sql, values, read = look.prepared(self._reader.dialect, parameters)
                return read(await by.run(lambda file: file.execute(sql, values).fetchall()))
            async with by.connect() as connection:
                found = await connection.execute(look.statement, parameters)
                return cast("list[tuple[*Ts]]", [tuple(row) for row in found])

    def connect_sqlite(self) -> sqlite3.Connection:
        """Open a plain connection to the file; blocks."""
        assert self.path is not None
        return sqlite.connect(self.path, self.durability, self.busy_seconds)

    async def connect_postgres(self) -> "PostgresConnection":
        """Open a plain connection to the server."""
        from storage import postgres

        return await postgres.connect(self._dsn, self._label)

    def _sqlite_engine(self, path: Path, begin: str, pool_size: int, *more_pragmas: str) -> AsyncEngine:
        pragmas = (*sqlite.pragmas(self.durability, self.busy_seconds), *more_pragmas)
        connections = SqliteConnections(path, pragmas)
        self._sqlite_connections.append(connections)
        engine = create_async_engine(
            URL.create(dialects.SQLITE, database=str(path)),
            async_creator=connections.connect,
            execution_options={"compiled_cache": dialects.COMPILED},
            poolclass=SqlitePool,
            pool_size=pool_size,
            max_overflow=0,
            # Each has its own pages, statements and schema in memory: only as many of them as are needed at a
            # time come to have much.
            pool_use_lifo=True,
            hide_parameters=True,
        )

        def begin_transaction(connection: Connection) -> None:
            driver = cast(SqliteConnection, connection.connection.driver_connection)
            driver.begin_with_next(begin)

        event.listen(engine.sync_engine, "begin", begin_transaction)
        return engine


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The original's message would repeat a password.
        raise InvalidDatabaseUrlError("the address of the database is not a URL") from None
    if parsed.drivername in {"postgres", "postgresql", "postgresql+asyncpg"}:
        return parsed.set(drivername="postgresql")
    if parsed.drivername not in {"sqlite", "sqlite+aiosqlite"}:
        raise InvalidDatabaseUrlError(
            f"a database of the kind {parsed.drivername!r} cannot be used, only sqlite and postgresql"
        )
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        raise InvalidDatabaseUrlError(
            "SQLite needs the path of a file: sqlite:///path or sqlite:////absolute/path"
        )
    return parsed.set(drivername="sqlite", query={})


def _label(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{url.host or 'localhost'}{port}/{url.database or ''}"
