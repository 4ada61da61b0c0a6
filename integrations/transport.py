"""Requests to addresses that users give: to the public internet alone, without surprises, and never for long.

The name is resolved here, every address it has is checked, and the connection goes to an address that was
checked: a name that resolves to another one a moment later (DNS rebinding) gains nothing. Redirects are not
followed, proxies of the environment not used, and of an answer only the beginning is read.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import msgspec

from integrations.errors import ExchangeFailedError
from integrations.reach import Reach

if TYPE_CHECKING:
    import httpcore2

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
KEPT_BYTES = 1024
"""What is kept of an answer's body."""

MOST_BYTES = 64 * 1024
"""What is read of an answer's body, so that its connection can be used again."""

Observe = Callable[[str, str, int | None, float], object]
"""Takes a request's method, host, the answer's status (None for no answer) and seconds."""


class Answer(msgspec.Struct, frozen=True):
    """What a request was answered with."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    """The beginning: of an answer to `post` `KEPT_BYTES` at most, to `get` what was asked for."""


class Transport:
    """Sends requests, many at a time. Used with `async with`.

    `allow_private` lets requests go to any address, also by plain HTTP: for development and tests. The
    library is loaded for the first request.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        max_connections: int = 64,
        observe: Observe | None = None,
    ) -> None:
        self._reach = Reach(allow_private=allow_private)
        self._max_connections = max_connections
        self._observe = observe
        self._opened_pool: httpcore2.AsyncConnectionPool | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._opened_pool is not None:
            await self._opened_pool.aclose()

    def check_url(self, url: str) -> None:
        """Raise AddressRefusedError for a URL that no request would be sent to, as far as it tells itself."""
        self._reach.check_url(url)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_seconds: float = TOTAL_SECONDS
    ) -> Answer:
        """Send a body. Raises AddressRefusedError, ExchangeFailedError."""
        content = (body, KEPT_BYTES, MOST_BYTES)
        return await self._request("POST", url, headers, *content, timeout_seconds=timeout_seconds)

    async def get(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        most_bytes: int,
        timeout_seconds: float = TOTAL_SECONDS,
    ) -> Answer:
        """Ask for something, and read its beginning. Raises AddressRefusedError, ExchangeFailedError."""
        content = (None, most_bytes, most_bytes)
        return await self._request("GET", url, headers, *content, timeout_seconds=timeout_seconds)

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        kept_bytes: int,
        most_bytes: int,
        *,
        timeout_seconds: float,
    ) -> Answer:
        self.check_url(url)
        if self._opened_pool is None:
            await asyncio.to_thread(import_module, "integrations.checked_backend")
        import httpcore2

        answer: Answer | None = None
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await self._exchange(method, url, headers, body, kept_bytes, most_bytes)
                return answer
        except TimeoutError as error:
            raise ExchangeFailedError(f"no answer within {timeout_seconds:g} seconds") from error
        except (httpcore2.TimeoutException, httpcore2.NetworkError) as error:
            raise ExchangeFailedError(f"not reachable: {_reason(error)}") from error
        except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, OSError, ValueError) as error:
            raise ExchangeFailedError(f"no valid answer: {_reason(error)}") from error
        finally:
            if self._observe is not None:
                status = answer.status if answer is not None else None
                self._observe(method, urlsplit(url).hostname or "", status, time.perf_counter() - begun)

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        kept_bytes: int,
        most_bytes: int,
    ) -> Answer:
        sent = [("Host", urlsplit(url).netloc), *headers.items()]
        sent += [("Content-Length", str(len(body)))] if body is not None else []
        timeouts = {"connect": CONNECT_SECONDS, "pool": TOTAL_SECONDS}
        async with self._pool().stream(
            method, url, headers=sent, content=body, extensions={"timeout": timeouts}
        ) as response:
            kept = bytearray()
            read = 0
            async for part in response.aiter_stream():
                read += len(part)
                kept += part[: kept_bytes - len(kept)]
                if read >= most_bytes:
                    break
            return Answer(response.status, _text_headers(response.headers), bytes(kept))

    def _pool(self) -> "httpcore2.AsyncConnectionPool":
        if self._opened_pool is None:
            from integrations.checked_backend import open_pool

            self._opened_pool = open_pool(self._reach, self._max_connections)
        return self._opened_pool


def _text_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
