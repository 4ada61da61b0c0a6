"""Fresh, migrated databases for tests: SQLite, Postgres, or one test on both."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from storage import migrations
from storage.engine import Database
from storage.models import User, Workspace

BOTH = ("sqlite", pytest.param("postgres", marks=pytest.mark.postgres))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    prepare(f"sqlite:///{path}", migrations.upgrade)
    return path


def prepare(url: str, work: Callable[[Database], Coroutine[Any, Any, object]]) -> None:
    """Do some work in a database, before or beside the loop of a test."""

    async def run() -> None:
        async with Database(url) as database:
            await work(database)

    # In a thread, because a loop may be running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a fresh SQLite file with all tables."""
    path = tmp_path / "ionflux.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    """An open, fresh SQLite database with all tables."""
    async with Database(sqlite_url) as database:
        yield database


@pytest.fixture
async def postgres_database(postgres_url: str) -> AsyncIterator[Database]:
    """An open, fresh Postgres database with all tables."""
    async with Database(postgres_url) as database:
        yield database


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh database with all tables: the test runs once on SQLite, once on Postgres."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open, fresh database with all tables: the test runs once on SQLite, once on Postgres."""
    async with Database(database_url) as database:
        yield database


async def add_workspace(database: Database) -> tuple[UUID, UUID]:
    """Add a workspace with its owner to a database; return both ids."""
    async with database.transaction() as uow:
        user = User(
            id=uow.new_id(),
            email=f"{uow.new_id()}@example.org",
            name="Ann",
            password_hash="-",
            created_at=uow.now,
            updated_at=uow.now,
        )
        uow.session.add(user)
        await uow.session.flush()
        workspace = Workspace(
            id=uow.new_id(), name="Home", owner_user_id=user.id, created_at=uow.now, updated_at=uow.now
        )
        uow.session.add(workspace)
    return workspace.id, user.id
