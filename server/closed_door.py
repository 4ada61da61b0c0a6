"""Answers the address while nobody is there to serve it: 503, with the time to come back.

Clients and proxies that come while the server prepares or stops learn that, instead of waiting for an answer
or finding nobody.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from socket import socket
from typing import cast

from server.errors import ApiError
from server.http_protocol import raw_problem

REQUEST_SECONDS = 5
LINGER_SECONDS = 1
"""For a client to read the answer: to end the connection with its bytes unread would take the answer away."""


@asynccontextmanager
async def closed_door(listener: socket, refusal: ApiError) -> AsyncGenerator[asyncio.Server]:
    """Refuse whoever connects, until the block ends or the server it gives is closed."""
    loop = asyncio.get_running_loop()
    # The copy is the door's to close; the listener goes on to be somebody else's.
    door = await loop.create_server(lambda: _Refusal(refusal), sock=listener.dup())
    try:
        yield door
    finally:
        door.close()


class _Refusal(asyncio.Protocol):
    """One connection: answered once its request's head has come, whatever it asks for."""

    def __init__(self, refusal: ApiError) -> None:
        self._refusal = refusal
        self._tail = b""
        self._is_answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are, but do not say so
        self._end = asyncio.get_running_loop().call_later(REQUEST_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        if self._is_answered:
            return
        received = self._tail + data
        self._tail = received[-3:]
        if b"\r\n\r\n" in received:
            self._is_answered = True
            self._transport.write(raw_problem(self._refusal))
            self._end.cancel()
            self._end = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
