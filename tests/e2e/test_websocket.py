"""RFC 6455 to the letter, over both carriers: what a browser never sends, and what every network may do."""

import asyncio
import base64
import contextlib
import os
import struct
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pycrdt
import pytest

from crdt.protocol import (
    Edit,
    Reader,
    SyncStep1,
    decode_yws,
    encode_step1,
    encode_string,
    encode_sync_status,
    encode_update,
)
from tests.crdt.world import keystrokes, typed
from tests.services.ionflux import Document, IonfluxServer, Person

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
STEP1 = encode_step1(b"\x00")


@pytest.fixture(scope="module", params=["picows", "asgi"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IonfluxServer]:
    """A server on one of the carriers."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    running = IonfluxServer(
        folder, {"IONFLUX_WEBSOCKETS": request.param, "IONFLUX_MAX_FRAME_BYTES": "100000"}
    )
    running.start()
    yield running
    running.close()
    assert "Traceback" not in running.log_text()


@pytest.fixture
async def page(server: IonfluxServer) -> tuple[Person, Document]:
    """Somebody and a page."""
    ann = await server.person("Ann")
    return ann, await ann.page(await ann.workspace())


class RawSocket:
    """A WebSocket by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.answer = ""

    async def upgrade(self, target: str, *headers: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {target} HTTP/1.1",
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *headers,
        ]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        self.answer = (await self._reader.readuntil(b"\r\n\r\n")).decode()

    def send(
        self, opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True, rsv: int = 0
    ) -> None:
        """Send one frame."""
        first = (0x80 if fin else 0) | rsv | opcode
        masked = 0x80 if mask else 0
        if len(payload) < 126:
            header = struct.pack("!BB", first, masked | len(payload))
        elif len(payload) < 65536:
            header = struct.pack("!BBH", first, masked | 126, len(payload))
        else:
            header = struct.pack("!BBQ", first, masked | 127, len(payload))
        key = os.urandom(4) if mask else b""
        if mask:
            payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
        self._writer.write(header + key + payload)

    async def receive(self) -> tuple[int, bytes]:
        """Return the next frame, which a server sends whole and unmasked."""
        first, length = await self._reader.readexactly(2)
        if length == 126:
            (length,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
        assert first & 0xF0 == 0x80
        return first & 0x0F, await self._reader.readexactly(length)

    async def synced(self) -> None:
        """Wait for the answer to a step 1."""
        kinds: list[type] = []
        while Edit not in kinds:
            opcode, payload = await self.receive()
            assert opcode == BINARY
            kinds += [type(message) for message in decode_yws(payload)]
        assert SyncStep1 in kinds

    async def closed(self) -> int:
        """Wait for the close frame, answer it, and wait for the end; return the code."""
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                break
        # A connection that failed need not be ended politely (RFC 6455, 7.1.7).
        with contextlib.suppress(ConnectionError):
            self.send(CLOSE, payload[:2])
            assert await self._reader.read() == b""
        return struct.unpack("!H", payload[:2])[0]

    async def ended(self) -> bytes:
        """Wait until the server has ended the connection; return what came before."""
        return await self._reader.read()


@asynccontextmanager
async def opened(
    page: tuple[Person, Document], *headers: str, target: str | None = None
) -> AsyncGenerator[RawSocket]:
    """Open a target, by default the page's document on y-websocket's route."""
    ann, document = page
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", ann.server.port)
        socket = RawSocket(reader, writer)
        try:
            await socket.upgrade(target or f"/sync/{document.name}?token={ann.token}", *headers)
            yield socket
        finally:
            writer.close()


async def test_W1_a_message_may_come_in_fragments_with_control_frames_between(
    page: tuple[Person, Document],
) -> None:
    async with opened(page) as socket:
        socket.send(BINARY, STEP1[:1], fin=False)
        socket.send(PING, b"are you there?")
        socket.send(CONTINUATION, STEP1[1:2], fin=False)
        socket.send(CONTINUATION, STEP1[2:])
        assert await socket.receive() == (PONG, b"are you there?")
        await socket.synced()


@pytest.mark.parametrize("session", ["", "\0" + "s" * 100], ids=["short", "long"])
async def test_D2_acknowledgements_and_edits_of_others_come_in_whole_frames(
    page: tuple[Person, Document], session: str
) -> None:
    ann, document = page
    prefix = encode_string(document.name + session)
    async with opened(page, target="/collab") as first, opened(page, target="/collab") as second:
        sockets, edits = (first, second), (keystrokes("a" * 50, 7), keystrokes("b" * 50, 8))
        for socket in sockets:
            socket.send(BINARY, prefix + b"\x02\x00" + encode_string(ann.token))
            socket.send(BINARY, prefix + STEP1)
        for pair in zip(*edits, strict=True):
            for socket, update in zip(sockets, pair, strict=True):
                socket.send(BINARY, prefix + encode_update(update))
        for socket, own in zip(sockets, edits, strict=True):
            doc = pycrdt.Doc[Any]()
            doc.apply_update(pycrdt.merge_updates(*own))
            acknowledged = 0
            while acknowledged < 50 or len(doc.get("text", type=pycrdt.Text)) < 100:
                opcode, frame = await socket.receive()
                assert (opcode, frame[: len(prefix)]) == (BINARY, prefix)
                payload = frame[len(prefix) :]
                acknowledged += payload == encode_sync_status(is_saved=True)
                if payload[0] == 0 and payload[1] != 0:
                    doc.apply_update(Reader(payload[2:]).read_bytes())


async def test_W1_more_than_a_network_takes_at_once_comes_in_whole_frames(
    page: tuple[Person, Document],
) -> None:
    async with opened(page) as socket:
        socket.send(BINARY, STEP1)
        await socket.synced()
        doc, edit = pycrdt.Doc[Any](), typed("x" * 20_000)
        doc.apply_update(edit)
        socket.send(BINARY, encode_update(edit))
        assert await socket.receive() == (BINARY, encode_update(edit))
        # All are answered in one turn: many times with the document, and at last with nothing.
        socket.send(BINARY, STEP1 * 499 + encode_step1(doc.get_state()))
        kinds: list[type] = []
        for _ in range(1000):
            opcode, frame = await socket.receive()
            assert opcode == BINARY
            kinds += [type(message) for message in decode_yws(frame)]
        assert kinds == [SyncStep1, Edit] * 500


async def test_W1_the_close_handshake_is_answered(page: tuple[Person, Document]) -> None:
    async with opened(page) as socket:
        socket.send(BINARY, STEP1)
        await socket.synced()
        socket.send(CLOSE, struct.pack("!H", 1000))
        opcode, payload = await socket.receive()
        assert (opcode, payload[:2]) == (CLOSE, struct.pack("!H", 1000))
        assert await socket.ended() == b""


async def test_W1_compression_is_not_agreed_on(page: tuple[Person, Document]) -> None:
    async with opened(page, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits") as socket:
        assert socket.answer.startswith("HTTP/1.1 101")
        assert "extensions" not in socket.answer.lower()
        socket.send(BINARY, STEP1, rsv=0x40)
        assert await socket.closed() == 1002


async def test_W2_an_unmasked_frame_ends_the_connection(page: tuple[Person, Document]) -> None:
    async with opened(page) as socket:
        socket.send(BINARY, STEP1, mask=False)
        assert await socket.closed() == 1002


@pytest.mark.parametrize("opcode", [CONTINUATION, 3, 11])
async def test_W2_a_frame_out_of_place_ends_the_connection(
    page: tuple[Person, Document], opcode: int
) -> None:
    async with opened(page) as socket:
        socket.send(opcode, STEP1)
        assert await socket.closed() == 1002


async def test_W2_a_message_within_a_message_ends_the_connection(page: tuple[Person, Document]) -> None:
    async with opened(page) as socket:
        socket.send(BINARY, STEP1[:1], fin=False)
        socket.send(BINARY, STEP1)
        assert await socket.closed() == 1002


async def test_W2_a_control_frame_is_small_and_whole(page: tuple[Person, Document]) -> None:
    async with opened(page) as socket:
        socket.send(PING, b"x" * 126)
        assert await socket.closed() == 1002


async def test_W4_a_frame_that_is_far_too_large_ends_the_connection(page: tuple[Person, Document]) -> None:
    async with opened(page) as socket:
        socket.send(BINARY, b"\x00" * 300_000)
        assert await socket.closed() == 1009


async def test_W4_fragments_add_up(page: tuple[Person, Document]) -> None:
    async with opened(page) as socket:
        socket.send(BINARY, b"\x00" * 120_000, fin=False)
        socket.send(CONTINUATION, b"\x00" * 120_000)
        assert await socket.closed() == 1009


async def test_W2_text_is_refused_in_the_protocols_words(page: tuple[Person, Document]) -> None:
    async with opened(page) as socket:
        socket.send(TEXT, b"hello")
        assert await socket.closed() == 4400


async def test_W3_an_unknown_path_is_told_after_the_handshake(page: tuple[Person, Document]) -> None:
    ann, _ = page
    async with asyncio.timeout(20):
        for target in ("/nothing", "/sync/", "/sync/a/b", "/collab/x"):
            reader, writer = await asyncio.open_connection("127.0.0.1", ann.server.port)
            socket = RawSocket(reader, writer)
            await socket.upgrade(target)
            assert socket.answer.startswith("HTTP/1.1 101")
            assert await socket.closed() == 4404
            writer.close()


async def test_A1_the_credential_may_come_in_a_header(page: tuple[Person, Document]) -> None:
    ann, document = page
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", ann.server.port)
        socket = RawSocket(reader, writer)
        await socket.upgrade(f"/sync/{document.name}", f"Authorization: Bearer {ann.token}")
        socket.send(BINARY, STEP1)
        await socket.synced()
        writer.close()
    assert ann.token not in ann.server.log_text()
