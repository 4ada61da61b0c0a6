"""A client that costs little, so that hundreds of them fit beside the server: it types, and remembers.

Its own document holds only what it has typed itself; what others typed is kept as bytes until somebody asks.
"""

import asyncio
from collections import Counter, deque
from typing import Any

import pycrdt
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType] - its **kwargs have no type
)

from crdt.protocol import (
    EMPTY_STATE_VECTOR,
    Reader,
    encode_step1,
    encode_step2,
    encode_string,
    encode_update,
)
from crdt.structs import read_runs
from crdt.waiting import encode_state_vector, read_state_vector
from tests.clients.client import Wire
from tests.services.ionflux import IonfluxServer

SYNC, STATUS = 0, 8
STEP1, STEP2, UPDATE = 0, 1, 2


class Typist(WSListener):
    """Somebody at one document, with a line of their own in it."""

    def __init__(self, server: IonfluxServer, wire: Wire, document: str, token: str, number: int) -> None:
        self.wire, self.document, self.number = wire, document, number
        self.client_id = number
        self.line = f"line-{number}"
        self.sent: Counter[bytes] = Counter()
        """How often each edit was sent."""
        self.typed = 0
        """How many characters, which is the clock of the client id."""
        self.acknowledged = 0
        """How many of them the server has said to be safe."""
        self._url = server.socket_url(wire) + ("" if wire == "hocuspocus" else f"/{document}?token={token}")
        self._token = token
        self._prefix = encode_string(document) if wire == "hocuspocus" else b""
        self._doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=number)
        self._text = self._doc.get(self.line, type=pycrdt.Text)
        self._subscription = self._doc.observe(self._on_typed)
        self._transport: WSTransport | None = None
        self._open: deque[tuple[int, int]] = deque()  # what each edit that waits goes on from, and leads to
        self._received: list[bytes] = []
        self._changed = asyncio.Event()
        self._has_state = False
        self._typed_before = 0  # this connection
        self._history: deque[str] = deque(maxlen=20)

    # What they do

    async def connect(self) -> None:
        """Come in, and wait for the document."""
        self._has_state = False
        self._open.clear()
        await ws_connect(lambda: self, self._url, max_frame_size=64 * 1024 * 1024)
        await self._until(lambda: self._has_state)

    def type(self, letter: str) -> None:
        """Write a letter at the end of the line, connected or not."""
        self.typed += 1
        self._text.insert(self.typed - 1, letter)

    def leave(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    async def gone(self) -> None:
        """Wait until the socket has ended."""
        await self._until(lambda: self._transport is None)

    async def saved(self) -> None:
        """Wait until all that was typed is acknowledged."""
        await self._until(lambda: self.acknowledged == self.typed)

    async def acknowledges(self, count: int) -> None:
        """Wait until so many characters are acknowledged."""
        await self._until(lambda: self.acknowledged >= count)

    async def knows(self, clocks: dict[int, int]) -> None:
        """Wait until all that these clients have typed has come."""
        wanted = {client_id: clock for client_id, clock in clocks.items() if clock}  # as the view has them
        await self._until(lambda: wanted.items() <= self.view_clocks().items())

    @property
    def own_text(self) -> str:
        """What the line is to hold."""
        return str(self._text)

    def view(self) -> "pycrdt.Doc[Any]":
        """Return the document as this client would show it."""
        doc: pycrdt.Doc[Any] = pycrdt.Doc()
        with doc.transaction():
            doc.apply_update(self._doc.get_update())
            for update in self._received:
                doc.apply_update(update)
        self._received = [doc.get_update()]
        return doc

    def view_clocks(self) -> dict[int, int]:
        """Return how much of everybody's typing is in the document."""
        return read_state_vector(self.view().get_state())

    async def _until(self, condition: Any) -> None:
        try:
            async with asyncio.timeout(30):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(self._account()) from None

    def _account(self) -> str:
        """Tell what has become of the typing, for whoever has to find out why something stays away."""
        counts = f"{self.typed} typed, {self.acknowledged} acknowledged"
        return f"{self.wire} {self.line} of {self.document}: {counts}; {', '.join(self._history)}"

    def _on_typed(self, event: pycrdt.TransactionEvent) -> None:
        if self._transport is not None:
            self._send_edit(encode_update(event.update), event.update, self.typed - 1)

    def _send_edit(self, message: bytes, update: bytes, after: int) -> None:
        self._open.append((after, self.typed))
        self._history.append(f"sent {after}-{self.typed}")
        self.sent[update] += 1
        self._send(message)

    def _send(self, message: bytes) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.BINARY, self._prefix + message)

    # picows

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Say what the stock clients say without waiting."""
        self._transport = transport
        self._typed_before = self.typed
        self._history.append("connected")
        if self._prefix:
            self._send(b"\x02\x00" + encode_string(self._token))
        # Asked for as somebody who has nothing: what others typed is not in this document.
        self._send(encode_step1(EMPTY_STATE_VECTOR))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take what the server says."""
        if frame.msg_type != WSMsgType.BINARY:
            return
        data = frame.get_payload_as_bytes()
        if not data.startswith(self._prefix):
            return
        reader = Reader(data[len(self._prefix) :])
        kind = reader.read_number()
        if kind == SYNC:
            self._take_sync(reader.read_number(), reader.read_bytes())
        elif kind == STATUS and reader.read_number() == 1:
            self._note_safe(*self._open.popleft())
        self._changed.set()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Note that the socket is gone."""
        self._transport = None
        self._history.append("gone")
        self._changed.set()

    def _take_sync(self, kind: int, content: bytes) -> None:
        if kind == STEP1:
            known = read_state_vector(content)
            if not self._prefix and self.acknowledged < min(self._typed_before, known.get(self.client_id, 0)):
                # What was safe when its echo was lost with the connection comes back when it is said again.
                known[self.client_id] = self.acknowledged
            missing = self._doc.get_update(encode_state_vector(known))
            self._send_edit(encode_step2(missing), missing, 0)
            return
        self._received.append(content)
        if kind == STEP2:
            self._has_state = True
        elif not self._prefix:
            for client, first, end in read_runs(content):
                if client == self.client_id:
                    self._note_safe(first, end)

    def _note_safe(self, first: int, end: int) -> None:
        # What was typed on a new connection may be safe before what was typed without any.
        self._history.append(f"heard of {first}-{end}")
        if first <= self.acknowledged:
            self.acknowledged = max(self.acknowledged, end)
