"""WebSockets carried by picows inside uvicorn: frames go straight to the live core, with no ASGI in between.

uvicorn hands an upgraded connection to the class in its `ws` setting. This one feeds the request to picows'
own server-side protocol and leaves the transport to it. That object, `picows.WSProtocol`, is not in picows'
documented surface: its version is pinned, and every end-to-end test runs over it. `server.realtime.routes`
does the same over ASGI, for any other server.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from struct import pack
from typing import Any, cast

import picows

from crdt.connection import Connection
from crdt.errors import ProtocolError
from crdt.hub import Hub
from server.realtime.channel import FULL_BYTES, REASON_BYTES
from server.realtime.handshake import UNKNOWN_PATH, Opening, read_opening

# picows tells of every connection, and its requests carry credentials (A1).
logger = logging.getLogger("ionflux.websocket")
logger.setLevel(logging.WARNING)
_shared_logger = logging.LoggerAdapter(logger)
"""Of a plain one picows makes one for each socket."""

_BINARY, _CLOSE = picows.WSMsgType.BINARY, picows.WSMsgType.CLOSE

_WSProtocol: Any = vars(import_module("picows.picows"))["WSProtocol"]

HANDSHAKE_SECONDS = 5.0
READ_BUFFER_BYTES = 2048
"""What a quiet socket keeps, picows' least; it grows with what arrives."""

PING_IDLE_SECONDS = 20.0
CLOSE_SECONDS = 2.0
"""How long a client has to answer a close frame."""

COPIED_BYTES = 8192
"""Longer frames get a header of our own. picows 2.3 lends uvloop theirs from a buffer, and writes the next
frame into it while the first may still wait for its network: the client cannot make sense of that."""

CLOSE_ABNORMALLY = 1002
TOO_BIG = 1009


