"""What Prometheus reads of a process: the statistics of its parts at the moment of the scrape.

No metric names a document, a person or a path that a client made up. `server.metric_families` has their names
and Prometheus' library, which a server that nobody scrapes does not load.
"""

from collections.abc import Callable

from agents.llm.statistics import LlmStatistics
from agents.statistics import JobStatistics
from crdt.statistics import HubStatistics
from storage.histogram import HistogramCounts
from storage.update_log import LogStatistics

HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one process."""

    def __init__(
        self,
        hub: Callable[[], HubStatistics],
        log: Callable[[], LogStatistics],
        llm: Callable[[], LlmStatistics],
        jobs: Callable[[], JobStatistics],
    ) -> None:
        self._requests: dict[tuple[str, str, str], HistogramCounts] = {}
        self._hub = hub
        self._log = log
        self._llm = llm
        self._jobs = jobs

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        labels = (method, route, str(status))
        counts = self._requests.get(labels)
        if counts is None:
            counts = self._requests[labels] = HistogramCounts(HTTP_SECONDS)
        counts.add(seconds)

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        from server.metric_families import render

        return render(self._hub(), self._log(), self._llm(), self._jobs(), self._requests)
