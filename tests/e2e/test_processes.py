"""Two server processes on one database, without a bus, serve one document; one of them is killed (N1, N4)."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clients.client import WIRES, NodeClient, Wire
from tests.clients.driver import NodeClients
from tests.e2e.test_forgery import change, post
from tests.services.databases import BOTH
from tests.services.ionflux import IonfluxServer, expect_no_fault
from tests.services.studio import Studio, open_studio

pytestmark = pytest.mark.node

KILLS = 5
SEED = 496
PACE_SECONDS = 0.005


@pytest.fixture(params=BOTH)
async def pair(
    request: pytest.FixtureRequest, tmp_path: Path, node_clients: NodeClients
) -> AsyncIterator[tuple[Studio, Studio]]:
    """One studio as two servers serve it."""
    settings: dict[str, str] = {}
    if request.param == "postgres":
        settings["IONFLUX_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    first = IonfluxServer(tmp_path, settings)
    second = first.beside("second")
    first.start()
    second.start()
    studio = await open_studio(first, node_clients)
    yield studio, Studio(second, node_clients, studio.owner, studio.page)
    for server in (first, second):
        server.close()
        expect_no_fault(server.log_text())


async def test_N1_clients_of_two_processes_edit_one_document(pair: tuple[Studio, Studio]) -> None:
    clients = [
        await studio.join(wire, name=f"{wire}{number}", receipts=True)
        for number, studio in enumerate(pair)
        for wire in WIRES
    ]
    for number, client in enumerate(clients):
        await client.text("t").insert(0, f"{number}")
    await clients[0].text("t").length_is(4)
    await clients[0].converged(*clients[1:])

    await asyncio.gather(*(type_on(client, "abc🙂" * 10) for client in clients))
    for client in clients:
        await client.text("t").length_is(4 + 4 * 50)
    await clients[0].converged(*clients[1:])
    assert (await pair[0].server.doctor())[0] == 0


@pytest.mark.parametrize("wire", WIRES)
async def test_A7_nobody_writes_as_somebody_whom_another_process_serves(
    pair: tuple[Studio, Studio], wire: Wire
) -> None:
    first, second = pair
    document = await first.owner.channel(first.page.workspace_id)
    member = await first.member("Eve")
    eve = await second.join(wire, member, document=document.name, name="eve")
    ann = await first.join("hocuspocus", document=document.name, name="ann")
    honest = await change(ann, lambda doc: post(doc, first.owner), client_id=ann.client_id)
    await ann.apply(honest)
    await ann.saved()
    await eve.has(honest)  # else her post may take the clocks of what is known by then, and be none

    await eve.apply(await change(eve, lambda doc: post(doc, member), client_id=ann.client_id))

    await eve.event("terminal" if wire == "y-websocket" else "close", code=4400)
    await eve.destroy()
    fresh = await second.join(wire, document=document.name)
    await fresh.has(honest)
    assert (await first.server.doctor())[0] == 0
    first.clients.take_console()


async def type_on(client: NodeClient, text: str) -> None:
    for character in text:
        await client.text("t").insert(0, character)


@pytest.mark.chaos
async def test_N4_a_process_killed_mid_write_leaves_nothing_half_written_and_nothing_locked(
    pair: tuple[Studio, Studio],
) -> None:
    killed, living = pair
    chance = random.Random(SEED)
    victims = [await killed.join(wire, name=f"victim {wire}", receipts=True) for wire in WIRES]
    survivor = await living.join("hocuspocus", name="survivor", receipts=True)
    stop = asyncio.Event()

    async def write(client: NodeClient) -> None:
        while not stop.is_set():
            await client.text(client.name).insert(0, "x")
            await asyncio.sleep(PACE_SECONDS)  # as fast as nobody types

    async with asyncio.TaskGroup() as tasks:
        for client in (*victims, survivor):
            tasks.create_task(write(client))
        for kill in range(KILLS):
            moment = chance.uniform(0.1, 0.6)
            print(f"seed {SEED}, kill {kill}: after {moment:.3f} s")
            await asyncio.sleep(moment)  # the random moment itself, not a wait for anything
            await killed.server.kill()
            before = (await survivor.state())["receipts"]["acknowledged"]
            await survivor.acknowledged_count(before + 20)
            fresh = await living.join("y-websocket", name=f"after kill {kill}")
            acknowledged = await living.clients.acknowledged(*victims, survivor)
            await fresh.has(acknowledged)
            await fresh.destroy()
            await killed.server.restart()
            for client in victims:
                await client.event("synced", count=kill + 2)
        stop.set()

    await survivor.saved()
    fresh = await killed.join("hocuspocus", name="last")
    await fresh.converged(survivor, *victims)
    code, said = await living.server.doctor()
    assert code == 0, said
