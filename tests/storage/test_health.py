"""What an operator is told about a database."""

from pathlib import Path

from sqlalchemy import text

from storage.engine import Database
from storage.health import Check, examine
from storage.models import Page
from storage.update_log import UpdateLog
from tests.services.databases import add_workspace


async def _change(database: Database, *statements: str) -> None:
    async with database.engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def _examine(database: Database) -> dict[str, Check]:
    return {check.name: check for check in await examine(database)}


async def _write(database: Database, document: str, rows: int) -> None:
    async with database.transaction() as uow:
        await uow.documents.create(document, None)
    async with UpdateLog.of(database) as log:
        await log.append(document, [(b"1", "user:ann")] * rows)


async def test_a_sound_database_is_well(database: Database):
    await _write(database, "page:a", 3)
    found = await _examine(database)
    assert all(check.ok for check in found.values()), found
    assert {"database", "migrations", "log", "documents"} <= set(found)
    assert found["log"].detail == "1 documents, every one complete"


async def test_a_missing_file_is_not_made_by_looking(tmp_path: Path):
    path = tmp_path / "none.db"
    (check,) = await examine(Database(f"sqlite:///{path}"))
    assert (check.name, check.ok) == ("database", False)
    assert not path.exists()


async def test_an_unreachable_database_is_told_in_one_line_without_the_password():
    (check,) = await examine(Database("postgresql://ann:secret@127.0.0.1:1/none"))
    assert not check.ok
    assert "cannot reach" in check.detail
    assert "secret" not in check.detail
    assert "\n" not in check.detail


async def test_a_file_that_is_no_database_is_told(tmp_path: Path):
    path = tmp_path / "letter.db"
    path.write_text("Dear Ann, " * 500)
    (check,) = await examine(Database(f"sqlite:///{path}"))
    assert "file is not a database" in check.detail


async def test_missing_tables_are_told(tmp_path: Path):
    path = tmp_path / "empty.db"
    path.touch()
    found = await _examine(Database(f"sqlite:///{path}"))
    assert not found["migrations"].ok
    assert "ionflux migrate" in found["migrations"].detail


async def test_D6_damaged_logs_are_named(database: Database):
    for name, rows in (
        ("page:gap", 3),
        ("page:short", 3),
        ("page:long", 3),
        ("page:start", 3),
        ("page:well", 2),
    ):
        await _write(database, name, rows)
    async with UpdateLog.of(database) as log:
        await log.save_snapshot("page:well", 2, b"state")
    of = "document_id = (SELECT id FROM documents WHERE name = '{}')"
    await _change(
        database,
        "DELETE FROM updates WHERE position = 2 AND " + of.format("page:gap"),
        "DELETE FROM updates WHERE position = 1 AND " + of.format("page:start"),
        "UPDATE documents SET head = 4 WHERE name = 'page:short'",
        "UPDATE documents SET head = 2 WHERE name = 'page:long'",
    )
    check = (await _examine(database))["log"]
    assert not check.ok
    assert check.detail.split("; ") == [
        "page:gap lacks rows between others",
        "page:long has rows up to 3, but should have them up to 2",
        "page:short has rows up to 3, but should have them up to 4",
        "page:start lacks rows between others",
    ]


async def test_D6_a_snapshot_beyond_the_log_is_named(database: Database):
    await _write(database, "page:a", 3)
    async with UpdateLog.of(database) as log:
        await log.save_snapshot("page:a", 3, b"state")
    await _change(database, "DELETE FROM updates", "UPDATE documents SET head = 1")
    assert "a snapshot at 3, but its log ends at 1" in (await _examine(database))["log"].detail


async def test_rows_of_no_document_are_counted(sqlite_database: Database):
    await _write(sqlite_database, "page:a", 3)
    async with sqlite_database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute("PRAGMA foreign_keys = OFF")
        await driver.execute("DELETE FROM documents")
        await driver.execute("PRAGMA foreign_keys = ON")
    assert "3 updates belong to no document" in (await _examine(sqlite_database))["log"].detail


async def test_a_page_without_its_document_is_named(database: Database):
    workspace_id, user_id = await add_workspace(database)
    async with database.transaction() as uow:
        page = Page(
            id=uow.new_id(),
            workspace_id=workspace_id,
            title="Lost",
            order_key="a0",
            created_by_user_id=user_id,
            created_at=uow.now,
            updated_at=uow.now,
        )
        uow.session.add(page)
    assert (await _examine(database))["documents"].detail == f"page:{page.id} does not exist"


async def test_D8_a_pruned_log_is_complete_and_its_gaps_are_named(database: Database):
    for name in ("page:pruned", "page:gap", "page:bare", "page:whole"):
        await _write(database, name, 5)
        async with UpdateLog.of(database) as log:
            await log.save_snapshot(name, 3, b"state")
            await log.prune(name, 3, limit=2)
    async with UpdateLog.of(database) as log:
        await log.save_snapshot("page:whole", 5, b"state")
        await log.prune("page:whole", 5, limit=100)
    found = await _examine(database)
    assert found["log"].ok, found["log"].detail
    of = "document_id = (SELECT id FROM documents WHERE name = '{}')"
    await _change(
        database,
        "DELETE FROM updates WHERE position = 4 AND " + of.format("page:gap"),
        "DELETE FROM snapshots WHERE " + of.format("page:bare"),
    )
    assert (await _examine(database))["log"].detail.split("; ") == [
        "page:bare lacks the snapshot that stands for its pruned rows",
        "page:gap lacks rows between others",
    ]
