"""Takes all rows out of a database, and puts them into another: what a backup is made of.

Out: every table as of one moment, beside whoever writes. In: all or nothing, into tables of the revision that
the rows were taken at, which are then brought to this program's; and each document begins a new epoch (D7).
"""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Table, delete, func, insert, inspect, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from storage import migrations
from storage.engine import Database
from storage.errors import BadRowsError, DatabaseNotEmptyError
from storage.failures import translated
from storage.models import (
    AgentRunLog,
    Document,
    DocumentProjection,
    EventCursor,
    File,
    Job,
    Model,
    User,
    Workspace,
)
from storage.portable import PortableTable, as_table, decode_rows, describe, encode_rows
from storage.repositories.documents import Documents
from storage.search.sources import SEARCH_CONSUMER

PART_BYTES = 4 * 1024 * 1024
"""Rows that are handed over together; a single row may be larger."""

RESTORED = "system:restore"
"""Who cancels runs that were open when the backup was taken."""

_ROWS_AT_ONCE = 500
_LARGE_ROWS_AT_ONCE = {"snapshots": 2, "updates": 100}
"""Rows that are fetched together, where one may have megabytes."""

_UNDESCRIBED = ("alembic_version", "search_terms")
"""Tables that migrations make and no model describes."""


class Part(msgspec.Struct, frozen=True):
    """Some rows of a table, as `storage.portable` encodes them."""

    table: str
    rows: int
    lines: bytes


class Shape(msgspec.Struct, frozen=True):
    """The tables that rows were taken from, each behind those that it refers to."""

    revision: str
    tables: list[PortableTable]


async def shape(database: Database) -> Shape:
    """Return the shape of this program's tables. Raises SchemaOutdatedError unless the database has them."""
    found = await migrations.status(database)
    if not found.is_current:
        raise found.error
    return Shape(found.head, [describe(table) for table in _copied_tables()])


async def copy_out(database: Database) -> AsyncGenerator[Part]:
    """Yield all rows as of the moment of the first step, table by table, but those of NOT_IN_BACKUPS."""
    async with database.read() as uow:
        # A migration may have come between the shape and this moment.
        await migrations.require_current_on(await uow.session.connection())
        for table in _copied_tables():
            async for part in _read(uow.session, table):
                yield part


async def copy_in(
    database: Database,
    shape: Shape,
    parts: AsyncIterable[Part],
    *,
    replace: bool = False,
    resumes_jobs: bool = False,
) -> None:
    """Make a database consist of these rows, in one transaction.

    Jobs that were not over are only ended by whoever does jobs next, unless `resumes_jobs`: where they came
    from they may have gone on, or go on still, and what they do outside would be done twice.

    Raises DatabaseNotEmptyError where there is something and `replace` does not say that it may go,
    SchemaOutdatedError for rows of a newer program, BadRowsError for rows that do not fit; then everything is
    as it was.
    """
    migrations.require_known(shape.revision)
    tables = {one.name: one for one in shape.tables}
    with translated(str(database)):
        async with database.write_gate(), migrations.exclusive(database) as connection:
            if not replace and await connection.run_sync(_holds_something):
                raise DatabaseNotEmptyError(str(database))
            await connection.run_sync(_drop, {*tables, *Model.metadata.tables, *_UNDESCRIBED})
            await connection.run_sync(migrations.upgrade_on, shape.revision)
            await _empty(connection, list(tables))
            later = await _defer_references(connection, list(tables))
            async for part in parts:
                await _write(connection, tables[part.table], part)
            await _check_references(connection, later)
            await _move_sequences(connection, shape.tables)
            await connection.run_sync(migrations.upgrade_on, "head")
            await _ask_for_search(connection)
            if not resumes_jobs:
                await _end_jobs(connection, database.clock())
            async with AsyncSession(connection) as session:
                await Documents(session, database.clock(), database.new_id).begin_epochs()


def _copied_tables() -> list[Table]:
    return [table for table in Model.metadata.sorted_tables if table.info.get("in_backups", True)]


async def _read(session: AsyncSession, table: Table) -> AsyncGenerator[Part]:
    rows, lines = 0, bytearray()
    at_once = _LARGE_ROWS_AT_ONCE.get(table.name, _ROWS_AT_ONCE)
    found = await session.stream(select(table).execution_options(yield_per=at_once))
    async for some in found.partitions():
        lines += encode_rows(some)
        rows += len(some)
        if len(lines) >= PART_BYTES:
            yield Part(table.name, rows, bytes(lines))
            rows, lines = 0, bytearray()
    if rows:
        yield Part(table.name, rows, bytes(lines))