def picows_protocol(
    hub: Hub | None, max_frame_bytes: int, cookie: Callable[[Mapping[str, str]], str]
) -> type[asyncio.Protocol]:
    """Return what uvicorn makes for each upgraded connection; without a hub it serves no documents."""

    class PicowsProtocol(asyncio.Protocol):
        def __init__(self, config: Any, server_state: Any, app_state: Any) -> None:
            self._connections: set[object] = server_state.connections
            self._listener: _Listener | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transport = cast("asyncio.Transport", transport)  # uvloop's are, but do not say so
            self._connections.add(self)
            transport.set_write_buffer_limits(high=FULL_BYTES, low=FULL_BYTES // 16)
            self._carrier = _carrier(self._listen, max_frame_bytes)
            self._carrier.connection_made(transport)
            # uvicorn makes this object the transport's protocol when it has handed the request over.
            asyncio.get_running_loop().call_soon(transport.set_protocol, self._carrier)

        def data_received(self, data: bytes) -> None:
            """Pass on the request, and what comes before the carrier is in place."""
            left = memoryview(data)
            while left:
                buffer: memoryview = self._carrier.get_buffer(-1)
                size = min(len(buffer), len(left))
                buffer[:size] = left[:size]
                self._carrier.buffer_updated(size)
                left = left[size:]

        def shutdown(self) -> None:
            """End the connection, as uvicorn asks when it stops."""
            if self._listener is not None:
                self._listener.close(1012, "The server restarts.")

        def _listen(self, request: picows.WSUpgradeRequest) -> picows.WSListener:
            path, _, query = request.path.decode("latin-1").partition("?")
            headers = {name.lower(): value for name, value in request.headers.items()}
            opening = read_opening(path, query, headers, cookie) if hub is not None else None
            self._listener = _Listener(
                hub, opening, max_frame_bytes, on_end=partial(self._connections.discard, self)
            )
            return self._listener

    return PicowsProtocol


def _carrier(
    listen: Callable[[picows.WSUpgradeRequest], picows.WSListener], max_frame_bytes: int
) -> Any:  # what picows leaves out of its types
    return _WSProtocol(
        None,  # host and port, of a client
        None,  # path, of a client
        False,
        listen,
        _shared_logger,
        True,  # disconnect when a listener raises
        HANDSHAKE_SECONDS,
        True,  # ping whoever is silent
        PING_IDLE_SECONDS,
        PING_IDLE_SECONDS,
        picows.WSAutoPingStrategy.PING_WHEN_IDLE,
        True,  # answer pings
        max_frame_bytes,
        None,
        READ_BUFFER_BYTES,
    )


class _Listener(picows.WSListener):
    """One WebSocket: picows' events to the core, the core's frames to picows. Implements `Channel`."""

    _transport: picows.WSTransport

    def __init__(
        self, hub: Hub | None, opening: Opening | None, max_message_bytes: int, on_end: Callable[[], object]
    ) -> None:
        self._hub = hub
        self._opening = opening
        self._max_message_bytes = max_message_bytes
        self._on_end = on_end
        self._connection: Connection | None = None
        self._parts: list[bytes] = []
        self._is_closing = False

    # What picows calls

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """Begin, or say that there is nothing to begin."""
        self._transport = transport
        # picows keeps both for as long as the socket lives: 2 kB, and the credential among it.
        transport.request.path = b""
        transport.request.headers.clear()
        transport.response.headers.clear()
        if self._hub is None or self._opening is None:
            self.close(*UNKNOWN_PATH)
            return
        self._connection = self._hub.connect(self._opening.wire, self)
        self._opening.begin(self._connection)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Take a frame of the client."""
        kind = frame.msg_type  # made anew by each look
        if kind is _CLOSE:
            self._end()
        elif self._is_closing or self._connection is None:
            return
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self.close(CLOSE_ABNORMALLY, "No extension was agreed on.")
        elif kind is _BINARY and frame.fin and not self._parts:
            pause_seconds = self._connection.receive(frame.get_payload_as_bytes())
            if pause_seconds:
                self._pause_reading(pause_seconds)
        elif kind in (_BINARY, picows.WSMsgType.CONTINUATION):
            self._take_part(frame)
        elif kind == picows.WSMsgType.TEXT:
            self._connection.close(ProtocolError("text_frame", "The protocol has binary frames only."))

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """Note that the client is gone."""
        self._is_closing = True
        if self._connection is not None:
            ended = cast(Any, transport.close_handshake)  # its type knows no None
            if ended is not None and ended.sent is not None and ended.sent.code == TOO_BIG:
                self._connection.overran()
            self._connection.closed()
        self._on_end()

    def pause_writing(self) -> None:
        """Send nothing more for now (R3)."""
        if self._connection is not None:
            self._connection.set_full(True)

    def resume_writing(self) -> None:
        """Go on sending."""
        if self._connection is not None:
            self._connection.set_full(False)

    # What the core calls

    def send(self, frame: bytes) -> None:
        """Send one frame; what comes behind a close frame, or after the end, is passed over."""
        if len(frame) <= COPIED_BYTES:
            self._transport.send(_BINARY, frame)
        elif not (self._is_closing or self._transport.is_close_frame_sent):
            self._transport.underlying_transport.writelines((_header(len(frame)), frame))

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued has been sent."""
        if self._is_closing:
            return
        self._is_closing = True
        text = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        self._transport.send_close(cast("picows.WSCloseCode", code), text)  # its type names some codes only
        # To end the connection with the client's frames unread would take the close frame with it.
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._transport.disconnect)

    def _pause_reading(self, seconds: float) -> None:
        reading = self._transport.underlying_transport
        reading.pause_reading()
        asyncio.get_running_loop().call_later(seconds, _resume_reading, reading)

    def _take_part(self, frame: picows.WSFrame) -> None:
        is_first = frame.msg_type is _BINARY
        if is_first == bool(self._parts):
            self.close(CLOSE_ABNORMALLY, "A fragment is out of place.")
            return
        self._parts.append(frame.get_payload_as_bytes())
        if sum(len(part) for part in self._parts) > self._max_message_bytes:
            self.close(TOO_BIG, "The message is too large.")
        elif frame.fin:
            message, self._parts = b"".join(self._parts), []
            assert self._connection is not None, "frames are looked at after the opening only"
            pause_seconds = self._connection.receive(message)
            if pause_seconds:
                self._pause_reading(pause_seconds)

    def _end(self) -> None:
        """Answer the client's close frame, or be answered, and end the connection."""
        if not self._is_closing:
            self._is_closing = True
            self._transport.send_close(picows.WSCloseCode.OK)
        self._transport.disconnect()


def _header(size: int) -> bytes:
    """Return what stands before a long frame (RFC 6455, 5.2)."""
    return pack("!BBH", 0x82, 126, size) if size < 65536 else pack("!BBQ", 0x82, 127, size)


def _resume_reading(transport: asyncio.Transport) -> None:
    if not transport.is_closing():
        transport.resume_reading()
