"""One client: a picows socket, what it typed, and what it was sent.

Every edit is a real Yjs update, made by a pycrdt document with a client id of its own. A client that
`observes` applies each frame as it comes and notes when its document had what; the others keep the bytes, and
`bench.convergence` builds their documents after the run, so that the generator is not what is measured.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

import pycrdt
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType] - its **kwargs have no type
)

from bench.wire import Codec, Place, read_clocks
from crdt.protocol import EMPTY_UPDATE

_HANDSHAKE_SECONDS = 30.0
_BINARY = WSMsgType.BINARY


class Disconnected(Exception):
    """The server closed the socket or refused the client."""


class Client(WSListener):
    """A person's editor, without a screen."""

    def __init__(self, place: Place, client_id: int, received: dict[bytes, bytes], *, observes: bool) -> None:
        self.client_id = client_id
        self.line = f"line-{client_id}"
        """The root text it types into: everybody has a paragraph of their own in the same document."""
        self.typed_at: list[float] = []
        """When each keystroke was made, by its clock."""
        self.unacknowledged: deque[float] = deque()
        self.acknowledged: list[tuple[float, float]] = []
        """(When typed, seconds until the acknowledgement.)"""
        self.seen: list[tuple[float, bytes]] = []
        """(When, the state vector that the document had from then on), of a client that observes."""
        self.view: pycrdt.Doc[pycrdt.Text] | None = pycrdt.Doc() if observes else None
        self.state_at = 0.0
        """When the state came."""
        self._pen: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=client_id)
        self._text = self._pen.get(self.line, type=pycrdt.Text)
        self._subscription = self._pen.observe(self._on_typed)
        self._place = place
        self._codec = Codec(place, client_id)
        self._known = received
        self._frames: list[bytes] = []
        self._transport: WSTransport | None = None
        self._is_in = asyncio.get_running_loop().create_future()
        self.fault: str | None = None
        """Why the socket is gone."""
        self._room: asyncio.Future[None] | None = None
        self._limit = 0

    async def join(self) -> float:
        """Connect and wait for the document; return the seconds that it took."""
        started = perf_counter()
        await ws_connect(
            lambda: self,
            self._place.url(self.client_id),
            websocket_handshake_timeout=_HANDSHAKE_SECONDS,
            max_frame_size=64 * 1024 * 1024,
        )
        await self._is_in
        return self.state_at - started

    def leave(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def type(self, letter: str) -> None:
        """Make one keystroke at the end of the client's own line."""
        now = perf_counter()
        self.typed_at.append(now)
        self.unacknowledged.append(now)
        self._text.insert(len(self.typed_at) - 1, letter)

    def send_update(self, update: bytes) -> None:
        """Send an edit that was made elsewhere."""
        self.unacknowledged.append(perf_counter())
        self._send(self._codec.edit(update))

    def edit(self, change: Callable[["pycrdt.Doc[Any]"], object]) -> None:
        """Make an edit of any kind, as one update; what others have written is not there to be changed."""
        self.unacknowledged.append(perf_counter())
        with self._pen.transaction():
            change(self._pen)

    async def saved(self) -> float:
        """Wait until all edits are acknowledged; return when the last one was."""
        await self.wait_for_room(1)
        return sum(self.acknowledged[-1])

    def own_state(self) -> bytes:
        """Return what this client typed, as one update."""
        return self._pen.get_update()

    def clocks(self) -> dict[int, int]:
        """Return how much of everybody's typing the observed document has."""
        return read_clocks(self.seen[-1][1]) if self.seen else {}

    def has(self, line: str, text: str) -> bool:
        """Whether the observed document holds this line."""
        return self.view is not None and str(self.view.get(line, type=pycrdt.Text)) == text

    @property
    def frames(self) -> int:
        """How many frames with edits it was sent."""
        return len(self._frames)

    def updates(self) -> tuple[bytes, ...]:
        """Return all updates that it was sent, in order."""
        content = self._codec.content
        return tuple(content(frame) for frame in self._frames)

    @property
    def in_flight(self) -> int:
        """How many edits are neither acknowledged nor, where the protocol knows none, echoed.

        Echoes are counted as if each came by itself and nobody else typed.
        """
        return len(self.unacknowledged) - (self.frames if self._codec.saved is None else 0)

    async def wait_for_room(self, limit: int) -> None:
        """Wait until fewer edits than this are in flight."""
        if self.in_flight >= limit:
            self._limit = limit
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    @property
    def waits_for_acknowledgements(self) -> bool:
        """Whether there are edits that the server has not acknowledged, but will."""
        return self._codec.saved is not None and bool(self.unacknowledged)

    def _on_typed(self, event: pycrdt.TransactionEvent) -> None:
        self._send(self._codec.edit(event.update))

    def _send(self, frame: bytes) -> None:
        assert self._transport is not None, "type only after joining"
        self._transport.send(_BINARY, frame)

    # picows

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Say hello without waiting, as the stock clients do."""
        self._transport = transport
        for frame in self._codec.greeting():
            self._send(frame)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take what the server says."""
        data = frame.get_payload_as_bytes()
        codec = self._codec
        if data.startswith(codec.update):  # no control frame begins like that
            self._take(data)
        elif data == codec.saved:
            typed_at = self.unacknowledged.popleft()
            self.acknowledged.append((typed_at, perf_counter() - typed_at))
        elif data.startswith(codec.step2):
            self.state_at = perf_counter()
            if codec.content(data) != EMPTY_UPDATE:
                self._take(data)
            if not self._is_in.done():
                self._is_in.set_result(None)
        elif codec.is_denial(data):
            self._fail("refused by the server")
        if self._room is not None and self.in_flight < self._limit:
            self._room.set_result(None)
            self._room = None

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Note that the socket is gone."""
        self._fail("disconnected by the server")

    def _fail(self, fault: str) -> None:
        self.fault = fault
        if not self._is_in.done():
            self._is_in.set_exception(Disconnected(fault))
        if self._room is not None:
            self._room.set_exception(Disconnected(fault))
            self._room = None

    def _take(self, frame: bytes) -> None:
        # The same bytes come to everybody: kept once.
        self._frames.append(self._known.setdefault(frame, frame))
        if self.view is not None:
            self.view.apply_update(self._codec.content(frame))
            self.seen.append((perf_counter(), self.view.get_state()))
