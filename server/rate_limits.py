"""How often: counted in fixed windows, and told as in draft-ietf-httpapi-ratelimit-headers.

Each process counts by itself, so several of them together allow as many times more.
"""

import ipaddress
import math
import time
from collections.abc import Callable, Mapping

import msgspec

from server.errors import RateLimitedError

_FEW = 1000
"""Windows, of some 200 bytes each, that are not worth a look."""


class Quota(msgspec.Struct, frozen=True):
    """So many within a window. `name` is its name on the wire, `whose` says to people who has to wait."""

    name: str
    amount: int
    window_seconds: int
    whose: str


class _Window(msgspec.Struct):
    ends_at: float
    count: int = 0


class RateLimits:
    """Counts what somebody does against a quota. A window begins with what is counted first in it.

    Windows that have ended are thrown away when twice as many are there as were left the last time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        self._most = _FEW

    def count(self, quota: Quota, who: str) -> dict[str, str]:
        """Count once and return the headers that tell what is left. Raises RateLimitedError."""
        now = self._clock()
        window = self._windows.get((quota.name, who))
        if window is None or window.ends_at <= now:
            self._throw_away(now)
            window = self._windows[quota.name, who] = _Window(now + quota.window_seconds)
        window.count += 1
        reset = max(1, math.ceil(window.ends_at - now))
        name = msgspec.json.encode(quota.name).decode()
        headers = {
            "RateLimit-Policy": f"{name};q={quota.amount};w={quota.window_seconds}",
            "RateLimit": f"{name};r={max(0, quota.amount - window.count)};t={reset}",
        }
        if window.count > quota.amount:
            raise RateLimitedError(
                f"Too many attempts for this {quota.whose}. Try again in {reset} seconds.",
                headers={**headers, "Retry-After": str(reset)},
            )
        return headers

    def forget(self, quota: Quota, who: str) -> None:
        """Begin anew with somebody."""
        self._windows.pop((quota.name, who), None)

    def __len__(self) -> int:
        """Return how many windows are kept."""
        return len(self._windows)

    def _throw_away(self, now: float) -> None:
        if len(self._windows) >= self._most:
            self._windows = {key: window for key, window in self._windows.items() if window.ends_at > now}
            self._most = max(_FEW, 2 * len(self._windows))


class RequestLimits:
    """Requests a minute: of an address, whoever calls from there, and of a principal, from wherever."""

    def __init__(self, limits: RateLimits, *, per_address: int, per_principal: int) -> None:
        self._limits = limits
        self._address = _per_minute("address", per_address)
        self._principal = _per_minute("principal", per_principal)

    def count_address(self, address: str) -> Mapping[str, str]:
        """Count a request of an address and return the headers of its quota. Raises RateLimitedError."""
        return self._limits.count(self._address, network_of(address)) if self._address else {}

    def count_principal(self, principal: str) -> Mapping[str, str]:
        """Count a request of a principal; as above."""
        return self._limits.count(self._principal, principal) if self._principal else {}


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
