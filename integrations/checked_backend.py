"""Connections of httpcore2 to addresses that were checked: what stands behind both transports."""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, cast

import httpcore2

from integrations.addresses import is_public
from integrations.errors import AddressRefusedError
from integrations.reach import Reach

KEEPALIVE_SECONDS = 30.0


def open_pool(reach: Reach, max_connections: int) -> httpcore2.AsyncConnectionPool:
    """Return connections to what is in reach. Whoever sends a request checks its URL before."""
    return httpcore2.AsyncConnectionPool(
        max_connections=max_connections,
        max_keepalive_connections=max_connections // 4,
        keepalive_expiry=KEEPALIVE_SECONDS,
        network_backend=CheckedBackend(allow_private=reach.allow_private or bool(reach.only)),
    )


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