async def _write(connection: AsyncConnection, described: PortableTable, part: Part) -> None:
    rows = decode_rows(described, part.lines)
    if len(rows) != part.rows:
        raise BadRowsError(part.table, f"{len(rows)} rows where {part.rows} were announced")
    table = as_table(described)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        await connection.execute(insert(table), rows[start : start + _ROWS_AT_ONCE])


async def _ask_for_search(connection: AsyncConnection) -> None:
    """Have what can be found read anew by the server that runs next: it is in no backup."""
    await connection.execute(update(DocumentProjection).values(is_stale=True))
    await connection.execute(update(File).values(is_text_read=False))
    await connection.execute(delete(EventCursor).where(EventCursor.consumer == SEARCH_CONSUMER))


async def _end_jobs(connection: AsyncConnection, now: datetime) -> None:
    """Have jobs end that were not over, and the runs of agents that they are tell why."""
    is_open = Job.state != "done"
    await connection.execute(
        update(AgentRunLog)
        .where(AgentRunLog.run_id.in_(select(Job.id).where(is_open)), AgentRunLog.end_time.is_(None))
        .values(cancelled_by=RESTORED, cancel_requested_at=now)
    )
    ended = {"is_cancelled": True, "state": "ready", "holder": None, "wake_at": None}
    await connection.execute(update(Job).where(is_open).values(**ended))


def _holds_something(connection: Connection) -> bool:
    """Tell whether anybody has used the database: fresh tables count as empty."""
    names = inspect(connection).get_table_names()
    return any(
        connection.execute(select(func.count()).select_from(model)).scalar_one()
        for model in (User, Workspace, Document)
        if model.__tablename__ in names
    )


def _drop(connection: Connection, names: set[str]) -> None:
    if connection.dialect.name == "postgresql":
        # Other programs may have tables beside ours.
        found = sorted(names & set(inspect(connection).get_table_names()))
        if found:
            connection.execute(text(f"DROP TABLE {', '.join(found)} CASCADE"))
        return
    # Virtual tables first: they take the tables along that they are made of.
    query = text(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND sql LIKE :sql"
    )
    for sql in ("CREATE VIRTUAL%", "%"):
        for (name,) in connection.execute(query, {"sql": sql}).all():
            connection.execute(text(f'DROP TABLE "{name}"'))


async def _empty(connection: AsyncConnection, names: Sequence[str]) -> None:
    """Take the rows away that the migrations themselves made."""
    for name in reversed(names):
        await connection.execute(text(f'DELETE FROM "{name}"'))


async def _defer_references(connection: AsyncConnection, names: Sequence[str]) -> list[tuple[str, str]]:
    """Let rows refer to rows that come later, where tables refer to themselves or to later ones.

    SQLite's references are off during this, and all of them checked at its end. Returns Postgres' constraints
    (table, name), to be given to `_check_references`.
    """
    if connection.dialect.name != "postgresql":
        return []
    found = await connection.execute(
        text(
            "SELECT conrelid::regclass::text, confrelid::regclass::text, conname FROM pg_constraint "
            "WHERE contype = 'f' AND connamespace = current_schema()::regnamespace"
        )
    )
    order = {name: index for index, name in enumerate(names)}
    later = [
        (table, name)
        for table, referred, name in found
        if table in order and referred in order and order[referred] >= order[table]
    ]
    for table, name in later:
        await connection.execute(
            text(f'ALTER TABLE "{table}" ALTER CONSTRAINT "{name}" DEFERRABLE INITIALLY DEFERRED')
        )
    return later


async def _check_references(connection: AsyncConnection, later: Sequence[tuple[str, str]]) -> None:
    if not later:
        return
    await connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    for table, name in later:
        await connection.execute(text(f'ALTER TABLE "{table}" ALTER CONSTRAINT "{name}" NOT DEFERRABLE'))


async def _move_sequences(connection: AsyncConnection, tables: Sequence[PortableTable]) -> None:
    """Let Postgres go on counting behind the ids that came in; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        for column in (one.name for one in table.columns if one.kind == "integer"):
            found = await connection.execute(
                text("SELECT pg_get_serial_sequence(:table, :column)"),
                {"table": f'"{table.name}"', "column": column},
            )
            if (sequence := found.scalar_one()) is not None:
                await connection.execute(
                    text(
                        f'SELECT setval(CAST(:sequence AS regclass), max("{column}")) FROM "{table.name}" '
                        f'HAVING max("{column}") IS NOT NULL'
                    ),
                    {"sequence": sequence},
                )
