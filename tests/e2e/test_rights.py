"""Rights that change, tokens that end and clients that read slowly, on a real server."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx2
import jwt
import pycrdt
import pytest
import websockets

from crdt.protocol import Edit, decode_yws, encode_step1, encode_update
from tests.clients.client import WIRES, NodeClient, Wire
from tests.services.ionflux import Person
from tests.services.studio import Studio

pytestmark = pytest.mark.node


async def ask(person: Person, method: str, path: str, body: dict[str, Any] | None = None) -> None:
    """Send a request that has to succeed."""
    async with httpx2.AsyncClient(base_url=person.server.url, timeout=30) as http:
        headers = {"Authorization": f"Bearer {person.token}"}
        answer = await http.request(method, path, headers=headers, json=body)
    assert answer.is_success, answer.text


async def out(client: NodeClient) -> None:
    """Wait until a client knows that it may not read any more."""
    await client.event("terminal" if client.wire == "y-websocket" else "authenticationFailed")


def member_path(studio: Studio, person: Person) -> str:
    return f"/v1/workspaces/{studio.page.workspace_id}/members/{person.user_id}"


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_a_removed_member_is_out_within_a_second(studio: Studio, wire: Wire) -> None:
    bob = await studio.member("Bob")
    ann, client = await studio.join("hocuspocus", name="ann"), await studio.join(wire, bob, name="bob")
    await ask(studio.owner, "DELETE", member_path(studio, bob))
    began = time.monotonic()
    await out(client)
    assert time.monotonic() - began < 1.0
    await ann.text("t").insert(0, "secret")
    await ann.saved()
    assert await client.text("t").read() == ""


async def test_A3_a_demoted_member_reads_on(studio: Studio) -> None:
    bob = await studio.member("Bob")
    ann, client = (
        await studio.join("hocuspocus", name="ann"),
        await studio.join("hocuspocus", bob, name="bob"),
    )
    await ask(studio.owner, "PATCH", member_path(studio, bob), {"role": "guest"})
    await client.event("authenticated", count=2)
    assert client.all_events("authenticated")[-1]["scope"] == "readonly"
    await client.text("t").insert(0, "no")
    await ann.text("t").insert(0, "yes")
    await client.text("t").contains("yes")
    assert await ann.text("t").read() == "yes"


@pytest.mark.parametrize("wire", WIRES)
async def test_A3_signing_out_ends_the_sockets_of_the_session(studio: Studio, wire: Wire) -> None:
    bob = await studio.member("Bob")
    client = await studio.join(wire, bob, name="bob")
    async with httpx2.AsyncClient(base_url=studio.server.url, timeout=30) as http:
        answer = await http.post("/v1/auth/logout", json={"refresh_token": bob.refresh_token})
    assert answer.is_success, answer.text
    await out(client)


async def test_A3_a_trashed_page_can_only_be_read(studio: Studio) -> None:
    client = await studio.join("hocuspocus", name="ann")
    page_id = studio.page.name.removeprefix("page:")
    await ask(studio.owner, "DELETE", f"/v1/pages/{page_id}")
    await client.event("authenticated", count=2)
    await ask(studio.owner, "POST", f"/v1/pages/{page_id}/restore")
    await client.event("authenticated", count=3)
    scopes = [event["scope"] for event in client.all_events("authenticated")]
    assert scopes == ["read-write", "readonly", "read-write"]


@pytest.mark.parametrize("wire", WIRES)
async def test_A4_an_expired_token_ends_the_socket(studio: Studio, wire: Wire) -> None:
    claims = jwt.decode(  # pyright: ignore[reportUnknownMemberType]  (its types name an absent package)
        studio.owner.token, options={"verify_signature": False}
    )
    token = studio.server.sign_token(claims["sub"], claims["sid"], lifetime=timedelta(seconds=3))
    client = await studio.join(wire, name="brief", token=token)
    await client.event("close", code=4501)
    await client.set_token(studio.owner.token)
    await client.connect()
    await client.text("t").insert(0, "back")
    other = await studio.join("hocuspocus", name="other")
    await other.text("t").equals("back")


async def test_R3_a_client_that_does_not_read_costs_little_and_then_catches_up(studio: Studio) -> None:
    writer = pycrdt.Doc[Any]()
    slow = pycrdt.Doc[Any]()
    url = f"{studio.server.socket_url('y-websocket')}/{studio.page.name}?token={studio.owner.token}"
    before = resident_bytes(studio.server.pid)
    async with (
        websockets.connect(url, max_size=None) as fast_socket,
        websockets.connect(url, max_size=None, max_queue=1) as slow_socket,
    ):
        await slow_socket.send(encode_step1(slow.get_state()))
        await read_until(slow_socket, slow, lambda: True)
        await fast_socket.send(encode_step1(writer.get_state()))
        await read_until(fast_socket, pycrdt.Doc[Any](), lambda: True)  # the document
        fields = writer.get("m", type=pycrdt.Map[str])
        updates: list[bytes] = []
        subscription = writer.observe(lambda event: updates.append(event.update))
        for number in range(160):  # 80 MB in all, of which the document keeps the last half
            fields["k"] = f"{number} {'x' * 500_000}"
            await fast_socket.send(encode_update(updates.pop()))
            await read_until(fast_socket, pycrdt.Doc[Any](), lambda: True)  # its echo: a turn of its own
        grown = resident_bytes(studio.server.pid) - before
        await read_until(
            slow_socket, slow, lambda: slow.get("m", type=pycrdt.Map[str]).get("k") == fields["k"]
        )
        subscription.drop()
    assert grown < 40 * 1024 * 1024


async def read_until(socket: websockets.ClientConnection, doc: pycrdt.Doc[Any], condition: Any) -> None:
    """Take what comes in until an edit has come and the condition holds."""
    async with asyncio.timeout(30):
        while True:
            frame = await socket.recv()
            assert isinstance(frame, bytes)
            edits = [message for message in decode_yws(frame) if isinstance(message, Edit)]
            for edit in edits:
                doc.apply_update(edit.update)
            if edits and condition():
                return


def resident_bytes(pid: int) -> int:
    """Return a process's memory (Linux)."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096
