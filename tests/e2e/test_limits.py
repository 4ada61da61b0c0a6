"""Every limit with stock clients: the verdict arrives, nobody else is disturbed, the client recovers (W4)."""

import pytest

from tests.clients.client import WIRES, Wire
from tests.services.studio import Studio

pytestmark = pytest.mark.node

NARROW = {
    "IONFLUX_MAX_FRAME_BYTES": "20000",
    "IONFLUX_MAX_DOCUMENT_BYTES": "30000",
    "IONFLUX_MAX_AWARENESS_BYTES": "1000",
    "IONFLUX_MAX_DOCUMENTS_PER_SOCKET": "2",
    "IONFLUX_MAX_SOCKETS_PER_USER": "3",
    "IONFLUX_MAX_FRAMES_PER_SECOND": "20",
}
CARRIERS = [NARROW, NARROW | {"IONFLUX_WEBSOCKETS": "asgi"}]

narrow = pytest.mark.parametrize("own_ionflux", [NARROW], indirect=True)
on_both_carriers = pytest.mark.parametrize("own_ionflux", CARRIERS, ids=["picows", "asgi"], indirect=True)


def take_refusals(studio: Studio, words: str) -> None:
    """Take note of what y-websocket's provider has printed, which is all that it does of a refusal."""
    assert all(words in line for line in studio.clients.take_console())


@narrow
@pytest.mark.parametrize("wire", WIRES)
async def test_W4_a_document_that_would_be_too_large_is_served_on_and_its_author_recovers(
    own_studio: Studio, wire: Wire
) -> None:
    ann = await own_studio.join(wire, name="ann")
    bob = await own_studio.join("hocuspocus", await own_studio.member("Bob"), name="bob")
    for _ in range(2):
        await ann.text("t").insert(0, "x" * 10_000)
    await bob.text("t").length_is(20_000)

    await ann.text("t").insert(0, "y" * 15_000)
    await ann.refused()
    await bob.text("t").delete(0, 20_000)
    await bob.text("u").insert(0, "still here")
    await ann.text("u").equals("still here")

    # Bob has made room: what Ann has comes in by itself.
    await bob.text("t").equals("y" * 15_000)
    assert ann.all_events("close") == []
    if wire == "hocuspocus":
        await ann.saved()
    take_refusals(own_studio, "too large")


@on_both_carriers
@pytest.mark.parametrize("wire", WIRES)
async def test_W4_an_edit_too_large_for_a_frame_is_refused_and_undoing_it_recovers(
    own_studio: Studio, wire: Wire
) -> None:
    ann = await own_studio.join(wire, name="ann")
    bob = await own_studio.join("hocuspocus", await own_studio.member("Bob"), name="bob")
    await ann.text("t").insert(0, "good ")

    await ann.text("t").insert(5, "x" * 25_000)
    await ann.refused()
    await ann.text("t").insert(0, "very ")
    await ann.text("t").delete(10, 25_000)

    await bob.text("t").equals("very good ")
    await ann.text("t").insert(0, "all ")
    await bob.text("t").equals("all very good ")
    assert ann.all_events("close") == []
    if wire == "hocuspocus":
        await ann.saved()
    take_refusals(own_studio, "too large")


@on_both_carriers
@pytest.mark.parametrize("wire", WIRES)
async def test_W4_a_message_beyond_all_measure_ends_its_socket_and_brings_no_loop(
    own_studio: Studio, wire: Wire
) -> None:
    ann = await own_studio.join(wire, name="ann")
    bob = await own_studio.join("hocuspocus", await own_studio.member("Bob"), name="bob")
    await ann.text("t").insert(0, "good ")
    await bob.text("t").equals("good ")

    await ann.text("t").insert(5, "x" * 100_000)
    await ann.event("close")
    await ann.event("open", count=2)  # comes back, and is let in only after a while
    await ann.text("t").delete(5, 100_000)
    await ann.event("synced", count=2)
    await ann.text("t").insert(0, "very ")

    await bob.text("t").equals("very good ")
    assert (await ann.state())["attempts"] == 2
    assert bob.all_events("close") == []


@narrow
@pytest.mark.parametrize("wire", WIRES)
async def test_W4_presence_that_is_too_large_is_kept_back_and_the_next_is_shown(
    own_studio: Studio, wire: Wire
) -> None:
    ann = await own_studio.join(wire, name="ann")
    bob = await own_studio.join("hocuspocus", await own_studio.member("Bob"), name="bob")

    await ann.set_presence("note", "x" * 2000)
    if wire == "y-websocket":
        await ann.refused()
    else:
        await ann.event("stateless")
    await ann.set_presence("note", "short")

    await bob.sees(ann, "note", "short")
    assert ann.all_events("close") == []
    take_refusals(own_studio, "more than 1000 bytes")


@narrow
async def test_W4_one_document_too_many_on_a_socket_is_denied_until_another_is_closed(
    own_studio: Studio,
) -> None:
    names = [
        (await own_studio.owner.page(own_studio.page.workspace_id, title)).name
        for title in ("Second", "Third")
    ]
    first = await own_studio.join("hocuspocus", name="first")
    second = await own_studio.join("hocuspocus", name="second", document=names[0], shares=first)
    third = await own_studio.open("hocuspocus", name="third", document=names[1], shares=first)
    await third.event("authenticationFailed")
    await first.text("t").insert(0, "on")
    await first.saved()

    await second.destroy()
    await third.send_token()
    await third.event("authenticated")

    assert (await first.state())["attempts"] == 1
    assert first.all_events("close") == []


@narrow
@pytest.mark.parametrize("wire", WIRES)
async def test_W4_one_socket_too_many_is_let_in_by_itself_when_another_is_gone(
    own_studio: Studio, wire: Wire
) -> None:
    others = [await own_studio.join(wire, name=f"{number}") for number in range(3)]
    late = await own_studio.open(wire, name="late")
    await late.event("close", code=4529)

    await others[0].destroy()

    await late.synced(timeout=30)
    assert late.all_events("terminal") == []


@narrow
@pytest.mark.parametrize("wire", WIRES)
async def test_W4_whoever_types_faster_than_allowed_is_slowed_down_and_loses_nothing(
    own_studio: Studio, wire: Wire
) -> None:
    ann = await own_studio.join(wire, name="ann", receipts=True)
    bob = await own_studio.join("hocuspocus", await own_studio.member("Bob"), name="bob")
    for number in range(100):
        await ann.text("t").insert(number, "x")
        await ann.set_presence("at", number)

    await bob.text("t").equals("x" * 100)
    assert ann.all_events("close") == []
