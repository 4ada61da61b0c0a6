"""Circuit breakers: a provider that keeps failing is left alone for a while, then tried by one call. Pure."""

from collections.abc import Callable
from typing import Literal

FAILURES = 5
"""In a row, until it is left alone."""

REST_SECONDS = 30.0

State = Literal["closed", "open", "half_open"]


class Breaker:
    """One provider's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until: float | None = None
        self._is_probed = False

    @property
    def state(self) -> State:
        """How it is at this moment."""
        if self._open_until is None:
            return "closed"
        return "half_open" if self._clock() >= self._open_until else "open"

    def enter(self) -> bool:
        """Tell whether a call may be made; of the calls after a rest only the first, until it is over."""
        if self.state == "closed":
            return True
        if self.state == "open" or self._is_probed:
            return False
        self._is_probed = True
        return True

    def leave(self, *, has_failed: bool | None) -> None:
        """Note how a call ended that was let in; None for one that tells nothing, for instance cancelled."""
        self._is_probed = False
        if has_failed is None:
            return
        if not has_failed:
            self._failures = 0
            self._open_until = None
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._open_until = self._clock() + REST_SECONDS


class Breakers:
    """Those of all providers that this process has called lately."""

    MOST = 1000

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_provider: dict[str, Breaker] = {}

    def of(self, provider_id: str) -> Breaker:
        """Return a provider's."""
        found = self._by_provider.pop(provider_id, None) or Breaker(self._clock)
        self._by_provider[provider_id] = found  # the latest stand at the end
        if len(self._by_provider) > self.MOST:
            del self._by_provider[next(iter(self._by_provider))]
        return found

    def count_open(self) -> int:
        """Return how many providers are left alone."""
        return sum(breaker.state != "closed" for breaker in self._by_provider.values())
