"""A transport for whole HTTP clients (SDKs of other companies) that talk to addresses which users give.

As `integrations.transport`: every address is checked and the checked one connected to, no proxy of the
environment is used, and an answer has a bound. Whether redirects are followed is the client's to say: no.
It brings httpx2 along, so it is loaded by those who need it, when they do.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Generator
from contextlib import aclosing, contextmanager
from typing import Any, cast

import httpcore2
import httpx2

from integrations.checked_backend import open_pool
from integrations.reach import Reach

MOST_BYTES = 32 * 1024 * 1024
"""Of one answer."""


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Sends the requests of a client, many at a time. Raises AddressRefusedError besides httpx2's errors."""

    def __init__(self, reach: Reach, *, max_connections: int = 64) -> None:
        self._reach = reach
        self._pool = open_pool(reach, max_connections)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        self._reach.check_url(str(request.url))
        with _translated():
            response = await self._pool.handle_async_request(
                httpcore2.Request(
                    request.method,
                    httpcore2.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx2.Response(
            response.status,
            headers=response.headers,
            stream=_Body(cast("AsyncIterable[bytes]", response.stream)),
            extensions=dict[str, Any](response.extensions),  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  (httpcore2 does not say of what)
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """An answer's body, up to a bound."""

    def __init__(self, inner: AsyncIterable[bytes]) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        read = 0
        with _translated():
            async for part in self._inner:
                read += len(part)
                if read > MOST_BYTES:
                    raise httpx2.ReadError("the answer is too large")
                yield part

    async def aclose(self) -> None:
        """Give the connection back, or close it where something is unread."""
        inner = self._inner
        if hasattr(inner, "aclose"):
            async with aclosing(cast("AsyncGenerator[bytes]", inner)):
                pass


@contextmanager
def _translated() -> Generator[None]:
    """Turn errors of the connections into those that clients of httpx2 know: they have the same names."""
    try:
        yield
    except (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.UnsupportedProtocol,
    ) as error:
        kind: type[httpx2.HTTPError] = getattr(httpx2, type(error).__name__, httpx2.TransportError)
        raise kind(str(error)) from error
