"""Databases, their units of work and the write gate, on SQLite and Postgres."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from sqlalchemy import event, literal, select, text
from sqlalchemy.exc import StatementError

from storage import pools
from storage.engine import Database
from storage.errors import (
    ConstraintError,
    InvalidDatabaseUrlError,
    StoreUnavailableError,
    UnknownWorkspaceError,
)
from storage.models import Document, Membership, Model, User, Workspace
from storage.sqlite_connections import SqliteConnections
from storage.unit_of_work import UnitOfWork
from tests.services.databases import add_workspace


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "mysql://ann:secret@host/name", "sqlite://", "sqlite:///:memory:", "postgresql://:x:/"],
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(url: str):
    with pytest.raises(InvalidDatabaseUrlError) as caught:
        Database(url)
    assert "secret" not in str(caught.value)


def test_a_database_is_named_without_credentials():
    assert (
        str(Database("postgres://ann:secret@db.example:5433/ionflux"))
        == "postgresql://db.example:5433/ionflux"
    )
    assert str(Database("sqlite+aiosqlite:///data/ionflux.db")) == "data/ionflux.db"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("missing/ionflux.db", "there is no folder"), ("", "unable to open"), ("letter.db", "not a database")],
)
async def test_a_file_that_cannot_be_opened_is_one_clear_line(tmp_path: Path, path: str, reason: str):
    (tmp_path / "letter.db").write_text("Dear Ann, " * 500)
    with pytest.raises(StoreUnavailableError, match=reason) as caught:
        async with Database(f"sqlite:///{tmp_path}/{path}"):
            pass
    assert "\n" not in str(caught.value)


async def test_a_server_that_does_not_answer_is_one_clear_line():
    with pytest.raises(
        StoreUnavailableError, match=r"cannot reach the database postgresql://127\.0\.0\.1:1/none"
    ) as caught:
        async with Database("postgresql://ann:secret@127.0.0.1:1/none"):
            pass
    assert "\n" not in str(caught.value)


async def test_a_database_that_does_not_exist_is_told(postgres_url: str):
    with pytest.raises(StoreUnavailableError, match='"nowhere" does not exist'):
        async with Database(postgres_url.rsplit("/", 1)[0] + "/nowhere"):
            pass


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
async def test_D2_durability_sets_when_sqlite_syncs(sqlite_url: str, durability: str, level: int):
    assert durability in {"process", "power"}
    async with Database(sqlite_url, durability="power" if durability == "power" else "process") as database:
        async with database.engine.connect() as connection:
            assert (await connection.execute(text("PRAGMA synchronous"))).scalar() == level
            assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
            assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar() == 1
        plain = database.connect_sqlite()
        assert plain.execute("PRAGMA synchronous").fetchone() == (level,)
        plain.close()


async def test_a_unit_commits_at_its_end_and_rolls_back_on_an_exception(database: Database):
    async with database.transaction() as uow:
        await uow.documents.create("page:kept", None)

    async def fail() -> None:
        async with database.transaction() as uow:
            await uow.documents.create("page:lost", None)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await fail()
    async with database.read() as uow:
        kept = await uow.documents.get("page:kept")
        assert kept is not None
        assert kept.head == 0
        assert await uow.documents.get("page:lost") is None


async def test_a_reading_unit_sees_one_moment_and_cannot_write(database: Database):
    async with database.read() as uow:
        assert await uow.documents.get("page:a") is None
        async with database.transaction() as writing:
            await writing.documents.create("page:a", None)
        assert await uow.documents.get("page:a") is None
    with pytest.raises(Exception, match=r"read-?only"):
        async with database.read() as uow:
            await uow.documents.create("page:b", None)


async def test_a_violated_constraint_is_named(database: Database):
    workspace_id, user_id = await add_workspace(database)

    async def violate(make: Callable[[UnitOfWork], Model]) -> str | None:
        with pytest.raises(ConstraintError) as caught:
            async with database.transaction() as uow:
                uow.session.add(make(uow))
        return caught.value.constraint

    async with database.transaction() as uow:
        await uow.documents.create("page:a", None)
        uow.session.add(
            Membership(workspace_id=workspace_id, user_id=user_id, role="owner", created_at=uow.now)
        )
    assert await violate(lambda uow: Document(name="page:a", created_at=uow.now)) == "uq_documents_name"
    assert (
        await violate(
            lambda uow: Membership(
                workspace_id=workspace_id, user_id=user_id, role="guest", created_at=uow.now
            )
        )
        == "pk_memberships"
    )
    assert (
        await violate(
            lambda uow: User(
                id=uow.new_id(),
                email="Ann@example.org",
                name="Ann",
                password_hash="-",
                created_at=uow.now,
                updated_at=uow.now,
            )
        )
        == "ck_users_email_lower_case"
    )


async def test_deleting_a_workspace_takes_everything_in_it_along(database: Database):
    workspace_id, _ = await add_workspace(database)
    async with database.transaction() as uow:
        await uow.documents.create("page:a", workspace_id)
        await uow.events.append(workspace_id, "page.created")
    async with database.transaction() as uow:
        await uow.session.delete(await uow.session.get_one(Workspace, workspace_id))
    async with database.read() as uow:
        assert await uow.documents.get("page:a") is None
        assert await uow.events.after(workspace_id, 0, 10) == []


async def test_times_come_back_aware_and_in_utc(database: Database):
    noon = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    async with database.transaction() as uow:
        uow.session.add(Document(name="page:a", created_at=noon))
    async with database.read() as uow:
        found = await uow.session.scalar(select(Document.created_at))
    assert found == noon
    assert found is not None
    assert found.tzinfo is UTC or found.utcoffset() == timedelta(0)
    with pytest.raises(StatementError, match="without a zone"):
        async with database.transaction() as uow:
            uow.session.add(Document(name="page:b", created_at=datetime(2026, 7, 1)))


async def test_events_are_gapless_whoever_writes_at_once(database: Database):
    workspace_id, _ = await add_workspace(database)

    async def write(number: int) -> None:
        async with database.transaction() as uow:
            await uow.events.append(workspace_id, "test", f"user:{number}", "page:a", {"number": number})
            if number % 3 == 0:
                raise RuntimeError("on purpose")

    await asyncio.gather(*(write(number) for number in range(30)), return_exceptions=True)
    async with database.read() as uow:
        events = await uow.events.after(workspace_id, 0, 100)
        assert [event.position for event in events] == list(range(1, 21))
        assert {event.payload["number"] for event in events} == {n for n in range(30) if n % 3}
        assert [event.position for event in await uow.events.after(workspace_id, 5, 3)] == [6, 7, 8]


async def test_an_event_needs_its_workspace(database: Database):
    with pytest.raises(UnknownWorkspaceError):
        async with database.transaction() as uow:
            await uow.events.append(uow.new_id(), "test")


async def test_writers_of_one_process_take_turns_in_order(sqlite_database: Database):
    order: list[int] = []

    async def write(number: int) -> None:
        async with sqlite_database.transaction() as uow:
            await uow.documents.create(f"page:{number}", None)
            order.append(number)

    await asyncio.gather(*(write(number) for number in range(20)))
    assert order == list(range(20))


async def test_a_cancelled_writer_gives_the_gate_back(database: Database):
    entered = asyncio.Event()

    async def write() -> None:
        async with database.transaction() as uow:
            await uow.documents.create("page:a", None)
            entered.set()
            await asyncio.Event().wait()

    writer = asyncio.create_task(write())
    await entered.wait()
    waiting = asyncio.create_task(write())
    await asyncio.sleep(0)
    for task in (waiting, writer):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with database.transaction() as uow:
        assert await uow.documents.get("page:a") is None


async def test_a_writer_in_another_process_is_waited_for_and_then_reported(sqlite_url: str):
    async with Database(sqlite_url, busy_seconds=0.01) as database:
        other: sqlite3.Connection = database.connect_sqlite()
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="database is locked"):
            async with database.transaction() as uow:
                await uow.documents.create("page:a", None)
        async with database.read() as uow:
            assert await uow.documents.get("page:a") is None
        other.execute("ROLLBACK")
        other.close()
        async with database.transaction() as uow:
            await uow.documents.create("page:a", None)


async def test_a_lost_connection_is_a_storage_error_and_the_next_unit_works(postgres_database: Database):
    async def write_through_a_lost_connection() -> None:
        async with postgres_database.transaction() as uow:
            pid = await uow.session.scalar(text("SELECT pg_backend_pid()"))
            await killer.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
            await uow.documents.create("page:a", None)

    killer = await postgres_database.connect_postgres()
    with pytest.raises(StoreUnavailableError):
        await write_through_a_lost_connection()
    await killer.close()
    async with postgres_database.transaction() as uow:
        await uow.documents.create("page:a", None)


async def _cancel_a_query(url: str, released: threading.Event) -> None:
    """Cancel a query that is under way, and leave the database while it still is."""
    loop = asyncio.get_running_loop()
    under_way = asyncio.Event()

    def hold() -> None:
        loop.call_soon_threadsafe(under_way.set)
        released.wait()

    async def ask(database: Database) -> None:
        async with database.read() as uow:
            connection = await (await uow.session.connection()).get_raw_connection()
            assert connection.driver_connection is not None
            await connection.driver_connection.create_function("hold", 0, hold)
            await uow.session.execute(text("SELECT hold()"))

    async with Database(url) as database:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, database)
            await under_way.wait()
            tasks.cancel_scope.cancel()
        loop.call_later(0.05, released.set)
    assert released.is_set(), "the database was closed beside its thread"


def test_a_query_cancelled_with_its_task_group_lets_database_and_loop_end(sqlite_url: str):
    released = threading.Event()
    faults: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(_cancel_a_query(sqlite_url, released))
        except BaseException as error:  # noqa: BLE001 - the test raises it
            faults.append(error)

    # In a thread that can be left behind: the fault is that it never ends.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    released.set()
    assert not thread.is_alive()
    assert faults == []


async def test_a_sqlite_connection_can_be_told_to_end_any_number_of_times(tmp_path: Path):
    connections = SqliteConnections(tmp_path / "ionflux.db")
    connection = await connections.connect()
    async with asyncio.timeout(20):
        await asyncio.gather(connection.close(), connection.close(), connections.close())
        await connection.close()


async def test_a_sqlite_connection_that_was_lost_ends_with_the_others(tmp_path: Path):
    connections = SqliteConnections(tmp_path / "ionflux.db")
    connection = await connections.connect()
    await connections.close()
    with pytest.raises(ValueError, match="no active connection"):
        await connection.execute("SELECT 1")


async def test_a_closed_sqlite_connection_locks_nothing_though_its_rows_were_not_all_read(tmp_path: Path):
    connections = SqliteConnections(tmp_path / "ionflux.db")
    closed, next_one = await connections.connect(), await connections.connect()
    await closed.execute("CREATE TABLE t (x)")
    await closed.execute("BEGIN IMMEDIATE")
    rows = await closed.execute("INSERT INTO t VALUES (1), (2) RETURNING x")
    await closed.close()
    await next_one.execute("PRAGMA busy_timeout = 0")
    await next_one.execute("BEGIN IMMEDIATE")
    del rows  # held until here, as by the traceback of whoever was cancelled
    await connections.close()


@pytest.mark.parametrize("number", [0, 1, 255, 256, 257, 1000])
async def test_a_sqlite_cursor_gives_every_row_once_however_it_is_read(tmp_path: Path, number: int):
    connections = SqliteConnections(tmp_path / "ionflux.db")
    connection = await connections.connect()
    await connection.execute("CREATE TABLE t (x)")
    await connection.cursor().executemany("INSERT INTO t VALUES (?)", [(row,) for row in range(number)])
    expected = [(row,) for row in range(number)]

    async def asked() -> Any:
        return await connection.cursor().execute("SELECT x FROM t ORDER BY x")

    assert await (await asked()).fetchall() == expected
    cursor = await asked()
    parts = [await cursor.fetchmany(100) for _ in range(11)]
    assert [row for part in parts for row in part] == expected
    assert [len(part) for part in parts] == [min(100, max(0, number - 100 * done)) for done in range(11)]
    cursor = await asked()
    assert [row for _ in range(number) if (row := await cursor.fetchone())] == expected
    assert await cursor.fetchone() is None
    assert cursor.description[0][0] == "x"
    await connections.close()


async def test_a_sqlite_query_is_one_way_to_the_connections_thread(sqlite_database: Database):
    ways = 0

    async with sqlite_database.engine.connect() as connection:
        driver = cast(Any, (await connection.get_raw_connection()).driver_connection)
        there = driver._execute

        async def counted(*arguments: Any) -> Any:
            nonlocal ways
            ways += 1
            return await there(*arguments)

        driver._execute = counted
        async with connection.begin():
            pass
        assert ways == 0
        await connection.begin()
        found = await connection.execute(text("SELECT name FROM sqlite_master LIMIT 100"))
        assert len(found.all()) == 100
        assert (ways, driver.in_transaction) == (1, True)
        streamed = await connection.stream(
            text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")
        )
        assert [(await streamed.fetchone())[0] for _ in range(1000)] == list(range(1, 1001))  # pyright: ignore[reportOptionalSubscript] - it has no end
        await streamed.close()
        await connection.execute(text("CREATE TABLE unlocked (x)"))


async def test_what_cannot_begin_runs_nothing_outside_of_a_transaction(tmp_path: Path):
    connections = SqliteConnections(tmp_path / "ionflux.db", ["PRAGMA busy_timeout = 0"])
    writer, waiting = await connections.connect(), await connections.connect()
    await writer.execute("CREATE TABLE t (x)")
    await writer.execute("BEGIN IMMEDIATE")
    waiting.begin_with_next("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await waiting.cursor().execute("INSERT INTO t VALUES (1)")
    await writer.rollback()
    await waiting.cursor().execute("INSERT INTO t VALUES (1)")
    await waiting.rollback()
    assert await (await waiting.cursor().execute("SELECT * FROM t")).fetchall() == []
    await connections.close()


async def test_a_statement_is_compiled_once_for_all_databases_of_a_kind(database_url: str):
    statement = select(Document.id).where(Document.name == "compiled once", Document.head == literal(4711))
    found: list[str] = []

    def note(*seen: Any) -> None:
        found.append(seen[4].cache_hit.name)

    for _ in range(2):
        async with (
            Database(database_url) as database,
            database.read() as uow,
            database.transaction() as writing,
        ):
            for session in (uow.session, writing.session):
                engine = (await session.connection()).engine.sync_engine
                event.listen(engine, "after_cursor_execute", note)
                assert (await session.scalars(statement)).all() == []
    assert found == ["CACHE_MISS", "CACHE_HIT", "CACHE_HIT", "CACHE_HIT"]


async def test_who_finds_no_free_connection_takes_the_next_that_is_given_back(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pools, "PATIENCE_SECONDS", 60)
    opened = opened_connections(sqlite_database)

    async def read() -> None:
        async with sqlite_database.read() as uow:
            await uow.session.scalar(select(literal(1)))

    await asyncio.gather(*(read() for _ in range(30)))

    assert len(opened) == 1


async def test_as_many_connections_as_are_needed_at_a_time_are_opened(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pools, "PATIENCE_SECONDS", 0.002)
    opened = opened_connections(sqlite_database)
    everybody = asyncio.Barrier(8)

    async def read() -> None:
        async with sqlite_database.read() as uow:
            await uow.session.scalar(select(literal(1)))
            await everybody.wait()

    await asyncio.gather(*(read() for _ in range(8)))

    assert len(opened) == 8


async def test_the_more_readers_of_sqlite_are_open_the_longer_one_waits_for_one(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pools, "PATIENCE_SECONDS", 0.002)
    pool = sqlite_database._reader.sync_engine.pool  # pyright: ignore[reportPrivateUsage] - what a user cannot see
    assert isinstance(pool, pools.SqlitePool)
    waits: list[float] = []
    async with AsyncExitStack() as stack:
        for _ in range(4):
            uow = await stack.enter_async_context(sqlite_database.read())
            await uow.session.scalar(select(literal(1)))
            waits.append(pool.patience_seconds)
    assert waits == [0.002, 0.004, 0.008, 0.016]
    assert pool.patience_seconds == 0.016, "those that were given back count, too"


def opened_connections(database: Database) -> list[object]:
    """Return a list to which the readers' connections are added as they are opened."""
    opened: list[object] = []
    engine = database._reader.sync_engine  # pyright: ignore[reportPrivateUsage] - what a user cannot see

    def note(connection: object, record: object) -> None:
        opened.append(connection)

    event.listen(engine, "connect", note)
    return opened
