"""Jobs and runs of this process in numbers."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from storage.histogram import Histogram, HistogramCounts

RUN_SECONDS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86400.0)


class JobStatistics(msgspec.Struct, frozen=True):
    """A moment's numbers."""

    at_work: int
    """Jobs that this process does now."""
    open: Mapping[str, int]
    """Jobs of all processes that are not over, by their state, as they were counted last."""
    ended: Mapping[str, int]
    """How jobs of this process ended: `done`, `cancelled`, or `failed` for a reason that nobody foresaw."""
    parked: int
    """How often a job began to wait for somebody or something."""
    postponed: int
    """How often one was put off because the database, or a document, could not be had."""
    runs: Mapping[str, int]
    """How runs of agents ended here: `success`, `error`, `cancelled`."""
    steps: Mapping[str, int]
    """Steps of runs: `model` and `tool`, and `tool_failed` for calls whose answer was an error."""
    cost_micros: int
    """What the models of runs have cost."""
    run_seconds: Histogram
    """From when runs were asked for, or began, to their end."""


class JobCounts:
    """What is counted as jobs go on."""

    def __init__(self) -> None:
        self.at_work = 0
        self.open: Mapping[str, int] = {}
        self.ended = Counter[str]()
        self.parked = 0
        self.postponed = 0
        self.runs = Counter[str]()
        self.steps = Counter[str]()
        self.cost_micros = 0
        self.run_seconds = HistogramCounts(RUN_SECONDS)

    def end_run(self, status: str, seconds: float) -> None:
        """Count the end of a run."""
        self.runs[status] += 1
        self.run_seconds.add(seconds)

    def statistics(self) -> JobStatistics:
        """Return the numbers of this moment."""
        return JobStatistics(
            at_work=self.at_work,
            open=self.open,
            ended=dict(self.ended),
            parked=self.parked,
            postponed=self.postponed,
            runs=dict(self.runs),
            steps=dict(self.steps),
            cost_micros=self.cost_micros,
            run_seconds=self.run_seconds.value(),
        )
