"""The harness itself, tried against the stock servers: what it says of a client must be so."""

import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.clients.client import WIRES, NodeClient, Wire
from tests.clients.driver import DriverDiedError, DriverError, NodeClients, Step
from tests.clients.stock import StockServer, stock_server
from tests.tiptap import EVERY_NODE
from tests.traces import Trace, load_trace

pytestmark = pytest.mark.node


@pytest.fixture(params=WIRES)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[StockServer]:
    async with stock_server(request.param) as server:
        yield server


@pytest.fixture
async def hocuspocus() -> AsyncIterator[StockServer]:
    async with stock_server("hocuspocus") as server:
        yield server


async def open_two(
    clients: NodeClients, server: StockServer, **options: Any
) -> tuple[NodeClient, NodeClient]:
    """Two synced clients on one document."""
    ann = await clients.open("ann", wire=server.wire, url=server.url, document="d", **options)
    ben = await clients.open("ben", wire=server.wire, url=server.url, document="d")
    await ann.synced()
    await ben.synced()
    return ann, ben


async def test_every_shared_type_is_written_and_read(server: StockServer, node_clients: NodeClients) -> None:
    ann, ben = await open_two(node_clients, server)
    text, items = ann.text("t"), ann.array("a")

    await text.insert(0, "👩‍👩‍👧 שלום")
    await text.insert(5, "é", unit="codepoint")
    await text.delete(0, 2)
    await ann.edit(
        items.inserting(0, 1, "two", None), items.deleting(0), ann.map("m").setting("k", {"v": [1]})
    )
    await ann.edit(
        ann.map("m").creating("content", "map"), ann.map("m", "content").creating("doc", "fragment")
    )
    await ann.fragment("m", "content", "doc").set(EVERY_NODE)
    await ann.converged(ben)

    assert await ben.text("t").read() == "\u200d👩\u200d👧é שלום"
    assert await ben.array("a").read() == ["two", None]
    assert (await ben.map("m").read())["k"] == {"v": [1]}
    assert await ben.fragment("m", "content", "doc").read() == EVERY_NODE
    assert '<heading level="2">' in await ben.fragment("m", "content", "doc").xml()
    assert await ann.state_vector() == await ben.state_vector()


async def test_a_transaction_is_one_frame(server: StockServer, node_clients: NodeClients) -> None:
    ann, ben = await open_two(node_clients, server)
    await ann.record()

    await ann.edit(ann.text("t").inserting(0, "ab"), ann.text("t").deleting(0, 1))
    await ben.text("t").equals("b")

    assert [direction for direction, _ in await ann.frames()].count("sent") == 1


async def test_presence_comes_and_goes(server: StockServer, node_clients: NodeClients) -> None:
    ann, ben = await open_two(node_clients, server)

    await ann.set_presence("user", {"name": "Ann"})
    await ben.sees(ann, "user", {"name": "Ann"})
    await ben.present_count(2)
    await ann.destroy()

    await ben.sees_gone(ann)
    assert set(await ben.presence()) == {ben.client_id}


async def test_a_killed_socket_comes_back(server: StockServer, node_clients: NodeClients) -> None:
    ann, ben = await open_two(node_clients, server)

    await ann.kill()
    assert (await ann.event("close"))["code"] == 1006
    await ann.text("t").insert(0, "offline")
    await ann.event("attempt", number=2)

    await ben.text("t").equals("offline")


async def test_a_disconnected_client_stays_away(server: StockServer, node_clients: NodeClients) -> None:
    ann, ben = await open_two(node_clients, server)

    await ann.disconnect()
    await ann.event("status", status="disconnected")
    await ben.text("t").insert(0, "unseen")
    assert await ann.text("t").read() == ""
    await ann.connect()

    await ann.converged(ben)
    assert (await ann.state())["attempts"] == 2


async def test_a_wait_that_fails_says_what_is_there(server: StockServer, node_clients: NodeClients) -> None:
    ann, _ = await open_two(node_clients, server)
    await ann.text("t").insert(0, "present")

    with pytest.raises(
        DriverError, match=r'ann: not within 50 ms: text t equals .*it is "present".*"synced":true'
    ):
        await ann.text("t").equals("absent!", timeout=0.05)


async def test_updates_with_missing_dependencies_are_pending(
    server: StockServer, node_clients: NodeClients
) -> None:
    ann, ben = await open_two(node_clients, server)
    offline = await node_clients.open(wire=server.wire, url=server.url, document="d", connect=False)
    await offline.text("t").insert(0, "a")
    first = await offline.update()
    await offline.text("t").insert(1, "b")
    second = await offline.update()

    assert await ann.missing(second) is not None
    await ann.apply(first)
    await ben.has(first)
    await ann.apply(second)
    await ben.has(second)

    assert await ann.missing(second) is None
    assert not (await ben.state())["pending"]


