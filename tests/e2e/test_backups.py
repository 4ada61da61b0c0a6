"""Backups of real servers that people write on."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pycrdt
import pytest
from sqlalchemy import select, text

from crdt.waiting import read_state_vector
from storage.engine import Database
from storage.models import Document, Update
from tests.chaos.typist import Typist
from tests.clients.client import WIRES, Wire
from tests.e2e.test_epochs import sent_away
from tests.services.databases import BOTH, add_workspace
from tests.services.ionflux import IonfluxServer, expect_no_fault
from tests.services.postgres import PostgresServer
from tests.services.studio import Studio

TYPISTS = 6
PACE_SECONDS = 0.002
"""Between two keystrokes of one typist."""

Row = tuple[int, bytes, str]


@pytest.fixture(params=BOTH)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IonfluxServer]:
    """A running server of the test's own, once on SQLite and once on Postgres."""
    with ExitStack() as stack:
        settings: dict[str, str] = {}
        if request.param == "postgres":
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            settings["IONFLUX_DATABASE_URL"] = stack.enter_context(postgres.empty_database())
        server = IonfluxServer(tmp_path, settings)
        server.start()
        stack.callback(server.close)
        yield server
        expect_no_fault(server.log_text())


@asynccontextmanager
async def under_load(typists: list[Typist]) -> AsyncGenerator[None]:
    """Let everybody type during the block, and until all is saved after it."""

    async def type_on(typist: Typist, stop: asyncio.Event) -> None:
        while not stop.is_set():
            typist.type("abcdefghij"[typist.typed % 10])
            await asyncio.sleep(PACE_SECONDS)

    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for typist in typists:
            tasks.create_task(type_on(typist, stop))
        yield
        stop.set()
    for typist in typists:
        await typist.saved()


async def read_documents(url: str) -> dict[str, tuple[str, int, list[Row]]]:
    """Return epoch, head and rows of all documents of people."""
    async with Database(url) as database, database.read() as uow:
        documents = (await uow.session.scalars(select(Document).where(Document.name.like("page:%")))).all()
        found: dict[str, tuple[str, int, list[Row]]] = {}
        for one in documents:
            rows = await uow.session.scalars(
                select(Update).where(Update.document_id == one.id).order_by(Update.position)
            )
            found[one.name] = (one.epoch, one.head, [(row.position, row.data, row.author) for row in rows])
    return found


def clocks_of(rows: list[Row]) -> dict[int, int]:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    for _, data, _ in rows:
        doc.apply_update(data)
    return read_state_vector(doc.get_state())


@pytest.mark.postgres
async def test_a_backup_under_write_load_is_a_prefix_of_every_log_on_both_databases(
    server: IonfluxServer, tmp_path: Path, postgres_server: PostgresServer
):
    ann = await server.person("Ann")
    workspace = await ann.workspace()
    pages = [await ann.page(workspace, f"Page {number}") for number in range(3)]
    typists = [
        Typist(server, WIRES[number % 2], pages[number % 3].name, ann.token, 1000 + number)
        for number in range(TYPISTS)
    ]
    for typist in typists:
        await typist.connect()

    async with under_load(typists):
        for typist in typists:
            await typist.acknowledges(20)
        before = {typist: typist.acknowledged for typist in typists}
        code, said = await server.run("backup", str(tmp_path / "backup.tar.gz"))
        assert code == 0, said
        at_end = {typist: typist.typed for typist in typists}
        for typist in typists:
            await typist.acknowledges(at_end[typist] + 1)
    original = await read_documents(server.database_url)

    with postgres_server.empty_database() as postgres_url:
        for url in (f"sqlite:///{tmp_path}/restored.db", postgres_url):
            code, said = await server.run("restore", str(tmp_path / "backup.tar.gz"), "--database-url", url)
            assert code == 0, said
            restored = await read_documents(url)
            assert restored.keys() == original.keys() == {page.name for page in pages}
            for name, (epoch, head, rows) in restored.items():
                assert [position for position, _, _ in rows] == list(range(1, head + 1))
                assert rows == original[name][2][:head]
                assert epoch != original[name][0]
                clocks = clocks_of(rows)
                for typist in (one for one in typists if one.document == name):
                    assert before[typist] <= clocks[typist.client_id] <= typist.typed
            assert sum(head for _, head, _ in restored.values()) < sum(
                head for _, head, _ in original.values()
            ), "nothing was written while the backup was taken"
            code, said = await server.run("doctor", "--database-url", url)
            assert code == 0, said
    for typist in typists:
        typist.leave()


@pytest.mark.postgres
async def test_a_backup_that_is_told_to_end_leaves_no_file(postgres_url: str, tmp_path: Path):
    target = tmp_path / "backups"
    await asyncio.to_thread(target.mkdir)
    async with Database(postgres_url) as database:
        await add_workspace(database)
        async with database.engine.begin() as connection:
            # Rows of accounts can be read, and then it has to wait.
            await connection.execute(text("LOCK TABLE workspaces IN ACCESS EXCLUSIVE MODE"))
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "server", "backup", str(target / "backup.tar.gz"), "--database-url", postgres_url),
                *("--data-dir", str(tmp_path)),
                stderr=asyncio.subprocess.PIPE,
            )
            assert process.stderr is not None
            async with asyncio.timeout(30):
                assert await process.stderr.readline() == b"users: 1 rows\n"
                assert await asyncio.to_thread(os.listdir, target) != []
                process.terminate()
                assert await process.wait() == 130
    assert await asyncio.to_thread(os.listdir, target) == []


@pytest.mark.node
@pytest.mark.parametrize("wire", WIRES)
async def test_D7_after_a_restore_no_copy_of_the_lost_time_merges(
    own_studio: Studio, wire: Wire, tmp_path: Path
):
    server, file = own_studio.server, str(tmp_path / "backup.tar.gz")
    client = await own_studio.join(wire, name="old", receipts=True)
    await client.text("t").insert(0, "kept")
    await client.acknowledged_count(1)
    code, said = await server.run("backup", file)
    assert code == 0, said
    await client.text("t").insert(4, " and lost")
    await client.acknowledged_count(2)
    await client.disconnect()

    assert await server.terminate() == 0
    code, said = await server.run("restore", file)
    assert code == 1
    assert "is not empty" in said
    code, said = await server.run("restore", file, "--replace")
    assert code == 0, said
    await server.restart()

    await client.connect()
    await sent_away(client)
    assert await own_studio.read_afresh() == "kept"
