"""The history of the tables, on both databases."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from storage import migrations
from storage.engine import Database
from storage.errors import SchemaOutdatedError
from storage.models import Model, PromptLibrary
from tests.services.databases import BOTH
from tests.services.postgres import PostgresServer


@pytest.fixture(params=BOTH)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.empty_database() as url:
        yield url


def _shape(connection: Connection) -> dict[str, object]:
    """Everything that compare_metadata does not compare."""
    found = inspect(connection)
    return {
        table: (
            sorted((check["name"], check["sqltext"]) for check in found.get_check_constraints(table)),
            found.get_pk_constraint(table),
            sorted(
                (str(key["name"]), key["constrained_columns"], key["referred_table"], key.get("options"))
                for key in found.get_foreign_keys(table)
            ),
            sorted(
                (str(unique["name"]), unique["column_names"])
                for unique in found.get_unique_constraints(table)
            ),
            sorted((str(index["name"]), index["column_names"]) for index in found.get_indexes(table)),
            [
                (column["name"], str(column["type"]), column["nullable"])
                for column in found.get_columns(table)
            ],
        )
        for table in sorted(Model.metadata.tables)
    }


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def test_the_history_gives_the_tables_of_the_models(database: Database):
    def differences(connection: Connection):
        def is_described(name: str | None, kind: str, _parents: object) -> bool:
            return kind != "table" or not str(name).startswith("search_terms")

        opts = {"compare_type": True, "include_name": is_described}
        context = MigrationContext.configure(connection, opts=opts)
        return compare_metadata(context, Model.metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        migrated = await connection.run_sync(_shape)
    async with database.engine.begin() as connection:
        await connection.run_sync(Model.metadata.drop_all)
        await connection.run_sync(Model.metadata.create_all)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_shape) == migrated


async def test_the_newest_revision_is_the_one_that_alembic_finds(database: Database):
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert (await migrations.status(database)).head == script.get_current_head()
    for known in script.walk_revisions():
        migrations.require_known(known.revision)


async def test_an_empty_database_is_reported_and_upgraded_once(empty_database_url: str):
    async with Database(empty_database_url) as database:
        with pytest.raises(SchemaOutdatedError, match="is empty"):
            await migrations.require_current(database)
        before = await migrations.upgrade(database)
        assert before.current is None
        assert (await migrations.upgrade(database)).is_current
        await migrations.require_current(database)


async def test_two_processes_upgrade_at_once(empty_database_url: str):
    async with Database(empty_database_url) as one, Database(empty_database_url) as other:
        found = await asyncio.gather(migrations.upgrade(one), migrations.upgrade(other))
        assert sorted(status.is_current for status in found) == [False, True]
        assert (await migrations.status(one)).is_current


async def test_an_upgrade_waits_longer_than_a_write_would(tmp_path: Path):
    path = tmp_path / "locked.db"
    async with Database(f"sqlite:///{path}", busy_seconds=0.1) as database:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            upgrading = asyncio.create_task(migrations.upgrade(database))
            await asyncio.sleep(0.5)  # longer than `busy_seconds`: that no time ends it is what is shown
            assert not upgrading.done()
            other.execute("COMMIT")
        assert (await upgrading).current is None
        async with database.engine.connect() as connection:
            assert (await connection.execute(text("PRAGMA busy_timeout"))).scalar() == 100


async def test_a_database_of_a_newer_program_is_left_alone(database: Database):
    async with database.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaOutdatedError, match="9999"):
        await migrations.upgrade(database)


async def test_an_upgrade_leaves_foreign_keys_enforced(sqlite_database: Database):
    await migrations.upgrade(sqlite_database)
    async with sqlite_database.engine.connect() as connection:
        assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar() == 1


async def test_0008_gives_each_workspace_there_is_a_prompt_library(empty_database_url: str):
    async with Database(empty_database_url) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(_upgrade, "0007")
            ids = {"user": uuid4().hex, "one": uuid4().hex, "other": uuid4().hex, "now": datetime.now(UTC)}
            await connection.execute(
                text("INSERT INTO users VALUES (:user, 'a@b.c', 'A', '-', '{}', NULL, :now, :now)"), ids
            )
            for workspace in ("one", "other"):
                await connection.execute(
                    text(f"INSERT INTO workspaces VALUES (:{workspace}, 'W', :user, '{{}}', 0, :now, :now)"),
                    ids,
                )
        await migrations.upgrade(database)
        async with database.read() as uow:
            libraries = (await uow.session.scalars(select(PromptLibrary))).all()
    assert sorted(library.workspace_id.hex for library in libraries) == sorted([ids["one"], ids["other"]])


@pytest.mark.postgres
async def test_0026_marks_the_words_of_titles(postgres_server: PostgresServer):
    with postgres_server.empty_database() as url:
        async with Database(url) as database:
            async with database.engine.begin() as connection:
                await connection.run_sync(_upgrade, "0025")
                added = text("INSERT INTO search_terms VALUES (:id, CAST(:terms AS tsvector))")
                rows = {1: "'=w' 'plan':2A,4 'the':1A,5", 2: "'=w' 'plan':3"}
                await connection.execute(added, [{"id": id_, "terms": terms} for id_, terms in rows.items()])
            await migrations.upgrade(database)
            async with database.read() as uow:
                found = text("SELECT entry_id FROM search_terms WHERE terms @@ CAST(:query AS tsquery)")
                for query in ("'+the' <-> '+plan'", "'+plan'", "'+the' & 'plan'"):
                    assert (await uow.session.scalars(found, {"query": query})).all() == [1], query
                assert len((await uow.session.scalars(found, {"query": "'=w' & 'plan'"})).all()) == 2
