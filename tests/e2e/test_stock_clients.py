"""Unmodified clients of both wires on one page of a real server: they converge, whatever they write."""

import asyncio

import pycrdt
import pytest

from tests.clients.client import WIRES, NodeClient, Wire
from tests.e2e import frames
from tests.services.studio import Studio
from tests.tiptap import EVERY_NODE, document, paragraph, text

pytestmark = pytest.mark.node

WORDS = (
    "Grüße ",
    "東京 ",
    "שלום ",
    "مرحبا ",
    "👩‍👩‍👧‍👦 ",
    "🏳️‍🌈 ",
    "e\u0301 ",
    "𝒳 ",
    "\u202eרבע\u202c ",
    "\n",
)
"""Non-ASCII, right to left, joined and astral emoji, combining marks, direction marks."""


async def test_W1_clients_of_both_wires_edit_every_shared_type(studio: Studio) -> None:
    yws, hocuspocus = await studio.pair()

    await asyncio.gather(
        yws.text("t").insert(0, "".join(WORDS)),
        hocuspocus.map("m").set("Schlüssel 🔑", {"größe": [1, 2.5, None, True, "ß"]}),
        yws.array("a").push("one", {"two": 2}, [3]),
        hocuspocus.fragment("doc").set(EVERY_NODE),
    )
    await hocuspocus.converged(yws)
    await asyncio.gather(
        hocuspocus.text("t").delete(0, 6),
        yws.map("m").set("von yws", "✓"),
        hocuspocus.array("a").insert(1, "between"),
        yws.array("a").delete(2),
    )
    await hocuspocus.converged(yws)

    for wire in WIRES:
        fresh = await studio.join(wire)
        await fresh.text("t").equals("".join(WORDS[1:]))
        await fresh.map("m").equals(
            {"Schlüssel 🔑": {"größe": [1, 2.5, None, True, "ß"]}, "von yws": "✓"},
        )
        await fresh.array("a").equals(["one", "between", {"two": 2}])
        await fresh.fragment("doc").equals(EVERY_NODE)


async def test_W1_both_wires_type_into_the_same_place_at_once(studio: Studio) -> None:
    yws, hocuspocus = await studio.pair()
    await yws.text("t").insert(0, "[]")
    await hocuspocus.text("t").equals("[]")

    async def write(client: NodeClient, word: str) -> None:
        for character in word:
            await client.text("t").insert(1, character)

    await asyncio.gather(write(yws, "abc🙂" * 20), write(hocuspocus, "xyzé" * 20))
    await yws.converged(hocuspocus)

    written = await yws.text("t").read()
    assert sorted(written) == sorted("[]" + "abc🙂" * 20 + "xyzé" * 20)
    assert await studio.read_afresh() == written


async def test_W1_tiptap_documents_inside_blocks_are_edited_on_both_wires(studio: Studio) -> None:
    yws, hocuspocus = await studio.pair()
    blocks = yws.map("blocks")
    await yws.edit(
        blocks.creating("b1", "map"),
        yws.map("blocks", "b1").setting("type", "text"),
        yws.map("blocks", "b1").setting("position_x", 120.5),
        yws.map("blocks", "b1").creating("content", "map"),
        yws.map("blocks", "b1", "content").creating("doc", "fragment"),
        yws.fragment("blocks", "b1", "content", "doc").setting(document(paragraph(text("First")))),
    )
    path = ("blocks", "b1", "content", "doc")
    await hocuspocus.fragment(*path).equals(document(paragraph(text("First"))))

    # Two people in one paragraph, then one of them a new one: Tiptap's own diff makes the edits.
    await hocuspocus.fragment(*path).set(document(paragraph(text("First"), text(" 𝐛𝐨𝐥𝐝", "bold"))))
    await yws.fragment(*path).equals(document(paragraph(text("First"), text(" 𝐛𝐨𝐥𝐝", "bold"))))
    after = document(paragraph(text("First"), text(" 𝐛𝐨𝐥𝐝", "bold")), paragraph(text("שורה")))
    await yws.fragment(*path).set(after)
    await hocuspocus.fragment(*path).equals(after)

    fresh = await studio.join("hocuspocus")
    await fresh.fragment(*path).equals(after)
    assert (await fresh.map("blocks", "b1").read())["position_x"] == 120.5


async def test_W1_documents_share_one_hocuspocus_socket(studio: Studio) -> None:
    other = await studio.owner.page(studio.page.workspace_id, "Second")
    first = await studio.join("hocuspocus", name="first")
    second = await studio.join("hocuspocus", name="second", document=other.name, shares=first)
    unknown = await studio.open("hocuspocus", name="unknown", document="page:nope", shares=first)
    await unknown.event("authenticationFailed")

    await first.text("t").insert(0, "in the first")
    await second.text("t").insert(0, "in the second")
    await first.saved()
    await second.saved()
    await first.destroy()
    await second.text("t").insert(0, "still ")
    await second.saved()

    assert await studio.read_afresh() == "in the first"
    assert (await second.state())["attempts"] == 1
    assert second.all_events("close") == []


async def test_W1_one_document_twice_on_one_socket_with_session_awareness(studio: Studio) -> None:
    first = await studio.join("hocuspocus", name="first", session_awareness=True)
    second = await studio.join("hocuspocus", name="second", session_awareness=True, shares=first)

    await first.text("t").insert(0, "both")
    await second.text("t").equals("both")
    await second.set_presence("cursor", 4)

    await first.sees(second, "cursor", 4)
    await first.saved()


@pytest.mark.parametrize("wire", WIRES)
async def test_W1_edits_made_offline_arrive_when_the_client_is_back(studio: Studio, wire: Wire) -> None:
    other = await studio.join("hocuspocus", name="other")
    client = await studio.join(wire, name="client")
    await client.text("t").insert(0, "one ")
    await other.text("t").equals("one ")

    await client.kill()
    await client.event("close", code=1006)
    await client.text("t").insert(4, "two ")
    await other.text("t").insert(0, "zero ")

    await client.text("t").equals("zero one two ")
    await other.converged(client)


async def test_D4_an_update_that_waits_for_another_shows_when_that_comes(studio: Studio) -> None:
    yws, hocuspocus = await studio.pair()
    first, second = await two_parts(studio)

    await yws.send_raw(frames.update(second))
    await yws.set_presence("sent", True)
    await hocuspocus.sees(yws, "sent", True)
    assert await hocuspocus.text("t").read() == ""
    await hocuspocus.apply(first)

    await yws.text("t").equals("ab")
    await hocuspocus.text("t").equals("ab")
    assert await studio.read_afresh() == "ab"


async def two_parts(studio: Studio) -> tuple[bytes, bytes]:
    """Two updates of which the second depends on the first."""
    offline = await studio.open("y-websocket", name="offline", connect=False)
    await offline.text("t").insert(0, "a")
    first = await offline.update()
    await offline.text("t").insert(1, "b")
    return first, pycrdt.get_update(await offline.update(), pycrdt.get_state(first))
