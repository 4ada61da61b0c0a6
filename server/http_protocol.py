"""HTTP as it comes from the socket: what is none is refused in the API's own form, and in time.

uvicorn's protocol has no limit on the size of a request's head or on the time it may take, and answers what
it cannot read in plain text.
"""

import asyncio
import http
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.error_map import problem_response
from server.errors import ApiError, HeadTooLargeError, MalformedError
from server.middleware.security_headers import HEADERS
from server.telemetry import request_id

MAX_HEAD_BYTES = 64 * 1024
"""Of the request line and all headers together."""

HEAD_SECONDS = 20
"""Time for a request's head to arrive, from the connection or the first byte after an answer."""


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with limits on a request's head."""

    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)  # pyright: ignore[reportArgumentType]  (it names a subclass)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait."""
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        is_idle = self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]  (it is None at first)
        if is_idle and self._deadline is None:
            self._expect_head()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Count from here."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Note that the head is there."""
        self._forget_deadline()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read."""
        if self._head_bytes > MAX_HEAD_BYTES:
            refusal: ApiError = HeadTooLargeError(f"A request's head may have {MAX_HEAD_BYTES} bytes.")
        else:
            refusal = MalformedError("This is not a request in HTTP/1.1.", code="malformed_http")
        self.transport.write(raw_problem(refusal))
        self.transport.close()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            raise ValueError("the head is too large")  # the parser makes it its own error

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def raw_problem(refusal: ApiError) -> bytes:
    """Return a refusal as the bytes of a whole answer, after which the connection ends."""
    chosen = uuid4().hex
    token = request_id.set(chosen)
    response = problem_response(refusal)
    request_id.reset(token)
    for name, value in (*HEADERS.items(), ("X-Request-Id", chosen), ("Connection", "close")):
        response.headers[name] = value
    phrase = http.HTTPStatus(refusal.status).phrase
    head = b"".join(b"%s: %s\r\n" % header for header in response.raw_headers)
    return f"HTTP/1.1 {refusal.status} {phrase}\r\n".encode() + head + b"\r\n" + bytes(response.body)
