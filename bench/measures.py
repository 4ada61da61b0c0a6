"""Figures: what one run gives, and how latencies are read from what clients noted."""

from collections.abc import Iterable, Sequence

from bench.client import Client
from bench.wire import read_clocks

Measures = dict[str, float]
"""Name of a row of the table -> figure, in the unit that the name ends with."""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def milliseconds(prefix: str, seconds: Sequence[float]) -> Measures:
    """Return the median and the 99th percentile."""
    return {
        f"{prefix} p50, ms": percentile(seconds, 0.5) * 1000,
        f"{prefix} p99, ms": percentile(seconds, 0.99) * 1000,
    }


def latencies(observers: Iterable[Client], typists: Iterable[Client], since: float) -> list[float]:
    """Return the seconds from each keystroke since then until each other observer's document had it."""
    typed_at = {typist.client_id: typist.typed_at for typist in typists}
    found: list[float] = []
    for observer in observers:
        clocks: dict[int, int] = {}
        for seen_at, state_vector in observer.seen:
            for client_id, clock in read_clocks(state_vector).items():
                before = clocks.get(client_id, 0)
                if clock != before and client_id != observer.client_id:
                    times = typed_at.get(client_id, [])  # a server may sign something, too
                    found += [seen_at - typed for typed in times[before:clock] if typed >= since]
                clocks[client_id] = clock
    return found
