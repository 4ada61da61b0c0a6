"""How long the past is kept (D8): what is old goes, and nothing that is needed with it."""

import asyncio
from typing import Any

import msgspec
import pycrdt
import pytest
from sqlalchemy import text

from crdt import history
from crdt.history import document_at
from server.background import retention
from server.background.retention import Retention
from server.bootstrap import open_services
from server.data_folder import Secrets
from server.offload import Offload
from server.settings import Role, Settings
from storage.engine import Database
from storage.errors import StoreUnavailableError, UnknownPositionError
from storage.health import examine
from storage.update_log import UpdateLog
from tests.crdt.world import keystrokes, read_text
from tests.server.conftest import Clock

PAGE = "page:a"
ANN = "user:ann"


def pruning(database: Database, log: UpdateLog, days: int = 30) -> Retention:
    return Retention(database, log, Offload(), history_days=days)


async def create(database: Database, *names: str) -> None:
    async with database.transaction() as uow:
        for name in names:
            await uow.documents.create(name, None)


async def name_version(database: Database) -> None:
    async with database.transaction() as uow:
        found = await uow.documents.get(PAGE)
        assert found is not None
        await uow.versions.create(found, name="Named", created_by=ANN)


async def write(database: Database, log: UpdateLog, clock: Clock, words: str, named_after: int = -1) -> None:
    """Let Ann type on the page, a key each day."""
    for number, row in enumerate(keystrokes(words)):
        await log.append(PAGE, [(row, ANN)])
        if number == named_after:
            await name_version(database)
        clock.forward(days=1)


async def read(log: UpdateLog, position: int) -> str:
    _, snapshot, rows = await log.read_at(PAGE, position)
    return read_text(document_at(snapshot, rows))


async def test_D8_what_is_older_than_the_setting_is_pruned(database: Database, clock: Clock):
    database.clock = clock
    await create(database, "page:empty", PAGE)
    async with UpdateLog.of(database) as log:
        await write(database, log, clock, "abcdefghij")
        assert await pruning(database, log, days=4).prune_all() == 6
        assert await log.extent(PAGE) == (6, 10)
        assert [await read(log, position) for position in (6, 8, 10)] == ["abcdef", "abcdefgh", "abcdefghij"]
        with pytest.raises(UnknownPositionError):
            await read(log, 5)
        assert await pruning(database, log, days=4).prune_all() == 0
        clock.forward(days=100)
        assert await pruning(database, log, days=4).prune_all() == 4
        head, snapshot, rows = await log.load(PAGE)
        assert (head, read_text(document_at(snapshot, rows))) == (10, "abcdefghij")


async def test_D8_a_named_version_outlives_its_rows(database: Database, clock: Clock):
    database.clock = clock
    await create(database, PAGE)
    await name_version(database)
    async with UpdateLog.of(database) as log:
        await write(database, log, clock, "abcdefghij", named_after=2)
        # As a room would have made it, and wrong: what is kept is made from the rows alone.
        await log.save_snapshot(PAGE, 3, history.fold(None, keystrokes("xyz")))
        await log.save_snapshot(PAGE, 5, history.fold(None, keystrokes("wrong")))
        assert await pruning(database, log, days=4).prune_all() == 6
        assert await read(log, 3) == "abc"
        assert await read(log, 7) == "abcdefg"
        clock.forward(days=100)
        assert await pruning(database, log, days=4).prune_all() == 4
        assert await read(log, 3) == "abc"
    await database.engine.dispose()
    log_check = next(check for check in await examine(database) if check.name == "log")
    assert log_check.ok, log_check.detail


async def test_D8_a_long_past_goes_in_small_steps(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "STEP_ROWS", 4)
    monkeypatch.setattr(retention, "DELETED_ROWS", 2)
    monkeypatch.setattr(retention, "_PAGE", 1)
    database.clock = clock
    await create(database, PAGE, "page:b")
    async with UpdateLog.of(database) as log:
        await write(database, log, clock, "abcdefghij")
        assert await pruning(database, log, days=0).prune_all() == 10
        assert await read(log, 10) == "abcdefghij"


