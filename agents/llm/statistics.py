"""Calls of this process in numbers."""

from collections.abc import Mapping

import msgspec

from storage.histogram import Histogram, HistogramCounts

FIRST_TOKEN_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class LlmStatistics(msgspec.Struct, frozen=True):
    """A moment's numbers."""

    calls: Mapping[str, int]
    """How calls ended: `done`, `cancelled`, or the code of an error."""
    retries: int
    fallbacks: int
    input_tokens: int
    output_tokens: int
    cost_micros: int
    in_flight: int
    circuits_open: int
    is_built_in_running: bool
    first_token_seconds: Histogram


class Counts:
    """What is counted as calls go on."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.retries = 0
        self.fallbacks = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.cost_micros = 0
        self.in_flight = 0
        self.first_token = HistogramCounts(FIRST_TOKEN_SECONDS)

    def end(self, outcome: str) -> None:
        """Count the end of a call."""
        self.calls[outcome] = self.calls.get(outcome, 0) + 1
