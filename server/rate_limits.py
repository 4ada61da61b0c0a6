"""How often: counted in fixed windows, and told as in draft-ietf-httpapi-ratelimit-headers.

Each process counts by itself, so several of them together allow as many times more.
"""

import ipaddress
import math
import time
from collections.abc import Mapping

import msgspec
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from server.errors import RateLimitedError


class Quota(msgspec.Struct, frozen=True):
    """So many within a window. `name` is its name on the wire, `whose` says to people who has to wait."""

    name: str
    amount: int
    window_seconds: int
    whose: str

    @property
    def item(self) -> RateLimitItem:
        """What `limits` calls it."""
        return RateLimitItemPerSecond(self.amount, self.window_seconds, self.name)


class RateLimits:
    """Counts what somebody does against a quota."""

    def __init__(self) -> None:
        self._windows = FixedWindowRateLimiter(MemoryStorage())

    async def count(self, quota: Quota, who: str) -> dict[str, str]:
        """Count once and return the headers that tell what is left. Raises RateLimitedError."""
        # The storage of `limits` reads this clock, and takes no other.
        item = quota.item
        allowed = await self._windows.hit(item, who)
        stats = await self._windows.get_window_stats(item, who)
        reset = max(1, math.ceil(stats.reset_time - time.time()))
        name = msgspec.json.encode(quota.name).decode()
        headers = {
            "RateLimit-Policy": f"{name};q={quota.amount};w={quota.window_seconds}",
            "RateLimit": f"{name};r={stats.remaining};t={reset}",
        }
        if not allowed:
            raise RateLimitedError(
                f"Too many attempts for this {quota.whose}. Try again in {reset} seconds.",
                headers={**headers, "Retry-After": str(reset)},
            )
        return headers

    async def forget(self, quota: Quota, who: str) -> None:
        """Begin anew with somebody."""
        await self._windows.clear(quota.item, who)


class RequestLimits:
    """Requests a minute: of an address, whoever calls from there, and of a principal, from wherever."""

    def __init__(self, limits: RateLimits, *, per_address: int, per_principal: int) -> None:
        self._limits = limits
        self._address = _per_minute("address", per_address)
        self._principal = _per_minute("principal", per_principal)

    async def count_address(self, address: str) -> Mapping[str, str]:
        """Count a request of an address and return the headers of its quota. Raises RateLimitedError."""
        return await self._limits.count(self._address, network_of(address)) if self._address else {}

    async def count_principal(self, principal: str) -> Mapping[str, str]:
        """Count a request of a principal; as above."""
        return await self._limits.count(self._principal, principal) if self._principal else {}


def network_of(address: str) -> str:
    """Return what counts as one address: with IPv6 the /64 that one subscriber has to choose from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


def _per_minute(whose: str, amount: int) -> Quota | None:
    return Quota(f"requests-{whose}", amount, 60, whose) if amount else None
