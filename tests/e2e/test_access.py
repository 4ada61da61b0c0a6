"""Who may see and change a page, and what the stock clients of those who may not are told."""

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from tests.clients.client import WIRES, NodeClient, Wire
from tests.e2e import frames
from tests.services.studio import Studio

pytestmark = pytest.mark.node

NO_DOCUMENT = {
    "unknown": "page:019a0000-0000-7000-8000-000000000000",
    "not a uuid": "page:nope",
    "no kind": "nonsense",
    "other kind": "table:019a0000-0000-7000-8000-000000000000",
    "other spelling": "page:{019A0000-0000-7000-8000-000000000000}",
}


async def refused(client: NodeClient, code: int) -> None:
    """Wait for the final refusal of a client that records, and check that it saw nothing of the document."""
    if client.wire == "y-websocket":
        told = await client.event("terminal")
        assert told["code"] == code
        assert not (await client.state())["wants"]
    else:
        told = await client.event("authenticationFailed")
        assert client.all_events("close") == []
    assert told["reason"]
    received = [frame for direction, frame in await client.frames() if direction == "received"]
    assert all(is_refusal(frame, told["reason"]) for frame in received)
    assert await client.state_vector() == {}
    assert await client.presence() == {client.client_id: {}}


def is_refusal(frame: bytes, reason: str) -> bool:
    """Whether a frame says this and nothing else, in the protocol's words or, for programs, in our own."""
    if frame.endswith(frames.string(reason)):
        return True
    start = frame.index(b'{"document":')
    verdict = json.loads(frame[start:])
    is_whole = frame[:start].endswith(b"\x05" + frames.number(len(frame) - start))
    return is_whole and verdict == {"document": "denied", "code": verdict["code"], "reason": reason}


async def comes_no_more(client: NodeClient, studio: Studio) -> None:
    """Check that a refused client does not try again while others work."""
    for wire in WIRES:
        await (await studio.join(wire)).text("t").insert(0, "work")
    assert (await client.state())["attempts"] == 1
    assert len(client.all_events("token")) <= 1


async def open_recorded(studio: Studio, wire: Wire, **options: Any) -> NodeClient:
    client = await studio.open(wire, name="refused", connect=False, **options)
    await client.record()
    await client.connect()
    return client


@pytest.mark.parametrize("document", NO_DOCUMENT.values(), ids=NO_DOCUMENT.keys())
@pytest.mark.parametrize("wire", WIRES)
async def test_A1_W3_a_document_that_is_not_there_is_refused_for_good(
    studio: Studio, wire: Wire, document: str
) -> None:
    client = await open_recorded(studio, wire, document=document)

    await refused(client, 4403)
    await comes_no_more(client, studio)


@pytest.mark.parametrize("wire", WIRES)
async def test_A1_W3_another_workspaces_page_looks_as_if_it_were_not_there(
    studio: Studio, wire: Wire
) -> None:
    stranger = await studio.server.person("Eve")
    absent = await open_recorded(studio, wire, document=NO_DOCUMENT["unknown"], token=stranger.token)
    await refused(absent, 4403)
    told = absent.events[-1].get("reason")
    await absent.destroy()

    client = await open_recorded(studio, wire, token=stranger.token)

    await refused(client, 4403)
    assert client.events[-1].get("reason") == told
    await comes_no_more(client, studio)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("kind", ["garbage", "empty", "expired", "foreign key"])
async def test_A1_W3_a_token_that_speaks_for_nobody_is_refused_for_good(
    studio: Studio, wire: Wire, kind: str
) -> None:
    client = await open_recorded(studio, wire, token=bad_token(studio, kind))

    await refused(client, 4401)
    await comes_no_more(client, studio)


def bad_token(studio: Studio, kind: str) -> str:
    if kind == "garbage":
        return "gar%bage.é.🙂"
    if kind == "empty":
        return ""
    claims = jwt.decode(studio.owner.token, options={"verify_signature": False})  # pyright: ignore[reportUnknownMemberType]  its types name an optional package
    if kind == "expired":
        return studio.server.sign_token(claims["sub"], claims["sid"], lifetime=-timedelta(seconds=1))
    return jwt.encode(claims, "somebody else's key of enough bytes", algorithm="HS256")  # pyright: ignore[reportUnknownMemberType]  as above


async def test_W3_a_refused_hocuspocus_client_comes_in_with_a_better_token(studio: Studio) -> None:
    client = await studio.open("hocuspocus", token="garbage")
    await client.event("authenticationFailed")

    await client.set_token(studio.owner.token)
    await client.send_token()
    await client.event("authenticated", scope="read-write")
    await client.text("t").insert(0, "in")

    await (await studio.join("y-websocket")).text("t").equals("in")
    assert (await client.state())["attempts"] == 1


async def test_W3_a_refused_yws_client_comes_in_with_a_better_token(studio: Studio) -> None:
    client = await studio.open("y-websocket", token="garbage")
    await client.event("terminal", code=4401)

    await client.set_token(studio.owner.token)
    await client.connect()

    await client.synced()


async def test_A1_a_token_in_the_address_does_not_reach_the_log(studio: Studio) -> None:
    await studio.join("y-websocket")
    bad = await studio.open("y-websocket", token="garbage-that-is-a-secret")
    await bad.event("terminal")

    log = studio.server.log_text()
    assert studio.owner.token not in log
    assert "garbage-that-is-a-secret" not in log


