"""What only one of the update log's stores can meet: locked files, lost connections, doubtful commits."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from storage.engine import Database
from storage.errors import CorruptDocumentError, NotCommittedError, StoreUnavailableError
from storage.stores.ports import Batch
from storage.stores.postgres import (
    PostgresStore,
    _Doubt,  # pyright: ignore[reportPrivateUsage]
)
from storage.stores.sqlite import SqliteStore, wal_bytes
from storage.update_log import UpdateLog

PAGE = "page:a"
ANN = "user:ann"

Fault = Literal["none", "drop before commit", "drop after commit", "lose sight of the server"]


class Proxy:
    """Stands between a client and Postgres, and can lose the connection around a COMMIT."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self.fault: Fault = "none"
        self.drops = 0
        self._lost: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for lost in self._lost:
                lost.transport.abort()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        server_reader, server_writer = await asyncio.open_connection(*self._address)
        answers = asyncio.create_task(self._answer(server_reader, writer))
        self._tasks.add(answers)
        try:
            while data := await reader.read(65536):
                fault: Fault = self.fault if b"COMMIT\0" in data else "none"
                if fault != "none":
                    self.fault = "none"
                    self.drops += 1
                if fault == "drop before commit":
                    break
                if fault == "lose sight of the server":
                    # For the server the session goes on, with its transaction and its locks.
                    self._lost.append(server_writer)
                    break
                if fault == "drop after commit":
                    answers.cancel()
                    await asyncio.gather(answers, return_exceptions=True)
                    server_writer.write(data)
                    # The server has answered, so it has committed; the client will never know.
                    assert b"COMMIT\0" in await server_reader.read(65536)
                    break
                server_writer.write(data)
        except ConnectionError:
            pass
        finally:
            answers.cancel()
            writer.transport.abort()
            if server_writer not in self._lost:
                server_writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.transport.abort()


async def _rows(database: Database) -> list[tuple[int, bytes]]:
    async with database.engine.connect() as connection:
        found = await connection.execute(
            text("SELECT position, data FROM updates ORDER BY document_id, position")
        )
        return [(row.position, bytes(row.data)) for row in found]


async def _create(database: Database, *names: str) -> None:
    async with database.transaction() as uow:
        for name in names:
            await uow.documents.create(name, None)


