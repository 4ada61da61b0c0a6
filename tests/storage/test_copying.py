"""All rows out of one database and into another."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select, update

from storage import migrations
from storage.copying import Part, Shape, copy_in, copy_out, shape
from storage.engine import Database
from storage.errors import (
    BadRowsError,
    ConstraintError,
    DatabaseNotEmptyError,
    SchemaOutdatedError,
    StorageError,
)
from storage.models import (
    AgentConfiguration,
    AgentDefinition,
    AgentRunLog,
    Document,
    Job,
    JobState,
    Lease,
    Model,
    Page,
    PromptLibrary,
    Update,
    Workspace,
)
from storage.portable import Kind, PortableColumn, PortableTable
from tests.services.databases import BOTH, add_workspace
from tests.services.postgres import PostgresServer

NOW = datetime(2026, 5, 4, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture(params=BOTH)
def target_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/target.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.empty_database() as url:
        yield url


@pytest.fixture
async def target(target_url: str) -> AsyncGenerator[Database]:
    async with Database(target_url) as database:
        yield database


async def fill(database: Database) -> UUID:
    """Write rows with values of every kind; return the workspace's id."""
    workspace_id, user_id = await add_workspace(database)
    async with database.transaction() as uow:
        document = await uow.documents.create("page:a", workspace_id)
        document.head = 2
        for position, data in ((1, b"\0\xff"), (2, b"")):
            row = Update(document_id=document.id, position=position, data=data, author="ü🙂", created_at=NOW)
            uow.session.add(row)
        await uow.documents.reset("page:a")
        pages = [
            await uow.pages.create(
                workspace_id,
                title=title,
                parent=None,
                icon_url=None,
                order_key=key,
                created_by_user_id=user_id,
            )
            for title, key in (("child", "a0"), ("parent", "a1"))
        ]
        # The first refers to a row behind it.
        pages[0].parent_page_id = pages[1].id
        payload = {"number": 1.5, "large": 2**60, "list": [None, True, '\n"'], "nothing": None}
        await uow.events.append(workspace_id, "page.created", None, f"page:{pages[0].id}", payload)
    return workspace_id


async def copy(source: Database) -> tuple[Shape, list[Part]]:
    return await shape(source), [part async for part in copy_out(source)]


async def each(parts: list[Part]) -> AsyncGenerator[Part]:
    for part in parts:
        yield part


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows but the epochs of documents."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    async with database.read() as uow:
        for table in Model.metadata.sorted_tables:
            columns = [column for column in table.columns if str(column) != "documents.epoch"]
            rows = await uow.session.execute(select(*columns))
            found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


async def epochs(database: Database) -> dict[str, str]:
    async with database.read() as uow:
        return {one.name: one.epoch for one in await uow.session.scalars(select(Document))}


async def test_everything_comes_back_on_either_database(database: Database, target: Database):
    await fill(database)
    shape, parts = await copy(database)
    await copy_in(target, shape, each(parts))
    assert await everything(target) == await everything(database)
    await migrations.require_current(target)


async def test_D7_documents_begin_an_epoch_and_those_that_were_ended_keep_theirs(
    database: Database, target: Database
):
    await fill(database)
    shape, parts = await copy(database)
    await copy_in(target, shape, each(parts))
    before, after = await epochs(database), await epochs(target)
    assert before.keys() == after.keys()
    (ended,) = (name for name in before if "@" in name)
    assert after[ended] == before[ended]
    assert after["page:a"] != before["page:a"]
    assert len(after["page:a"]) == 8


async def test_leases_of_processes_stay_behind(database: Database, target: Database):
    async with database.transaction() as uow:
        uow.session.add(Lease(name="job", holder="gone", expires_at=NOW))
    await copy_in(target, *_source(await copy(database)))
    async with target.read() as uow:
        assert (await uow.session.scalars(select(Lease))).all() == []


async def test_new_documents_come_behind_those_that_came_back(database: Database, target: Database):
    workspace_id = await fill(database)
    shape, parts = await copy(database)
    await copy_in(target, shape, each(parts))
    async with target.transaction() as uow:
        known = (await uow.session.scalars(select(Document.id))).all()
        assert (await uow.documents.create("page:new", workspace_id)).id > max(known)


async def test_references_are_still_checked_afterwards(database: Database, target: Database):
    await fill(database)
    shape, parts = await copy(database)
    await copy_in(target, shape, each(parts))

    async def break_one() -> None:
        async with target.transaction() as uow:
            await uow.session.execute(update(Page).values(parent_page_id=uuid4()))

    with pytest.raises(ConstraintError):
        await break_one()


async def test_what_is_written_meanwhile_is_not_in_it(database: Database, target: Database):
    await fill(database)
    found = await shape(database)
    async with aclosing(copy_out(database)) as rest:
        parts = [await anext(rest)]
        await add_workspace(database)
        parts += [part async for part in rest]
    await copy_in(target, found, each(parts))
    async with target.read() as uow:
        assert len((await uow.session.scalars(select(Workspace))).all()) == 1


async def test_a_database_that_is_used_is_refused_unless_it_may_be_replaced(
    database: Database, sqlite_database: Database
):
    await add_workspace(database)
    await fill(sqlite_database)
    shape, parts = await copy(sqlite_database)
    before = await everything(database)
    with pytest.raises(DatabaseNotEmptyError):
        await copy_in(database, shape, each(parts))
    assert await everything(database) == before
    await copy_in(database, shape, each(parts), replace=True)
    assert await everything(database) == await everything(sqlite_database)


