"""The live core in numbers: frozen values of one moment, and the counters behind them that only grow."""

from typing import TypeVar

import msgspec

K = TypeVar("K")


class RoomStatistics(msgspec.Struct, frozen=True):
    """A room at one moment; turns, edits and refusals since it was opened."""

    peers: int
    lagging_peers: int
    position: int
    unsaved_updates: int
    unsaved_bytes: int
    rows_since_snapshot: int
    document_bytes: int
    """About how large the document is, as it is stored."""
    turns: int
    edits: int
    """Edits that were taken; for each turn, how large a batch is on average."""
    largest_turn_edits: int
    refused_edits: dict[str, int]
    """How many edits were refused, by the reason."""


class HubStatistics(msgspec.Struct, frozen=True):
    """The hub at one moment; turns, edits and what was refused since it was made, closed rooms included."""

    sockets: int
    replicas: int
    rooms: dict[str, RoomStatistics]
    turns: int
    edits: int
    refused_edits: dict[str, int]
    refused: dict[str, int]
    """How many times somebody was not let in or not heard, by the error's code."""
    closed: dict[int, int]
    """How many sockets the server has closed, by close code."""


class RoomCounts:
    """What a room counts as it goes, or all that are closed by now together."""

    def __init__(self) -> None:
        self.turns = 0
        self.edits = 0
        self.largest_turn_edits = 0
        self.refused_edits: dict[str, int] = {}

    def taken(self, edits: int) -> None:
        """Count a turn."""
        self.turns += 1
        self.edits += edits
        if edits > self.largest_turn_edits:
            self.largest_turn_edits = edits

    def refused(self, reason: str) -> None:
        """Count an edit that was refused."""
        count(self.refused_edits, reason)

    def add(self, other: "RoomCounts") -> None:
        """Add what another has counted."""
        self.turns += other.turns
        self.edits += other.edits
        self.largest_turn_edits = max(self.largest_turn_edits, other.largest_turn_edits)
        for reason, edits in other.refused_edits.items():
            self.refused_edits[reason] = self.refused_edits.get(reason, 0) + edits


class Verdicts:
    """What the sockets of a process were told."""

    def __init__(self) -> None:
        self.refused: dict[str, int] = {}
        self.closed: dict[int, int] = {}


def count(counts: dict[K, int], key: K) -> None:
    """Count one more."""
    counts[key] = counts.get(key, 0) + 1
