"""The history of the tables: one for SQLite and Postgres, run from inside the program.

A revision is a file in `versions/`, named `NNNN_what.py`, written by hand and never changed once released; it
imports no models, which go on changing. `tests/storage/test_migrations.py` tells whether the newest revision
gives the tables that the models describe.

What compares the database with the program knows nothing of alembic: that is loaded by `upgrade_on` only,
which a server has done by a child process, as it takes memory and is not needed again.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import msgspec
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.engine import Database
from storage.errors import SchemaOutdatedError, StorageError
from storage.failures import translated

# Any number that no other program uses for an advisory lock in the same database: "ionflux" in ASCII.
_LOCK_KEY = int.from_bytes(b"ionflux")

_HERE = Path(__file__).parent

_WAIT_SECONDS = 60
"""For another process that upgrades the same SQLite file; on Postgres there is no end to it."""


class SchemaStatus(msgspec.Struct, frozen=True):
    """The revision of the tables (None before the first one) and the one this program was written for."""

    current: str | None
    head: str

    @property
    def is_current(self) -> bool:
        """Tell whether the two are the same."""
        return self.current == self.head

    @property
    def error(self) -> SchemaOutdatedError:
        """What to say when they are not."""
        is_newer = self.current is not None and not _is_known(self.current)
        return SchemaOutdatedError(self.current, self.head, is_newer=is_newer)


async def status(database: Database) -> SchemaStatus:
    """Compare the database with this program."""
    with translated(str(database)):
        async with database.engine.connect() as connection:
            current = await connection.run_sync(_current)
    return SchemaStatus(current=current, head=_head())


async def require_current(database: Database) -> None:
    """Raise SchemaOutdatedError unless the tables are those of this program."""
    found = await status(database)
    if not found.is_current:
        raise found.error


async def require_current_on(connection: AsyncConnection) -> None:
    """Raise SchemaOutdatedError unless a transaction that is open sees the tables of this program."""
    found = SchemaStatus(current=await connection.run_sync(_current), head=_head())
    if not found.is_current:
        raise found.error


def require_known(revision: str) -> None:
    """Raise SchemaOutdatedError for a revision that this program does not have."""
    if not _is_known(revision):
        raise SchemaStatus(current=revision, head=_head()).error


async def upgrade(database: Database) -> SchemaStatus:
    """Bring the tables to this program's revision, all or nothing; does nothing where they are.

    Any number of processes may do this at once: one works, the others wait and find it done. Returns the
    status that was found. A database that a newer program has upgraded raises SchemaOutdatedError.
    """
    with translated(str(database)):
        async with database.write_gate(), exclusive(database) as connection:
            found = SchemaStatus(current=await connection.run_sync(_current), head=_head())
            if found.current is not None and not _is_known(found.current):
                raise found.error
            if not found.is_current:
                await connection.run_sync(upgrade_on)
    return found


@asynccontextmanager
async def exclusive(database: Database) -> AsyncGenerator[AsyncConnection]:
    """Open a transaction that keeps other migrations out, until its end.

    SQLite checks references at the end only.
    """
    async with database.engine.connect() as connection:
        if database.kind == "postgres":
            async with connection.begin():
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
                yield connection
            return
        # Altering a table in SQLite may mean to copy and drop it, and dropping would cascade to whatever
        # references it. The pragma has no effect inside a transaction, hence the detour.
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute("PRAGMA foreign_keys = OFF")
        await driver.execute(f"PRAGMA busy_timeout = {_WAIT_SECONDS * 1000}")
        try:
            async with connection.begin():
                yield connection
                broken = (await connection.execute(text("PRAGMA foreign_key_check"))).first()
                if broken is not None:
                    raise StorageError(f"the migration would break a reference of the table {broken[0]}")
        finally:
            await driver.execute(f"PRAGMA busy_timeout = {int(database.busy_seconds * 1000)}")
            await driver.execute("PRAGMA foreign_keys = ON")


@cache
def _revisions() -> list[str]:
    """Return all of this program, the newest last: the files say it by their names."""
    return sorted(path.name.partition("_")[0] for path in (_HERE / "versions").glob("[0-9]*_*.py"))


def _head() -> str:
    return _revisions()[-1]


def _is_known(revision: str) -> bool:
    return revision in _revisions()


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade_on(connection: Connection, revision: str = "head") -> None:
    """Bring the tables to a revision, in a transaction that is open and that nobody else migrates in."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    # The option is interpolated as in an ini file.
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
