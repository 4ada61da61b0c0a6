"""A document begins anew under stock clients (D7): no copy from before merges into it."""

import pytest

from tests.clients.client import WIRES, NodeClient, Wire
from tests.services.studio import Studio

pytestmark = pytest.mark.node


async def reset(studio: Studio) -> str:
    """Begin the page anew, as an operator does; return its epoch."""
    code, said = await studio.server.run("document", "reset", studio.page.name)
    assert code == 0, said
    return said.partition("in epoch ")[2].partition(".")[0]


async def sent_away(client: NodeClient) -> None:
    """Wait until a client has been told that its copy is of no more use, in a way that it understands."""
    if client.wire == "y-websocket":
        assert (await client.event("terminal"))["code"] == 4409
        assert not (await client.state())["wants"]
    else:
        assert "begun anew" in (await client.event("authenticationFailed"))["reason"]
        assert client.all_events("close", code=4409) == []


@pytest.mark.parametrize("wire", WIRES)
async def test_D7_open_clients_are_sent_away_and_others_begin_anew(studio: Studio, wire: Wire) -> None:
    client = await studio.join(wire, name="old", receipts=True)
    await client.text("t").insert(0, "old")
    await client.acknowledged_count(1)

    await reset(studio)
    await sent_away(client)

    assert await studio.read_afresh() == ""


@pytest.mark.parametrize("wire", WIRES)
async def test_D7_a_client_that_was_offline_does_not_bring_the_past_back(studio: Studio, wire: Wire) -> None:
    writer = await studio.join("hocuspocus", name="writer")
    client = await studio.join(wire, name="offline")
    await writer.text("t").insert(0, "written by both ")
    await client.text("t").insert(0, "and ")
    await writer.converged(client)
    await writer.saved()
    await client.disconnect()
    await writer.destroy()
    await client.text("t").insert(0, "offline ")

    fresh = await studio.join("y-websocket", name="fresh", receipts=True, epoch=await reset(studio))
    await fresh.text("t").insert(0, "new")
    await fresh.acknowledged_count(1)
    await client.connect()
    await sent_away(client)

    assert await studio.read_afresh() == "new"


@pytest.mark.parametrize("wire", WIRES)
async def test_D7_a_client_of_the_new_epoch_comes_back_with_what_it_wrote_offline(
    studio: Studio, wire: Wire
) -> None:
    epoch = await reset(studio)
    client = await studio.join(wire, name="new", epoch=epoch)
    await client.text("t").insert(0, "one ")
    await client.kill()
    await client.event("close", code=1006)
    await client.text("t").insert(4, "two ")

    other = await studio.join("hocuspocus", name="other")
    await other.text("t").equals("one two ")


@pytest.mark.parametrize("wire", WIRES)
async def test_D7_a_stated_epoch_that_is_over_is_refused(studio: Studio, wire: Wire) -> None:
    stated = studio.page.epoch
    client = await studio.join(wire, name="in time", epoch=stated)
    await client.destroy()
    await reset(studio)
    late = await studio.open(wire, name="late", epoch=stated)
    await sent_away(late)
