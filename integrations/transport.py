"""Requests to addresses that users give: to the public internet alone, without surprises, and never for long.

The name is resolved here, every address it has is checked, and the connection goes to an address that was
checked: a name that resolves to another one a moment later (DNS rebinding) gains nothing. Redirects are not
followed, proxies of the environment not used, and of an answer only the beginning is read.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import httpcore2
import msgspec

from integrations.addresses import is_public
from integrations.errors import AddressRefusedError, ExchangeFailedError

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
KEPT_BYTES = 1024
"""What is kept of an answer's body."""

MOST_BYTES = 64 * 1024
"""What is read of an answer's body, so that its connection can be used again."""

KEEPALIVE_SECONDS = 30.0


Observe = Callable[[str, str, int | None, float], object]
"""Takes a request's method, host, the answer's status (None for no answer) and seconds."""


class Answer(msgspec.Struct, frozen=True):
    """What a request was answered with."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    """The beginning: of an answer to `post` `KEPT_BYTES` at most, to `get` what was asked for."""


def check_url(url: str, *, allow_private: bool, only: Collection[str] = ()) -> None:
    """Raise AddressRefusedError for a URL that no request is sent to, as far as it tells itself.

    `only` are the places (`host:port`) there are, wherever they are and by plain HTTP too; none: anywhere.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefusedError("not a URL") from error
    if parts.scheme not in ("https", "http") or not host:
        raise AddressRefusedError("not an https URL")
    if parts.username is not None or parts.password is not None:
        raise AddressRefusedError("a URL with a name or password in it")
    if only:
        if place_of(host, port or (443 if parts.scheme == "https" else 80)) not in only:
            raise AddressRefusedError("a place that this server's operator does not allow")
        return
    if allow_private:
        return
    if parts.scheme != "https":
        raise AddressRefusedError("not an https URL")
    try:
        literal = ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            raise AddressRefusedError("an address inside of this network") from None
        return
    if not is_public(literal):
        raise AddressRefusedError("an address inside of this network")


def place_of(host: str, port: int) -> str:
    """Return a host and a port as operators write them."""
    return f"{host.lower()}:{port}"


class Transport:
    """Sends requests, many at a time. Used with `async with`.

    `allow_private` lets requests go to any address, also by plain HTTP: for development and tests.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        max_connections: int = 64,
        observe: Observe | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._observe = observe
        self._pool = httpcore2.AsyncConnectionPool(
            max_connections=max_connections,
            max_keepalive_connections=max_connections // 4,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=CheckedBackend(allow_private=allow_private),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    def check_url(self, url: str) -> None:
        """Raise AddressRefusedError for a URL that no request would be sent to, as far as it tells itself."""
        check_url(url, allow_private=self._allow_private)

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
        async with self._pool.stream(
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


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were checked."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve, check, and connect to the first address that answers."""
        addresses = await _resolve(host, port)
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise AddressRefusedError("an address inside of this network")
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"{host} has no address")


async def _resolve(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"{host} has no address") from error
    return list(dict.fromkeys(ip_address(str(entry[4][0])) for entry in found))


def _text_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
