"""How much one peer may ask for, as pure arithmetic over a given clock (rule W4)."""

from collections.abc import Callable

import msgspec

from crdt.errors import TooManySockets

_PARTS = 64


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


class Meter:
    """How fast one socket may send, in frames and in bytes.

    The buckets are looked at only when a small part of what they hold has been used up: a clock costs time.
    """

    def __init__(self, frame_rate: Rate, byte_rate: Rate, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._frame_bucket = Bucket(frame_rate, clock())
        self._byte_bucket = Bucket(byte_rate, clock())
        self._frames_at_once = frame_rate.burst / _PARTS
        self._bytes_at_once = byte_rate.burst / _PARTS
        self._frames = 0
        self._bytes = 0

    def take(self, size_bytes: int) -> float:
        """Count a frame; return for how many seconds to read nothing more, 0 mostly."""
        self._frames += 1
        self._bytes += size_bytes
        if self._frames < self._frames_at_once and self._bytes < self._bytes_at_once:
            return 0.0
        now = self._clock()
        pause_seconds = max(
            self._frame_bucket.take(self._frames, now), self._byte_bucket.take(self._bytes, now)
        )
        self._frames = self._bytes = 0
        return pause_seconds


class Seats:
    """How many sockets each principal takes part by."""

    def __init__(self, per_principal: int) -> None:
        self._per_principal = per_principal
        self._taken: dict[str, int] = {}

    def take(self, principal_id: str) -> None:
        """Count one socket more; raises TooManySockets."""
        taken = self._taken.get(principal_id, 0)
        if taken >= self._per_principal:
            raise TooManySockets("You have too many connections open.")
        self._taken[principal_id] = taken + 1

    def give_back(self, principal_id: str) -> None:
        """Count one socket less."""
        self._taken[principal_id] -= 1
        if not self._taken[principal_id]:
            del self._taken[principal_id]


class SocketSeats:
    """The seats of one socket: one for each principal, however many documents they have open on it."""

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._documents: dict[str, int] = {}

    def take(self, principal_id: str) -> None:
        """Note one document more of a principal; raises TooManySockets."""
        if principal_id not in self._documents:
            self._seats.take(principal_id)
        self._documents[principal_id] = self._documents.get(principal_id, 0) + 1

    def give_back(self, principal_id: str) -> None:
        """Note one document less of a principal."""
        self._documents[principal_id] -= 1
        if not self._documents[principal_id]:
            del self._documents[principal_id]
            self._seats.give_back(principal_id)


class Overruns:
    """Who sent more in one message than is even read, and has to wait before being let in again.

    Such a client is cut off without hearing why, and what it sent is what it will send again at once.
    """

    def __init__(self, pause_seconds: float) -> None:
        self._pause_seconds = pause_seconds
        self._until: dict[tuple[str, str], float] = {}

    def note(self, principal_id: str, document: str, now: float) -> None:
        """Note that a principal was cut off with a document open."""
        self._until = {key: until for key, until in self._until.items() if until > now}
        self._until[principal_id, document] = now + self._pause_seconds

    def pause_seconds(self, principal_id: str, document: str, now: float) -> float:
        """Return how long a principal has to wait for a document now."""
        return max(0.0, self._until.get((principal_id, document), now) - now)
