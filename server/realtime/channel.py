"""A WebSocket as the live core's `Channel`: what is sent is queued here and written by one task a socket."""

import asyncio
from collections import deque
from collections.abc import Callable

from starlette.types import Send

REASON_BYTES = 123
"""What a close frame has room for (RFC 6455, 5.5.1)."""

FULL_BYTES = 1024 * 1024
"""With so much on its way, a client is sent nothing more until all of it has left (R3)."""


class SocketChannel:
    """The sending half of one socket. Implements `crdt.ports.Channel`."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._frames: deque[bytes] = deque()
        self._queued_bytes = 0
        self._close: tuple[int, str] | None = None
        self._wake = asyncio.Event()
        self._is_full = False
        self.on_full: Callable[[bool], None] = _ignore
        """Called with True when the queue is full, with False when it is empty again."""

    def send(self, frame: bytes) -> None:
        """Queue one frame."""
        if self._close is not None:
            return
        self._frames.append(frame)
        self._queued_bytes += len(frame)
        self._wake.set()
        if self._queued_bytes > FULL_BYTES and not self._is_full:
            self._is_full = True
            self.on_full(True)

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued has been sent."""
        if self._close is None:
            self._close = (code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))
            self._wake.set()

    async def write(self) -> None:
        """Write what is queued until the socket is closed from either side."""
        try:
            while True:
                while self._frames:
                    frame = self._frames.popleft()
                    self._queued_bytes -= len(frame)
                    await self._send({"type": "websocket.send", "bytes": frame})
                if self._close is not None:
                    code, reason = self._close
                    await self._send({"type": "websocket.close", "code": code, "reason": reason})
                    return
                self._wake.clear()
                if self._is_full:
                    self._is_full = False
                    self.on_full(False)
                await self._wake.wait()
        except OSError:  # the client is gone; the reading half notices too
            return


def _ignore(is_full: bool) -> None:
    """Be nobody's listener."""