async def test_tables_that_nobody_has_used_count_as_empty(database: Database, sqlite_database: Database):
    await copy_in(database, *_source(await copy(sqlite_database)))


def _source(copied: tuple[Shape, list[Part]]) -> tuple[Shape, AsyncGenerator[Part]]:
    return copied[0], each(copied[1])


async def test_rows_that_do_not_fit_leave_everything_as_it_was(database: Database):
    await fill(database)
    found, parts = await copy(database)
    before = await everything(database), await epochs(database)
    for bad in (
        msgspec.structs.replace(parts[-1], rows=parts[-1].rows + 1),
        msgspec.structs.replace(parts[-1], lines=b"[1]\n"),
        msgspec.structs.replace(parts[-1], lines=b"["),
    ):
        with pytest.raises(BadRowsError):
            await copy_in(database, found, each([*parts[:-1], bad]), replace=True)
    # A row that refers to nothing.
    with pytest.raises(StorageError):
        await copy_in(database, found, each(parts[1:]), replace=True)
    assert (await everything(database), await epochs(database)) == before


async def test_being_cut_off_leaves_everything_as_it_was(database: Database):
    await fill(database)
    found, parts = await copy(database)
    before = await everything(database)

    async def cut_off() -> AsyncGenerator[Part]:
        yield parts[0]
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await copy_in(database, found, cut_off(), replace=True)
    assert await everything(database) == before


async def test_rows_of_a_newer_program_are_refused(target: Database):
    with pytest.raises(SchemaOutdatedError, match="newer version"):
        await copy_in(target, Shape("9999", []), each([]))


async def test_rows_of_an_older_program_are_brought_to_this_one(target: Database):
    """As they were at revision 0006: without epochs and without prompt libraries."""
    kinds: dict[str, Kind] = {"id": "uuid", "settings": "json", "created_at": "time", "updated_at": "time"}

    def table(name: str, *columns: str, **other: Kind) -> PortableTable:
        return PortableTable(
            name, [PortableColumn(one, other.get(one, kinds.get(one, "text"))) for one in columns]
        )

    times = ("created_at", "updated_at")
    old = Shape(
        "0006",
        [
            table(
                "users", "id", "email", "name", "password_hash", "profile_info", *times,
                profile_info="json",
            ),
            table(
                "workspaces", "id", "name", "owner_user_id", "settings", "event_head", *times,
                owner_user_id="uuid", event_head="integer",
            ),
            table(
                "documents", "id", "name", "workspace_id", "head", "created_at", "pruned_to",
                id="integer", workspace_id="uuid", head="integer", pruned_to="integer",
            ),
        ],
    )  # fmt: skip
    user, workspace, now = uuid4(), uuid4(), NOW
    rows: list[tuple[Any, ...]] = [
        (user, "a@b.c", "A", "-", {}, now, now),
        (workspace, "W", user, {}, 0, now, now),
        (7, "page:a", workspace, 0, now, 0),
    ]
    parts = [
        Part(one.name, 1, msgspec.json.encode(row) + b"\n") for one, row in zip(old.tables, rows, strict=True)
    ]
    await copy_in(target, old, each(parts))
    await migrations.require_current(target)
    async with target.read() as uow:
        assert [one.workspace_id for one in await uow.session.scalars(select(PromptLibrary))] == [workspace]
        (document,) = await uow.session.scalars(select(Document))
        assert (document.id, len(document.epoch)) == (7, 8)


async def test_jobs_that_were_not_over_are_ended(database: Database, target: Database):
    workspace_id, user_id = await add_workspace(database)
    states: tuple[JobState, ...] = ("ready", "running", "waiting", "done")
    async with database.transaction() as uow:
        about: dict[str, Any] = {"created_at": NOW, "updated_at": NOW}
        kind = AgentDefinition(id="agent_x", name="X", version="1", description="", category="Other", **about)
        uow.session.add(kind)
        await uow.session.flush()
        agent = AgentConfiguration(
            id=uow.new_id(),
            workspace_id=workspace_id,
            agent_definition_id=kind.id,
            name="X",
            created_by_user_id=user_id,
            **about,
        )
        uow.session.add(agent)
        await uow.session.flush()
        for state in states:
            job = Job(
                id=uow.new_id(),
                kind="agent_run",
                workspace_id=workspace_id,
                lane=state,
                lane_limit=1,
                state=state,
                holder="gone" if state == "running" else None,
                wake_at=NOW if state == "waiting" else None,
                created_at=NOW,
            )
            uow.session.add(job)
            uow.session.add(
                AgentRunLog(
                    id=uow.new_id(),
                    agent_configuration_id=agent.id,
                    run_id=job.id,
                    trigger_type="manual",
                    status="success" if state == "done" else "running",
                    start_time=NOW,
                    end_time=NOW if state == "done" else None,
                )
            )
    shape, parts = await copy(database)
    await copy_in(target, shape, each(parts))
    async with target.read() as uow:
        jobs = {job.lane: job for job in await uow.session.scalars(select(Job))}
        runs = {run.run_id: run for run in await uow.session.scalars(select(AgentRunLog))}
    assert {lane: (job.state, job.is_cancelled, job.holder) for lane, job in jobs.items()} == {
        "ready": ("ready", True, None),
        "running": ("ready", True, None),
        "waiting": ("ready", True, None),
        "done": ("done", False, None),
    }
    assert {lane: runs[job.id].cancelled_by for lane, job in jobs.items()} == {
        **dict.fromkeys(("ready", "running", "waiting"), "system:restore"),
        "done": None,
    }