@pytest.mark.parametrize("wire", WIRES)
async def test_A2_a_reader_sees_everything_and_changes_nothing(studio: Studio, wire: Wire) -> None:
    ann = await studio.join("hocuspocus", name="ann")
    await ann.edit(ann.text("t").inserting(0, "theirs"), ann.map("m").setting("k", 1))
    reader = await studio.join(wire, await studio.member("Gus", "guest"), name="reader")
    await reader.text("t").equals("theirs")

    await reader.text("t").insert(0, "mine ")
    await reader.text("t").delete(5, 2)
    await reader.map("m").set("k", 2)
    await reader.map("m").remove("k")
    await reader.set_presence("done", True)
    await ann.sees(reader, "done", True)
    await ann.text("t").insert(6, "!")
    await reader.text("t").contains("!")

    assert await ann.text("t").read() == "theirs!"
    assert await ann.map("m").read() == {"k": 1}
    assert await studio.read_afresh() == "theirs!"
    if wire == "hocuspocus":
        assert reader.all_events("authenticated")[0]["scope"] == "readonly"
        assert (await reader.state())["receipts"]["refused"] == 4
        assert (await reader.state())["unsynced"] > 0
    else:
        assert len(studio.clients.take_console()) == 4  # the provider warns of each refusal


@pytest.mark.parametrize("wire", WIRES)
async def test_A2_a_reader_who_only_deletes_is_refused(studio: Studio, wire: Wire) -> None:
    ann = await studio.join("hocuspocus", name="ann")
    await ann.text("t").insert(0, "theirs")
    reader = await studio.join(wire, await studio.member("Gus", "guest"), name="reader")
    await reader.text("t").equals("theirs")

    await reader.text("t").delete(0, 3)
    await reader.set_presence("done", True)
    await ann.sees(reader, "done", True)

    assert await ann.text("t").read() == "theirs"
    if wire == "hocuspocus":
        assert (await reader.state())["receipts"]["refused"] == 1
    else:
        assert len(studio.clients.take_console()) == 1


@pytest.mark.parametrize("wire", WIRES)
async def test_A2_a_reader_who_changed_nothing_is_in_sync(studio: Studio, wire: Wire) -> None:
    ann = await studio.join("hocuspocus", name="ann")
    await ann.text("t").insert(0, "theirs")
    await ann.text("t").delete(0, 1)
    reader = await studio.join(wire, await studio.member("Gus", "guest"), name="reader")

    await reader.kill()
    await reader.event("attempt", number=2)
    await reader.synced()

    await reader.converged(ann)
    if wire == "hocuspocus":
        await reader.saved()
        assert (await reader.state())["receipts"]["refused"] == 0


@pytest.mark.parametrize(
    "wires", [WIRES, WIRES[::-1]], ids=[" sees ".join(WIRES), " sees ".join(WIRES[::-1])]
)
async def test_A5_presence_bears_the_name_that_the_server_knows(
    studio: Studio, wires: tuple[Wire, Wire]
) -> None:
    ben = await studio.member("Ben")
    watcher, liar = await studio.join(wires[0]), await studio.join(wires[1], ben)

    await liar.set_presence("user", {"name": "Ann", "id": studio.owner.principal_id, "color": "url(x)"})
    await liar.set_presence("cursor", {"anchor": 3})
    await watcher.sees(liar, "cursor", {"anchor": 3})

    user = (await watcher.presence())[liar.client_id]["user"]
    assert (user["id"], user["name"], user["kind"]) == (ben.principal_id, "Ben", "user")
    assert user["color"].startswith("#")


@pytest.mark.parametrize(
    "forgery", [{"user": {"name": "Ann"}, "cursor": "forged"}, None], ids=["speak", "remove"]
)
@pytest.mark.parametrize("wire", WIRES)
async def test_A5_nobody_speaks_for_anothers_client_id(
    studio: Studio, wire: Wire, forgery: dict[str, object] | None
) -> None:
    yws, hocuspocus = await studio.pair()
    for client in (yws, hocuspocus):
        await client.set_presence("cursor", client.name)
    mallory = await studio.join(wire, await studio.member("Mallory"), name="mallory")
    await mallory.sees(yws, "cursor", "yws")

    for victim in (yws, hocuspocus):
        forged = frames.presence(victim.client_id, 1000, forgery)
        await mallory.send_raw(frames.frame(wire, studio.page.name, forged))
    await mallory.set_presence("cursor", "mine")

    for client, other in ((yws, hocuspocus), (hocuspocus, yws)):
        await client.sees(mallory, "cursor", "mine")
        await client.sees(other, "cursor", other.name)
    fresh = await studio.join(wire)
    await fresh.sees(yws, "cursor", "yws")
    await fresh.sees(hocuspocus, "cursor", "hocuspocus")


@pytest.mark.parametrize("wire", WIRES)
async def test_A5_a_second_client_under_anothers_id_is_not_believed(studio: Studio, wire: Wire) -> None:
    ann = await studio.join("hocuspocus", name="ann")
    await ann.set_presence("cursor", "ann")
    watcher = await studio.join("y-websocket", name="watcher")

    mallory = await studio.join(wire, await studio.member("Mallory"), client_id=ann.client_id)
    for cursor in range(5):
        await mallory.set_presence("cursor", cursor)
    await ann.set_presence("cursor", "still ann")

    await watcher.sees(ann, "cursor", "still ann")
    user = (await watcher.presence())[ann.client_id]["user"]
    assert user["name"] == "Ann"


@pytest.mark.parametrize("wire", WIRES)
async def test_A5_presence_ends_with_the_socket(studio: Studio, wire: Wire) -> None:
    watchers = await studio.pair()
    client = await studio.join(wire, await studio.member("Ben"))
    await client.set_presence("cursor", 1)
    for watcher in watchers:
        await watcher.sees(client, "cursor", 1)

    await client.disconnect()

    for watcher in watchers:
        await watcher.sees_gone(client)
