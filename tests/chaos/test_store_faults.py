"""The store fails while stock clients write: edits flow on, nothing is acknowledged, nothing is lost.

A full disk is a limit on the size of the server's files (RLIMIT_FSIZE, set from outside while it runs), for
which nobody has to be root and no disk has to be filled: the kernel refuses the write as it does on a full
one, with EFBIG in place of ENOSPC. Where a small file system may be mounted, one without room is tried too.
"""

import asyncio
import resource
import sqlite3
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.engine import Database
from tests.clients.client import WIRES, NodeClient
from tests.clients.driver import NodeClients
from tests.services.ionflux import IonfluxServer
from tests.services.postgres import StoppablePostgres
from tests.services.studio import Studio, open_studio

pytestmark = [pytest.mark.node, pytest.mark.chaos]

TOLD_SECONDS = 20.0
"""A locked file counts as one after 2 s, a sweep tells clients a second later; the machine may be busy."""

Fault = Callable[[], AbstractAsyncContextManager[object]]


async def survives(studio: Studio, fault: Fault, database_url: str = "") -> None:
    """Write before, during and after a fault; then kill the server and look for what was acknowledged."""
    writers = [await studio.join(wire, name=wire, receipts=True) for wire in WIRES]
    yws, hocuspocus = writers
    watcher = await studio.join("y-websocket", name="watcher")
    for writer in writers:
        await writer.text("t").insert(0, f"{writer.name} before. ")
    await everything_acknowledged(writers)
    async with fault():
        for number in range(10):
            for writer in writers:
                await writer.text("t").insert(0, f"{writer.name} during {number}. ")
        # Who types by y-websocket hears of others again when their own edits are acknowledged.
        await hocuspocus.text("t").contains("y-websocket during 9. ")
        await watcher.converged(hocuspocus)
        await hocuspocus.event("stateless", payload='{"store":"degraded"}', timeout=TOLD_SECONDS)
        acknowledged = await acknowledgements(writers)
        for writer in writers:
            await writer.text("t").insert(0, f"{writer.name} at last. ")
        await hocuspocus.text("t").contains("y-websocket at last. ")
        await watcher.converged(hocuspocus)
        assert await acknowledgements(writers) == acknowledged
        assert (await hocuspocus.state())["unsynced"] > 0
    await hocuspocus.event("stateless", payload='{"store":"ok"}', timeout=TOLD_SECONDS)
    await everything_acknowledged(writers)
    await yws.converged(hocuspocus, watcher)
    for writer in writers:
        assert writer.all_events("close") == []
        assert (await writer.state())["receipts"]["refused"] == 0

    written = await yws.text("t").read()
    await studio.server.kill()
    for client in (*writers, watcher):
        await client.disconnect()
    await studio.server.restart()
    fresh = await studio.join("hocuspocus", name="fresh")
    assert await fresh.missing(await studio.clients.acknowledged(*writers)) is None
    assert await fresh.text("t").read() == written
    rows = await stored_rows(database_url or f"sqlite:///{studio.server.data_dir / 'ionflux.db'}")
    assert len(rows) == len(set(rows)), "something was committed twice"
    _, said = await studio.server.doctor()
    assert "every one complete" in said


async def stored_rows(database_url: str) -> list[bytes]:
    async with Database(database_url) as database, database.engine.connect() as connection:
        return [bytes(row.data) for row in await connection.execute(text("SELECT data FROM updates"))]


async def everything_acknowledged(writers: list[NodeClient]) -> None:
    for writer in writers:
        if writer.wire == "hocuspocus":
            await writer.saved(timeout=TOLD_SECONDS)
        else:
            sent = (await writer.state())["receipts"]["sent"]
            await writer.acknowledged_count(
                sent - 1, timeout=TOLD_SECONDS
            )  # the answer to our step 1 is empty


async def acknowledgements(writers: list[NodeClient]) -> list[int]:
    return [(await writer.state())["receipts"]["acknowledged"] for writer in writers]


def limited(studio: Studio) -> Fault:
    """Let the server's files grow no more."""

    @asynccontextmanager
    async def fault() -> AsyncGenerator[None]:
        wal = studio.server.data_dir / "ionflux.db-wal"
        pid = studio.server.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        # What is written over stays allowed: the log of a database begins anew after a checkpoint.
        size = wal.stat().st_size if wal.exists() else 4096
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    return fault


def locked(studio: Studio) -> Fault:
    """Hold the database's file locked from another process."""

    @asynccontextmanager
    async def fault() -> AsyncGenerator[None]:
        other = sqlite3.connect(studio.server.data_dir / "ionflux.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()

    return fault


async def test_D5_files_that_cannot_grow(own_studio: Studio) -> None:
    await survives(own_studio, limited(own_studio))


@pytest.fixture
async def small_disk_studio(node_clients: NodeClients, tmp_path: Path) -> AsyncIterator[Studio]:
    """A studio whose data folder is a file system of 8 MB."""
    server = IonfluxServer(tmp_path)
    server.data_dir.mkdir(mode=0o700)
    options = ("-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(server.data_dir))
    try:
        mounting = await asyncio.to_thread(subprocess.run, ("mount", *options), capture_output=True)
        if mounting.returncode:
            pytest.skip("nobody may mount a file system here")
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    try:
        server.start()
        yield await open_studio(server, node_clients)
    finally:
        server.close()
        await asyncio.to_thread(subprocess.run, ("umount", str(server.data_dir)), check=True)


async def test_D5_a_disk_without_room(small_disk_studio: Studio) -> None:
    @asynccontextmanager
    async def fault() -> AsyncGenerator[None]:
        filler = small_disk_studio.server.data_dir / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        try:
            yield
        finally:
            filler.unlink()

    await survives(small_disk_studio, fault)


async def test_D5_a_file_that_another_process_has_locked(own_studio: Studio) -> None:
    await survives(own_studio, locked(own_studio))


@pytest.fixture
async def postgres_studio(
    stoppable_postgres: StoppablePostgres, node_clients: NodeClients, tmp_path: Path
) -> AsyncIterator[Studio]:
    server = IonfluxServer(tmp_path, {"IONFLUX_DATABASE_URL": stoppable_postgres.url})
    server.start()
    yield await open_studio(server, node_clients)
    server.close()


@pytest.mark.postgres
async def test_D5_a_postgres_that_is_stopped_and_started(
    postgres_studio: Studio, stoppable_postgres: StoppablePostgres
) -> None:
    @asynccontextmanager
    async def fault() -> AsyncGenerator[None]:
        await asyncio.to_thread(stoppable_postgres.stop)
        try:
            yield
        finally:
            stoppable_postgres.start()

    await survives(postgres_studio, fault, stoppable_postgres.url)
