"""Queries that pass by SQLAlchemy on SQLite: they give what a unit of work gives, on both databases."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Integer, bindparam, select

from storage.engine import Database
from storage.errors import StoreUnavailableError
from storage.looks import Look
from storage.models import WaitingMail, Workspace
from storage.sqlite_thread import SqliteThread
from tests.services.databases import add_workspace

NOW = datetime(2026, 11, 30, 12, 0, 0, 123456, UTC)

MAILS = Look(
    select(WaitingMail.id, WaitingMail.next_attempt_at, WaitingMail.content, WaitingMail.attempts)
    .where(
        WaitingMail.next_attempt_at <= bindparam("now"),
        WaitingMail.id >= bindparam("first"),
        WaitingMail.priority == 3,
    )
    .order_by(WaitingMail.next_attempt_at)
    .limit(bindparam("limit", type_=Integer))
)


async def test_rows_have_the_types_of_their_columns(database: Database):
    ids = [database.new_id() for _ in range(4)]
    async with database.transaction() as uow:
        for number, mail_id in enumerate(ids):
            uow.session.add(
                WaitingMail(
                    id=mail_id,
                    content=b"\x00\xff",
                    priority=3 if number else 2,
                    attempts=0,
                    next_attempt_at=NOW + timedelta(seconds=number),
                    created_at=NOW,
                )
            )
    found = await database.look(MAILS, now=NOW + timedelta(seconds=2), first=ids[0], limit=10)
    assert found == [(ids[number], NOW + timedelta(seconds=number), b"\x00\xff", 0) for number in (1, 2)]
    assert all(
        isinstance(value, kind) for value, kind in zip(found[0], (UUID, datetime, bytes, int), strict=True)
    )
    assert len(await database.look(MAILS, now=NOW + timedelta(seconds=9), first=ids[0], limit=2)) == 2
    assert await database.look(MAILS, now=NOW, first=ids[0], limit=10) == []


async def test_a_look_sees_what_was_committed_and_nothing_else(database: Database):
    names = Look(select(Workspace.id).order_by(Workspace.id))
    async with database.transaction():
        before = await database.look(names)
    workspace_id, _ = await add_workspace(database)
    assert await database.look(names) == [*before, (workspace_id,)]


async def test_a_database_that_fails_is_told_as_everywhere_and_asked_again(sqlite_database: Database):
    names = Look(select(Workspace.id))
    assert sqlite_database.path is not None
    await sqlite_database.look(names)
    hidden = sqlite_database.path.with_suffix(".hidden")
    async with Database(f"sqlite:///{sqlite_database.path}") as other:
        sqlite_database.path.rename(hidden)
        sqlite_database.path.mkdir()
        with pytest.raises(StoreUnavailableError):
            await other.look(names)
        sqlite_database.path.rmdir()
        hidden.rename(sqlite_database.path)
        assert await other.look(names) == []


async def test_a_thread_does_what_it_was_asked_in_order_though_nobody_waits_any_more():
    connections: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        connections.append(sqlite3.connect(":memory:", check_same_thread=False))
        return connections[-1]

    thread = SqliteThread(connect, "a test's")
    await thread.run(lambda connection: connection.execute("CREATE TABLE done (name)"))
    lost = asyncio.create_task(
        thread.run(lambda connection: connection.execute("INSERT INTO done VALUES (1)"))
    )
    await asyncio.sleep(0)
    lost.cancel()
    assert await thread.run(lambda connection: connection.execute("SELECT * FROM done").fetchall()) == [(1,)]
    with pytest.raises(sqlite3.OperationalError):
        await thread.run(lambda connection: connection.execute("SELECT * FROM nothing"))
    # A failed call closes the connection: the next one has another.
    assert await thread.run(lambda connection: connection.execute("SELECT 1").fetchall()) == [(1,)]
    assert len(connections) == 2
    await thread.close()
    with pytest.raises(sqlite3.ProgrammingError):
        connections[-1].execute("SELECT 1")
    await thread.close()