async def test_D8_people_write_on_while_their_past_is_pruned(database: Database, clock: Clock):
    database.clock = clock
    await create(database, PAGE)
    rows = keystrokes("abcdefghijklmnopqrst")
    async with UpdateLog.of(database) as log:
        await log.append(PAGE, [(row, ANN) for row in rows[:10]])
        clock.forward(days=10)
        pruned = asyncio.create_task(pruning(database, log, days=4).prune_all())
        for row in rows[10:]:
            await log.append(PAGE, [(row, ANN)])
        assert await pruned == 10
        assert await log.extent(PAGE) == (10, 20)
        assert await read(log, 20) == "abcdefghijklmnopqrst"


async def test_D8_nothing_is_pruned_that_is_not_proven(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    database.clock = clock
    await create(database, PAGE)
    monkeypatch.setattr(history, "covers", lambda *_: False)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    async with UpdateLog.of(database) as log:
        await write(database, log, clock, "abc")
        assert await pruning(database, log, days=0).prune_all() == 0
        assert await log.extent(PAGE) == (0, 3)
        assert await log.load(PAGE) == (3, None, keystrokes("abc"))
    assert "does not give its rows" in caplog.text


async def test_R7_a_damaged_document_keeps_no_other_from_being_pruned(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
):
    database.clock = clock
    await create(database, "page:0", "page:1", PAGE)
    async with UpdateLog.of(database) as log:
        await log.append("page:0", [(b"\x01", ANN)])
        await log.append("page:1", [(row, ANN) for row in keystrokes("abc")])
        async with database.engine.begin() as connection:
            lost = "DELETE FROM updates WHERE position = 2"
            await connection.execute(text(lost))
        await write(database, log, clock, "abc")
        assert await pruning(database, log, days=0).prune_all() == 3
        assert await log.extent("page:0") == (0, 1)
        assert await log.extent("page:1") == (0, 3)
    assert caplog.text.count("its history is not pruned") == 2


async def test_D8_two_processes_prune_at_once(database: Database, clock: Clock):
    database.clock = clock
    await create(database, PAGE)
    async with UpdateLog.of(database) as one, UpdateLog.of(database) as other:
        await write(database, one, clock, "abcdefghij")
        done = [pruning(database, log, days=0).prune_all() for log in (one, other)]
        assert sum(await asyncio.gather(*done)) == 10
        assert await one.extent(PAGE) == (10, 10)
        assert await read(other, 10) == "abcdefghij"


async def test_D5_a_store_that_fails_is_tried_again(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
):
    database.clock = clock
    await create(database, PAGE)
    slept: list[float] = []
    third = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            third.set()
            await asyncio.Event().wait()

    async with UpdateLog.of(database) as log:
        await write(database, log, clock, "abc")
        job = Retention(database, log, Offload(), history_days=0, sleep=sleep)
        prune = log.prune
        failures = [StoreUnavailableError("gone")]

        async def fail_once(document: str, position: int, *, limit: int) -> int:
            if failures:
                raise failures.pop()
            return await prune(document, position, limit=limit)

        log.prune = fail_once  # type: ignore[method-assign]
        running = asyncio.create_task(job.run())
        await third.wait()
        running.cancel()
        assert await log.extent(PAGE) == (3, 3)
    assert slept == [retention.EVERY_SECONDS] * 2
    assert "will be tried again" in caplog.text


async def test_D8_a_large_document_is_folded_beside_the_loop(database: Database, clock: Clock):
    database.clock = clock
    await create(database, PAGE)
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
    doc.get("text", type=pycrdt.Text).insert(0, "lorem ipsum " * 50_000)
    async with UpdateLog.of(database) as log:
        await log.append(PAGE, [(doc.get_update(), ANN)])
        clock.forward(days=1)
        assert await pruning(database, log, days=0).prune_all() == 1
        assert await read(log, 1) == "lorem ipsum " * 50_000


@pytest.mark.parametrize(
    ("roles", "days", "is_run"),
    [(("api", "worker"), 30, True), (("api", "worker"), 0, False), (("api", "realtime"), 30, False)],
)
async def test_D8_workers_prune_when_history_is_bounded(
    settings: Settings,
    sqlite_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    roles: tuple[Role, ...],
    days: int,
    is_run: bool,
):
    runs: list[Retention] = []

    async def note(self: Retention) -> None:
        runs.append(self)

    monkeypatch.setattr(Retention, "run", note)
    chosen = msgspec.structs.replace(settings, roles=roles, history_days=days)
    async with open_services(chosen, Secrets(access_token_key=b"k" * 32), sqlite_database):
        await asyncio.sleep(0)
    assert bool(runs) == is_run
