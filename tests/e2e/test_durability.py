"""What is acknowledged survives; nothing is acknowledged before it does."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.clients.client import WIRES, NodeClient, Wire
from tests.e2e import frames
from tests.e2e.test_stock_clients import two_parts
from tests.services.studio import Studio

pytestmark = pytest.mark.node


@asynccontextmanager
async def commits_held_back(data_dir: Path) -> AsyncGenerator[None]:
    """Keep the server from committing, as another writer of its database would."""
    with closing(sqlite3.connect(data_dir / "ionflux.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


async def test_D2_unsynced_changes_clear_only_after_the_commit(own_studio: Studio) -> None:
    yws, hocuspocus = await own_studio.pair()
    await hocuspocus.text("t").insert(0, "saved ")
    await hocuspocus.saved()

    async with commits_held_back(own_studio.server.data_dir):
        await hocuspocus.text("t").insert(6, "held")
        # The others see it at once. Presence goes the same way there and back, so that an acknowledgement
        # that does not wait for the commit would have come before it.
        await yws.text("t").equals("saved held")
        await yws.set_presence("cursor", 1)
        await hocuspocus.sees(yws, "cursor", 1)
        assert (await hocuspocus.state())["unsynced"] == 1

    await hocuspocus.saved()
    await own_studio.server.kill()
    await own_studio.server.restart()
    assert await own_studio.read_afresh() == "saved held"


async def test_D2_a_yws_edit_is_echoed_only_after_the_commit(own_studio: Studio) -> None:
    yws, hocuspocus = await own_studio.pair()

    async with commits_held_back(own_studio.server.data_dir):
        await yws.text("t").insert(0, "held")
        await hocuspocus.text("t").equals("held")
        before = (await yws.state())["receipts"]["acknowledged"]

    await yws.acknowledged_count(before + 1)


@pytest.mark.parametrize("wire", WIRES)
async def test_D2_what_is_acknowledged_survives_a_kill(own_studio: Studio, wire: Wire) -> None:
    client = await own_studio.join(wire, name="client", receipts=True)
    before = (await client.state())["receipts"]["acknowledged"]
    for index in range(50):
        await client.text("t").insert(index, "🙂a"[index % 2])
    await client.acknowledged_count(before + 50)
    acknowledged = await own_studio.clients.acknowledged(client)

    await own_studio.server.kill()
    await client.destroy()
    await own_studio.server.restart()

    fresh = await own_studio.join("hocuspocus")
    assert await fresh.missing(acknowledged) is None


async def test_D4_what_waits_for_another_update_survives_a_kill(own_studio: Studio) -> None:
    first, second = await two_parts(own_studio)
    hocuspocus = await own_studio.join("hocuspocus", name="early", receipts=True)
    await hocuspocus.saved()  # what it answered to the server's first question is acknowledged, too
    before = (await hocuspocus.state())["receipts"]["acknowledged"]
    await hocuspocus.send_raw(frames.frame("hocuspocus", own_studio.page.name, frames.update(second)))
    await hocuspocus.acknowledged_count(before + 1)

    await own_studio.server.kill()
    await hocuspocus.destroy()
    await own_studio.server.restart()
    yws, later = await own_studio.pair()
    assert await later.text("t").read() == ""
    await later.apply(first)

    await yws.text("t").equals("ab")
    await later.text("t").equals("ab")
    assert await own_studio.read_afresh() == "ab"


async def keep_typing(client: NodeClient, stop: asyncio.Event) -> int:
    """Type digits at the end of the client's own text; return how many."""
    typed = 0
    while not stop.is_set():
        await client.text(client.name).insert(typed, str(typed % 10))
        typed += 1
    return typed


async def test_R6_a_server_that_is_told_to_stop_loses_nothing(own_studio: Studio) -> None:
    clients = await own_studio.pair()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        typists = [tasks.create_task(keep_typing(client, stop)) for client in clients]
        for client in clients:
            await client.text(client.name).contains("0123456789")

        code = await own_studio.server.terminate()

        for client in clients:
            assert (await client.event("close"))["code"] == 1012
            assert client.all_events("terminal") == []
        stop.set()
    assert code == 0

    await own_studio.server.restart()
    for client in clients:
        await client.event("synced", count=2, timeout=30)
    await clients[0].converged(clients[1])
    await clients[1].saved()
    fresh = await own_studio.join("y-websocket", name="fresh")
    for client, typist in zip(clients, typists, strict=True):
        digits = "".join(str(index % 10) for index in range(typist.result()))
        assert await fresh.text(client.name).read() == digits


async def test_R6_what_was_acknowledged_before_the_stop_is_there_for_a_newcomer(own_studio: Studio) -> None:
    yws, hocuspocus = await own_studio.pair(receipts=True)
    await asyncio.gather(yws.text("t").insert(0, "one"), hocuspocus.map("m").set("k", "två"))
    await hocuspocus.converged(yws)

    await own_studio.server.terminate()
    for client in (yws, hocuspocus):
        await client.destroy()
    await own_studio.server.restart()

    # A stopping server commits what it has taken, acknowledged or not.
    fresh = await own_studio.join("hocuspocus", name="fresh")
    await fresh.text("t").equals("one")
    await fresh.map("m").equals({"k": "två"})
    code, said = await own_studio.server.doctor()
    assert code == 0, said
