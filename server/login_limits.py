"""How often somebody may try to sign in: per account and per address, counted in this process."""

import math
import time

import msgspec
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from server.errors import RateLimitedError


class LoginLimits:
    """Counts attempts in fixed windows. A success clears the account's count, never the address's."""

    def __init__(self, *, per_account: int, per_address: int, window_minutes: int) -> None:
        self._account = RateLimitItemPerMinute(per_account, window_minutes, "account")
        self._address = RateLimitItemPerMinute(per_address, window_minutes, "address")
        self._windows = FixedWindowRateLimiter(MemoryStorage())

    async def count_address(self, address: str) -> dict[str, str]:
        """Count an attempt of an address and return the headers that tell what is left.

        Raises RateLimitedError.
        """
        return await self._count(self._address, address)

    async def count_account(self, email: str) -> dict[str, str]:
        """Count an attempt on an account, whether it exists or not; headers and errors as above."""
        return await self._count(self._account, email)

    async def forgive_account(self, email: str) -> None:
        """Forget an account's attempts: its owner has signed in."""
        await self._windows.clear(self._account, email)

    async def _count(self, limit: RateLimitItem, who: str) -> dict[str, str]:
        # The storage of `limits` reads this clock, and takes no other.
        allowed = await self._windows.hit(limit, who)
        stats = await self._windows.get_window_stats(limit, who)
        reset = max(1, math.ceil(stats.reset_time - time.time()))
        headers = _describe(limit, stats.remaining, reset)
        if not allowed:
            raise RateLimitedError(
                f"Too many attempts for this {limit.namespace}. Try again in {reset} seconds.",
                headers={**headers, "Retry-After": str(reset)},
            )
        return headers


def _describe(limit: RateLimitItem, remaining: int, reset_seconds: int) -> dict[str, str]:
    """Write the two fields of draft-ietf-httpapi-ratelimit-headers."""
    name = msgspec.json.encode(f"login-{limit.namespace}").decode()
    return {
        "RateLimit-Policy": f"{name};q={limit.amount};w={limit.get_expiry()}",
        "RateLimit": f"{name};r={remaining};t={reset_seconds}",
    }
