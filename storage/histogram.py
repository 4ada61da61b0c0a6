"""How values spread over fixed bounds: counted in integers, read as a frozen value."""

from bisect import bisect_left
from collections.abc import Sequence

import msgspec


class Histogram(msgspec.Struct, frozen=True):
    """So many values up to each bound and above the one before it; the last count is of all above."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float
    """The sum of the values."""


class HistogramCounts:
    """Counts values."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def value(self) -> Histogram:
        """Return what has been counted."""
        return Histogram(self._bounds, tuple(self._counts), self._total)