async def _no_pause(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("fault", ["drop before commit", "drop after commit", "lose sight of the server"])
async def test_D5_a_commit_whose_answer_is_lost_is_neither_lost_nor_repeated(
    postgres_database: Database, postgres_url: str, fault: Fault
):
    await _create(postgres_database, PAGE, "page:b")
    url = make_url(postgres_url)
    assert url.host is not None
    assert url.port is not None
    proxy = Proxy(url.host, url.port)
    async with proxy.listening() as port, Database(url.set(port=port).render_as_string()) as database:
        async with UpdateLog(PostgresStore(database), sleep=_no_pause) as log:
            assert await log.append(PAGE, [(b"1", ANN)]) == 1
            proxy.fault = fault
            doubtful = [log.append(PAGE, [(b"2", ANN), (b"3", ANN)]), log.append("page:b", [(b"x", ANN)])]
            assert await asyncio.gather(*doubtful) == [3, 1]
            assert await log.append(PAGE, [(b"4", ANN)]) == 4
        assert proxy.drops == 1
    assert await _rows(postgres_database) == [(1, b"1"), (2, b"2"), (3, b"3"), (4, b"4"), (1, b"x")]


async def test_D5_another_process_between_a_doubtful_commit_and_its_repetition(
    postgres_database: Database, postgres_url: str
):
    await _create(postgres_database, PAGE)
    url = make_url(postgres_url)
    assert url.host is not None
    assert url.port is not None
    proxy = Proxy(url.host, url.port)

    async def meanwhile(seconds: float) -> None:
        async with UpdateLog.of(postgres_database) as other:
            await other.append(PAGE, [(b"1", ANN)])

    async with proxy.listening() as port, Database(url.set(port=port).render_as_string()) as database:
        proxy.fault = "drop after commit"
        async with UpdateLog(PostgresStore(database), sleep=meanwhile) as log:
            assert await log.append(PAGE, [(b"1", ANN)]) == 1
    assert await _rows(postgres_database) == [(1, b"1"), (2, b"1")]


@pytest.mark.parametrize("transaction", ["forgotten", "another's"])
@pytest.mark.parametrize("is_there", [True, False])
async def test_D5_the_rows_tell_of_a_transaction_that_the_server_knows_nothing_of(
    postgres_database: Database, transaction: str, *, is_there: bool
):
    await _create(postgres_database, PAGE, "page:b")
    store = PostgresStore(postgres_database)
    batch = {PAGE: [(b"1", ANN), (b"2", ANN)], "page:b": [(b"x", ANN)]}
    if is_there:
        await store.commit(batch)
    else:
        await store.commit({PAGE: [(b"1", "user:bob"), (b"2", "user:bob")]})
    admin = await postgres_database.connect_postgres()
    # As after a server that has lost the newest transactions has taken over, and given their ids to others.
    number = "3" if transaction == "forgotten" else await admin.fetchval("SELECT pg_current_xact_id()::text")
    fate = await admin.fetchval("SELECT pg_xact_status($1::text::xid8)", number)
    assert fate == (None if transaction == "forgotten" else "committed")
    await admin.close()
    doubt(store, batch, number, {PAGE: 2, "page:b": 1})
    heads = await store.commit(batch)
    assert heads == ({PAGE: 2, "page:b": 1} if is_there else {PAGE: 4, "page:b": 1})
    await store.close()
    theirs = [] if is_there else [(1, b"1"), (2, b"2")]
    ours = 0 if is_there else 2
    assert await _rows(postgres_database) == [*theirs, (ours + 1, b"1"), (ours + 2, b"2"), (1, b"x")]


def doubt(store: PostgresStore, batch: Batch, transaction: str, heads: dict[str, int]) -> None:
    """Let a store doubt whether a batch was committed."""
    store._doubt = _Doubt(batch=batch, transaction=transaction, heads=heads)  # pyright: ignore[reportPrivateUsage] - no server loses transactions on demand


async def test_D5_R7_a_document_that_somebody_holds_holds_no_other_up(postgres_database: Database):
    await _create(postgres_database, PAGE, "page:b")
    store = PostgresStore(postgres_database, lock_seconds=0.05)
    admin = await postgres_database.connect_postgres()
    async with UpdateLog(store, sleep=_no_pause, refused_seconds=0.2) as log:
        await admin.execute("BEGIN")
        await admin.fetch("SELECT id FROM documents WHERE name = $1 FOR UPDATE", PAGE)
        held, free = log.append(PAGE, [(b"1", ANN)]), log.append("page:b", [(b"x", ANN)])
        await _is_isolated(log, held, free)
        await admin.execute("ROLLBACK")
        await _comes_back(log)
    await admin.close()
    assert await _rows(postgres_database) == [(1, b"2"), (1, b"x"), (2, b"y")]


async def test_D5_R7_a_document_that_the_file_cannot_take_holds_no_other_up(sqlite_database: Database):
    await _create(sqlite_database, PAGE, "page:b")
    connection = sqlite_database.connect_sqlite()
    ((page_id,),) = connection.execute("SELECT id FROM documents WHERE name = ?", (PAGE,)).fetchall()
    connection.execute(
        f"CREATE TRIGGER broken BEFORE INSERT ON updates WHEN NEW.document_id = {page_id} "
        "BEGIN SELECT json(NEW.author); END"
    )
    async with UpdateLog(SqliteStore(sqlite_database), sleep=_no_pause, refused_seconds=0.2) as log:
        await _is_isolated(log, log.append(PAGE, [(b"1", ANN)]), log.append("page:b", [(b"x", ANN)]))
        connection.execute("DROP TRIGGER broken")
        await _comes_back(log)
    connection.close()
    assert await _rows(sqlite_database) == [(1, b"2"), (1, b"x"), (2, b"y")]


async def _is_isolated(log: UpdateLog, held: asyncio.Future[int], free: asyncio.Future[int]) -> None:
    assert await free == 1
    with pytest.raises(NotCommittedError):
        await held
    with pytest.raises(NotCommittedError, match="cannot be committed now"):
        await log.append(PAGE, [(b"1", ANN)])
    await asyncio.sleep(0.25)  # then it is tried again, once
    held, free = log.append(PAGE, [(b"1", ANN)]), log.append("page:b", [(b"y", ANN)])
    assert await free == 2
    with pytest.raises(NotCommittedError):
        await held
    assert not log.statistics().pending_rows


async def _comes_back(log: UpdateLog) -> None:
    await asyncio.sleep(0.25)  # the refusal ends by the clock alone
    assert await log.append(PAGE, [(b"2", ANN)]) == 1
    assert not log.statistics().is_failing


async def test_D5_a_terminated_connection_is_replaced(postgres_database: Database):
    await _create(postgres_database, PAGE)
    async with UpdateLog(PostgresStore(postgres_database), sleep=_no_pause) as log:
        assert await log.append(PAGE, [(b"1", ANN)]) == 1
        assert await log.load(PAGE) == (1, None, [b"1"])
        admin = await postgres_database.connect_postgres()
        await admin.fetch(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await admin.close()
        assert await log.append(PAGE, [(b"2", ANN)]) == 2
        assert (await log.load(PAGE))[2] == [b"1", b"2"]


async def test_D5_a_locked_file_is_waited_for_and_reading_goes_on(sqlite_url: str):
    async with Database(sqlite_url, busy_seconds=0.01) as database:
        await _create(database, PAGE)
        other = database.connect_sqlite()
        other.execute("BEGIN IMMEDIATE")
        failed = asyncio.Event()
        go_on = asyncio.Event()

        async def pause(seconds: float) -> None:
            failed.set()
            await go_on.wait()

        async with UpdateLog(SqliteStore(database), sleep=pause) as log:
            done = log.append(PAGE, [(b"1", ANN)])
            await failed.wait()
            assert log.statistics().is_failing
            assert await log.load(PAGE) == (0, None, [])
            with pytest.raises(StoreUnavailableError, match="locked"):
                await log.save_snapshot(PAGE, 1, b"state")
            assert not done.done()
            other.execute("ROLLBACK")
            other.close()
            go_on.set()
            assert await done == 1


async def test_D5_the_wal_is_bounded_while_somebody_always_reads(sqlite_database: Database):
    await _create(sqlite_database, PAGE)
    is_over = threading.Event()

    def read(delay_seconds: float) -> None:
        connection = sqlite_database.connect_sqlite()
        is_over.wait(delay_seconds)
        while not is_over.is_set():
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM updates").fetchone()
            is_over.wait(0.04)
            connection.execute("COMMIT")
        connection.close()

    readers = [threading.Thread(target=read, args=(0.015 * number,)) for number in range(3)]
    store = SqliteStore(sqlite_database, wal_bytes=1_000_000)
    largest = 0
    for reader in readers:
        reader.start()
    for number in range(100):
        assert await store.commit({PAGE: [(bytes(100_000), ANN)]}) == {PAGE: number + 1}
        largest = max(largest, wal_bytes(sqlite_database))
    is_over.set()
    for reader in readers:
        reader.join()
    await store.close()
    assert largest < 4_000_000
    assert len(await _rows(sqlite_database)) == 100


async def test_D5_a_reader_that_does_not_end_holds_commits_up_for_a_moment_only(sqlite_database: Database):
    await _create(sqlite_database, PAGE)
    store = SqliteStore(sqlite_database, wal_bytes=1_000_000)
    reader = sqlite_database.connect_sqlite()
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM updates").fetchone()
    for number in range(15):
        assert await store.commit({PAGE: [(bytes(100_000), ANN)]}) == {PAGE: number + 1}
    assert wal_bytes(sqlite_database) > 1_000_000
    reader.close()
    for number in range(15, 40):
        assert await store.commit({PAGE: [(bytes(100_000), ANN)]}) == {PAGE: number + 1}
    assert wal_bytes(sqlite_database) < 2_000_000
    await store.close()


async def test_D5_a_full_disk_keeps_everything_until_there_is_room(sqlite_database: Database):
    await _create(sqlite_database, PAGE)
    plain = sqlite_database.connect_sqlite
    pages = {"limit": 1}

    def connect_with_limit():
        connection = plain()
        connection.execute(f"PRAGMA max_page_count = {pages['limit']}")
        return connection

    async def make_room(seconds: float) -> None:
        pages["limit"] = 100_000

    sqlite_database.connect_sqlite = connect_with_limit
    big = b"x" * 100_000
    async with UpdateLog(SqliteStore(sqlite_database), sleep=make_room) as log:
        done = [log.append(PAGE, [(big, ANN)]), log.append(PAGE, [(b"2", ANN)])]
        assert await asyncio.gather(*done) == [1, 2]
    assert await _rows(sqlite_database) == [(1, big), (2, b"2")]


async def test_R7_a_document_whose_head_is_behind_its_rows_fails_alone(
    database: Database, caplog: pytest.LogCaptureFixture
):
    await _create(database, PAGE, "page:b", "page:c")
    async with UpdateLog.of(database) as log:
        await log.append(PAGE, [(b"1", ANN), (b"2", ANN)])
        async with database.engine.begin() as connection:
            await connection.execute(text("UPDATE documents SET head = 1 WHERE name = 'page:a'"))
        done = [log.append(name, [(b"new", ANN)]) for name in ("page:b", PAGE, "page:c", PAGE)]
        found = await asyncio.gather(*done, return_exceptions=True)
        assert (found[0], found[2]) == (1, 1)
        assert isinstance(found[1], CorruptDocumentError)
        assert isinstance(found[3], CorruptDocumentError)
        assert await log.append("page:b", [(b"more", ANN)]) == 2
    assert "page:a" in caplog.text
    assert (2, b"2") in await _rows(database), "nothing is written over"


async def test_D4_rows_are_read_in_their_order_however_large_they_are(database: Database):
    await _create(database, PAGE)
    rows = [bytes([number]) * size for number, size in enumerate([3, 16384, 16385, 0, 500_000, 1, 70_000])]
    async with UpdateLog.of(database) as log:
        await log.append(PAGE, [(row, ANN) for row in rows])
        assert await log.load(PAGE) == (7, None, rows)
        assert await log.read_at(PAGE, 5) == (5, None, rows[:5])
        assert await log.read_rows(PAGE, 2, 6) == rows[2:6]
        assert await log.read_rows(PAGE, 2, 3) == rows[2:3]


async def test_D4_parts_of_several_logs_are_read_at_once_or_not_at_all(database: Database):
    names = ["page:a", "page:b", "page:c"]
    await _create(database, *names)
    rows = [bytes([number]) * number for number in range(12)]
    async with UpdateLog.of(database) as log:
        for name in names:
            await log.append(name, [(row, ANN) for row in rows])
        await log.append("page:c", [(b"x" * 20_000, ANN)])
        async with database.read() as uow:
            document = await uow.documents.get("page:b")
        assert document is not None
        parts = [
            ("page:a", 0, 12),
            ("page:a", 8, 10),
            (f"page:b#{document.epoch}", 3, 12),
            ("page:b#another", 3, 12),
            ("page:a", 5, 13),
            ("page:none", 0, 1),
            ("page:c", 4, 4),
        ]
        found = await log.read_parts(parts)
        assert found == [rows, rows[8:10], rows[3:], [], [], [], []]
        assert await log.read_parts([("page:c", 11, 13)]) == [[]], "a large row is read by itself"
        assert await log.read_parts([]) == []


async def test_D1_the_log_and_units_of_work_share_one_sqlite_file(sqlite_database: Database):
    await _create(sqlite_database, PAGE)

    async def write_rows(log: UpdateLog) -> None:
        for n in range(1, 31):
            assert await log.append(PAGE, [(b"%d" % n, ANN)]) == n

    async with UpdateLog.of(sqlite_database) as log:
        await asyncio.gather(write_rows(log), *(_create(sqlite_database, f"page:{n}") for n in range(30)))
    async with sqlite_database.read() as uow:
        document = await uow.documents.get(PAGE)
        assert document is not None
        assert document.head == 30
