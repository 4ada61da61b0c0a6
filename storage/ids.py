"""UUIDv7: ids that sort by the time they were made. Owns the generator; keeps no global state."""

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

_COUNTER_BITS = 12
_COUNTER_LIMIT = 1 << _COUNTER_BITS


def _unix_milliseconds() -> int:
    return time.time_ns() // 1_000_000


class Uuid7:
    """A source of UUIDv7 (RFC 9562, 5.7) that never goes backwards within one generator.

    The 12 bits behind the timestamp are a counter (RFC 9562, 6.2, method 1): it starts at a random value in
    the lower half each millisecond, and one that runs over borrows the next millisecond. A clock that is set
    back keeps the last timestamp until the time is reached again.
    """

    def __init__(
        self,
        clock: Callable[[], int] = _unix_milliseconds,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._clock = clock
        self._randomness = randomness
        # Ids are also made in worker threads (password hashing, migrations).
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._counter = 0

    def __call__(self) -> UUID:
        """Return the next id."""
        noise = int.from_bytes(self._randomness(10))
        with self._lock:
            now = self._clock()
            if now > self._milliseconds:
                self._milliseconds = now
                self._counter = (noise >> 64) & (_COUNTER_LIMIT // 2 - 1)
            else:
                self._counter += 1
                if self._counter == _COUNTER_LIMIT:
                    self._milliseconds += 1
                    self._counter = 0
            milliseconds, counter = self._milliseconds, self._counter
        tail = noise & ((1 << 62) - 1)
        return UUID(int=milliseconds << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | tail)


def earliest_id(id_: UUID, age: timedelta) -> UUID:
    """Return a lower bound of the ids that were made so long before this one, or later."""
    milliseconds = (id_.int >> 80) - age // timedelta(milliseconds=1)
    return UUID(int=max(milliseconds, 0) << 80)