async def test_hocuspocus_acknowledges_each_update(
    hocuspocus: StockServer, node_clients: NodeClients
) -> None:
    ann, ben = await open_two(node_clients, hocuspocus, receipts=True)
    await ann.text("t").insert(0, "x")
    await ann.saved()
    await ann.disconnect()
    await ann.event("status", status="disconnected")
    await ann.text("t").insert(1, "y")

    copy = await node_clients.open(wire="hocuspocus", url=hocuspocus.url, document="d", connect=False)
    await copy.apply(await node_clients.acknowledged(ann))
    assert await copy.text("t").read() == "x"
    assert await ben.missing(await ann.update()) is not None
    assert (await ann.state())["unsynced"] == 1
    await ann.connect()
    await ann.saved()
    await ben.text("t").equals("xy")


async def test_a_hocuspocus_reader_is_refused(hocuspocus: StockServer, node_clients: NodeClients) -> None:
    ann, ben = await open_two(node_clients, hocuspocus, token="reader")
    await ann.event("authenticated", scope="readonly")

    await ann.text("t").insert(0, "mine")
    await ben.text("t").insert(0, "yours")
    await ann.text("t").contains("yours")

    assert await ben.text("t").read() == "yours"
    assert (await ann.state())["receipts"]["refused"] == 1
    assert (await ann.state())["unsynced"] > 0


async def test_a_hocuspocus_stranger_is_told(hocuspocus: StockServer, node_clients: NodeClients) -> None:
    ann = await node_clients.open(wire="hocuspocus", url=hocuspocus.url, document="d", token="stranger")
    assert (await ann.event("authenticationFailed"))["reason"] == "permission-denied"

    await ann.set_token("writer")
    await ann.send_token()

    await ann.event("authenticated", scope="read-write")
    assert len(ann.all_events("token")) == 2


async def test_hocuspocus_documents_share_a_socket(
    hocuspocus: StockServer, node_clients: NodeClients
) -> None:
    options: dict[str, Any] = {"wire": "hocuspocus", "url": hocuspocus.url}
    one = await node_clients.open("one", document="d1", **options)
    two = await node_clients.open("two", document="d2", shares=one, **options)
    for client in (one, two):
        await client.synced()
        await client.text("t").insert(0, client.name)
        await client.saved()

    await two.destroy()
    await one.text("t").insert(0, "still ")
    await one.saved()

    assert await one.text("t").read() == "still one"
    assert (await one.state())["attempts"] == 1


async def test_a_dead_driver_is_named(node_clients: NodeClients) -> None:
    os.kill(node_clients.pid, signal.SIGKILL)

    with pytest.raises(DriverDiedError, match=r"Node"):
        await node_clients.call("state", client="nobody")


async def test_an_unknown_client_is_an_error(node_clients: NodeClients) -> None:
    with pytest.raises(DriverError, match="there is no client nobody"):
        await node_clients.call("state", client="nobody")


CONCURRENT: list[Step] = [
    {"author": 0, "seen": 0, "patches": [(0, 0, "😀b")]},
    {"author": 1, "seen": 1, "patches": [(1, 0, "X")]},
    {"author": 0, "seen": 0, "patches": [(1, 1, "")]},
    {"author": 1, "seen": 1, "patches": [(2, 0, "Y"), (3, 1, "")]},
    {"author": 0, "seen": 2, "patches": [(3, 0, "!")]},
    {"author": 1, "seen": 2, "patches": [(1, 1, "Ø")]},
]
"""Two authors who type at once: both delete the same character, and positions count what each had seen."""


async def replay(trace: Trace, server: StockServer, clients: NodeClients) -> str:
    authors = await open_two(clients, server)
    await clients.replay(authors, trace.steps, root="t", client_ids=trace.client_ids)
    await authors[0].converged(authors[1])
    return await authors[1].text("t").read()


async def test_a_replay_honours_what_each_author_had_seen(
    server: StockServer, node_clients: NodeClients
) -> None:
    trace = Trace("two", CONCURRENT, "😀ØY!")

    assert await replay(trace, server, node_clients) == trace.end_content


async def test_a_recorded_session_ends_as_it_did(node_clients: NodeClients, hocuspocus: StockServer) -> None:
    trace = load_trace("friendsforever")

    assert await replay(trace, hocuspocus, node_clients) == trace.end_content


@pytest.mark.parametrize("wire", WIRES)
async def test_a_sequential_session_is_handed_over(wire: Wire, node_clients: NodeClients) -> None:
    trace = load_trace("sveltecomponent", stint=50).beginning(1000)

    async with stock_server(wire) as server:
        assert await replay(trace, server, node_clients) == trace.end_content
