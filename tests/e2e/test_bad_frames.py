"""Bytes that no client sends: the socket that sent them ends with the right code, and nobody else notices."""

import asyncio
import os
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.clients.client import WIRES, Wire
from tests.e2e import frames
from tests.services.ionflux import IonfluxServer
from tests.services.studio import Studio

pytestmark = pytest.mark.node

DEADLINE_SECONDS = 10

YJS_CLIENT_IDS = 2**32
"""Yjs draws its client ids below; above is the marker of the document's epoch (D7)."""

BAD_REQUEST = 4400
TOO_BIG = 1009
TOO_LATE = 4508

MESSAGES: Final = {
    "nothing": b"",
    "sync without its kind": b"\x00",
    "unknown sync kind": b"\x00\x07\x00",
    "truncated number": b"\x00\x02\x80",
    "endless number": b"\x00\x02" + b"\xff" * 40,
    "number beyond 2^53": b"\x00\x02" + b"\xff" * 9 + b"\x01",
    "longer than it is": b"\x00\x02\xff\xff\xff\xff\x0f\x00",
    "unknown message": b"\x2a\x00",
    "server's own message": b"\x08\x01",
    "broadcast stateless": b"\x06" + frames.string("{}"),
    "awareness without a body": b"\x01",
    "awareness cut short": b"\x01" + frames.sized(b"\x05\x01\x01"),
    "awareness in bad UTF-8": b"\x01" + frames.sized(b"\x01\x05\x01" + frames.sized(b"\xff\xfe")),
    "awareness that is no JSON": b"\x01" + frames.sized(b"\x01\x05\x01" + frames.string("{")),
    "awareness nested too deep": b"\x01"
    + frames.sized(b"\x01\x05\x01" + frames.string('{"a":' + "[" * 50_000)),
    "state vector that is none": frames.step1(b"\xff"),
    "update that is none": frames.update(b"\x07\xff\xff\x00\x01"),
    "update cut short": frames.update(b"\x01\x01\x05\x00\x04\x01\x01t\x03ab"),
    "update of random bytes": frames.update(random.Random(7).randbytes(400)),
    "answer that is no update": b"\x00\x01" + frames.sized(b"\x01\x01"),
}


@asynccontextmanager
async def raw_socket(studio: Studio, wire: Wire) -> AsyncGenerator[ClientConnection]:
    """A socket of a member that has signed in and holds the document's state."""
    member = await studio.member("Mallory")
    address = studio.server.socket_url(wire)
    if wire == "y-websocket":
        address += f"/{studio.page.name}?token={member.token}"
    async with asyncio.timeout(DEADLINE_SECONDS), connect(address, max_size=None) as socket:
        if wire == "hocuspocus":
            await socket.send(frames.frame(wire, studio.page.name, frames.token(member.token)))
        await socket.send(frames.frame(wire, studio.page.name, frames.step1()))
        step2 = frames.frame(wire, studio.page.name, b"\x00\x01")
        async for received in socket:
            if isinstance(received, bytes) and received.startswith(step2):
                break
        yield socket


async def closing_code(socket: ClientConnection, *messages: bytes | str) -> int:
    """Send messages and read until the server has closed, which may be before the last; return its code."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        with suppress(ConnectionClosed):
            for message in messages:
                await socket.send(message)
            while True:
                await socket.recv()
    assert socket.close_reason
    assert socket.close_code is not None
    return socket.close_code


async def send_beside_others(studio: Studio, wire: Wire, message: bytes | str) -> int:
    """Send a message on a socket of its own while two clients work; return the code it is closed with."""
    yws, hocuspocus = await studio.pair()
    await yws.text("t").insert(0, "before ")
    async with raw_socket(studio, wire) as socket:
        code = await closing_code(socket, message)
    await hocuspocus.text("t").insert(7, "after")
    await yws.text("t").equals("before after")
    await hocuspocus.saved()
    assert await studio.read_afresh() == "before after"
    for client in (yws, hocuspocus):
        assert client.all_events("close") == []
        assert not (await client.state())["pending"]
        writers = {client_id for client_id in await client.state_vector() if client_id < YJS_CLIENT_IDS}
        assert writers == {yws.client_id, hocuspocus.client_id}
    return code


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
@pytest.mark.parametrize("wire", WIRES)
async def test_W2_a_malformed_message_ends_its_socket_alone(
    studio: Studio, wire: Wire, message: bytes
) -> None:
    bad = frames.frame(wire, studio.page.name, message)

    assert await send_beside_others(studio, wire, bad) == BAD_REQUEST


@pytest.mark.parametrize(
    "bad",
    [
        frames.sized(b"page:\xff\xfe") + frames.step1(),
        frames.number(1 << 40) + b"page",
        b"\x05page",
        frames.string("p" * 100_000) + frames.step1(),
    ],
    ids=["bad UTF-8", "length beyond the frame", "cut short", "endless"],
)
async def test_W2_a_malformed_document_name_ends_its_socket_alone(studio: Studio, bad: bytes) -> None:
    assert await send_beside_others(studio, "hocuspocus", bad) == BAD_REQUEST


@pytest.mark.parametrize("wire", WIRES)
async def test_W2_a_text_frame_ends_its_socket_alone(studio: Studio, wire: Wire) -> None:
    assert await send_beside_others(studio, wire, "hello") == BAD_REQUEST


@pytest.mark.parametrize("wire", WIRES)
async def test_W4_a_giant_frame_ends_its_socket_alone(studio: Studio, wire: Wire) -> None:
    giant = frames.frame(wire, studio.page.name, frames.update(os.urandom(33 << 20)))

    assert await send_beside_others(studio, wire, giant) in (TOO_BIG, BAD_REQUEST)


async def test_W4_a_socket_that_says_much_before_it_signs_in_is_closed(studio: Studio) -> None:
    async with connect(studio.server.socket_url("hocuspocus")) as socket:
        much = [frames.frame("hocuspocus", studio.page.name, frames.update(bytes(100_000)))] * 40

        assert await closing_code(socket, *much) == TOO_LATE


@pytest.mark.parametrize("own_ionflux", [{"IONFLUX_AUTH_TIMEOUT_SECONDS": "0.2"}], indirect=True)
async def test_W4_a_socket_on_which_nobody_signs_in_is_closed(own_ionflux: IonfluxServer) -> None:
    async with connect(own_ionflux.socket_url("hocuspocus")) as socket:
        await socket.send(frames.frame("hocuspocus", "page:any", frames.step1()))

        assert await closing_code(socket) == TOO_LATE


@pytest.mark.parametrize("wire", WIRES)
async def test_W2_a_stock_client_that_sends_a_bad_update_is_told_so(studio: Studio, wire: Wire) -> None:
    client = await studio.join(wire, name="client")
    await client.text("t").insert(0, "good")
    await (await studio.join("hocuspocus", name="other")).text("t").equals("good")

    await client.send_raw(frames.frame(wire, studio.page.name, frames.update(b"\x07\xff\xff\x00\x01")))

    closed = await client.event("close")
    assert closed["code"] == BAD_REQUEST
    assert closed["reason"]
    if wire == "y-websocket":
        await client.event("terminal", code=BAD_REQUEST)
        studio.clients.take_console()  # the provider warns of the refusal
    assert await studio.read_afresh() == "good"
