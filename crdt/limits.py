"""How much one peer may ask for, as pure arithmetic over a given clock (rule W4)."""

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """So many units a second on average, and so many at once."""

    per_second: float
    burst: float


class Bucket:
    """A token bucket that never refuses: it says how long whoever overdrew it has to pause."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._level = rate.burst
        self._at = now

    def take(self, amount: float, now: float) -> float:
        """Take an amount; return the seconds until the bucket is no longer overdrawn, 0 mostly."""
        self._level = min(self._rate.burst, self._level + (now - self._at) * self._rate.per_second) - amount
        self._at = now
        return max(0.0, -self._level / self._rate.per_second)
