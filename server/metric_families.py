"""The metrics by name, in Prometheus' own terms; docs/operations.md lists them."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from agents.llm.statistics import LlmStatistics
from agents.statistics import JobStatistics
from crdt.statistics import HubStatistics
from storage.histogram import Histogram, HistogramCounts
from storage.update_log import LogStatistics

Requests = Mapping[tuple[str, str, str], HistogramCounts]
"""By method, route and status."""


def render(
    hub: HubStatistics, log: LogStatistics, llm: LlmStatistics, jobs: JobStatistics, requests: Requests
) -> bytes:
    """Return all metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Statistics(hub, log, llm, jobs, requests))
    ProcessCollector(namespace="ionflux", registry=registry)
    return generate_latest(registry)


class _Statistics(Collector):
    """Gives the statistics of the process's parts."""

    def __init__(
        self,
        hub: HubStatistics,
        log: LogStatistics,
        llm: LlmStatistics,
        jobs: JobStatistics,
        requests: Requests,
    ) -> None:
        self._hub = hub
        self._log = log
        self._llm = llm
        self._jobs = jobs
        self._requests = requests

    def collect(self) -> Iterator[Metric]:
        """Give the metrics."""
        yield from _hub_metrics(self._hub)
        yield from _log_metrics(self._log)
        yield from _llm_metrics(self._llm)
        yield from _job_metrics(self._jobs)
        yield _request_metric(self._requests)

    def describe(self) -> Iterator[Metric]:
        """Give nothing: that these names are nobody else's is known without a scrape."""
        yield from ()


def _hub_metrics(hub: HubStatistics) -> Iterator[Metric]:
    rooms = list(hub.rooms.values())
    yield _gauge("sockets", "WebSockets that are open.", hub.sockets)
    yield _gauge("replicas", "Peers inside the process.", hub.replicas)
    yield _gauge("rooms", "Documents that are open.", len(rooms))
    yield _gauge("room_peers", "Peers in all rooms.", sum(room.peers for room in rooms))
    yield _gauge(
        "room_peers_lagging",
        "Peers that read more slowly than they are written to.",
        sum(room.lagging_peers for room in rooms),
    )
    yield _gauge("room_bytes", "Size of all open documents.", sum(room.document_bytes for room in rooms))
    yield _gauge(
        "room_largest_bytes",
        "Size of the largest open document.",
        max((room.document_bytes for room in rooms), default=0),
    )
    yield _gauge(
        "room_unsaved_bytes", "Edits that wait for their commit.", sum(room.unsaved_bytes for room in rooms)
    )
    yield _counter("room_turns", "Turns in which rooms took edits.", hub.turns)
    yield _counter("room_edits", "Edits that rooms took.", hub.edits)
    yield _counters("room_edits_refused", "Edits that rooms refused.", "reason", hub.refused_edits)
    yield _counters("refused", "Clients not let in, or not heard.", "reason", hub.refused)
    closed = {str(code): sockets for code, sockets in hub.closed.items()}
    yield _counters("sockets_closed", "WebSockets that the server closed.", "code", closed)


def _log_metrics(log: LogStatistics) -> Iterator[Metric]:
    yield _counter("log_rows", "Rows that the log committed.", log.rows)
    yield _counter("log_retries", "Commits that failed and were tried again.", log.retries)
    yield _gauge("log_failing", "1 while commits fail or are overdue.", log.is_failing)
    yield _gauge("log_pending_rows", "Rows that wait for their commit.", log.pending_rows)
    yield _gauge("log_pending_bytes", "Bytes of these rows.", log.pending_bytes)
    yield _histogram("log_commit_seconds", "Time of a commit.", log.commit_seconds)
    yield _histogram("log_commit_rows", "Rows of a commit.", log.commit_rows)


def _llm_metrics(llm: LlmStatistics) -> Iterator[Metric]:
    yield _counters("llm_calls", "Calls of language models, by how they ended.", "outcome", llm.calls)
    tokens = {"input": llm.input_tokens, "output": llm.output_tokens}
    yield _counters("llm_tokens", "Tokens that models read and wrote.", "direction", tokens)
    yield _counter("llm_cost_dollars", "What calls have cost.", llm.cost_micros / 1_000_000)
    yield _counter("llm_retries", "Attempts that were made again.", llm.retries)
    yield _counter("llm_fallbacks", "Calls that went on to another model.", llm.fallbacks)
    yield _gauge("llm_in_flight", "Calls under way.", llm.in_flight)
    yield _gauge("llm_circuits_open", "Providers that are left alone for a while.", llm.circuits_open)
    yield _gauge("llm_built_in_running", "1 while the built-in model runs.", llm.is_built_in_running)
    yield _histogram("llm_first_token_seconds", "Time to the first of an answer.", llm.first_token_seconds)


def _job_metrics(jobs: JobStatistics) -> Iterator[Metric]:
    yield _gauge("jobs_at_work", "Jobs that this process does.", jobs.at_work)
    yield _gauges("jobs_open", "Jobs of all processes that are not over.", "state", jobs.open)
    yield _counters("jobs_ended", "Jobs that this process ended.", "outcome", jobs.ended)
    yield _counter("jobs_parked", "Times that a job began to wait.", jobs.parked)
    yield _counter("jobs_postponed", "Times that a job was put off by a failure.", jobs.postponed)
    yield _counters("runs", "Runs of agents that ended here.", "status", jobs.runs)
    yield _counters("run_steps", "Steps of runs.", "kind", jobs.steps)
    yield _counter("run_cost_dollars", "What the models of runs have cost.", jobs.cost_micros / 1_000_000)
    yield _histogram("run_seconds", "Time from the start of a run to its end.", jobs.run_seconds)


def _gauges(name: str, documentation: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"ionflux_{name}", documentation, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ionflux_{name}", documentation, value)


def _counter(name: str, documentation: str, value: float) -> Metric:
    return CounterMetricFamily(f"ionflux_{name}", documentation, value)


def _counters(name: str, documentation: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"ionflux_{name}", documentation, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _histogram(name: str, documentation: str, value: Histogram) -> Metric:
    return HistogramMetricFamily(f"ionflux_{name}", documentation, _buckets(value), value.total)


def _request_metric(requests: Requests) -> Metric:
    family = HistogramMetricFamily(
        "ionflux_http_request_seconds",
        "Time from a request to the end of its answer.",
        labels=("method", "route", "status"),
    )
    for labels, counts in requests.items():
        value = counts.value()
        family.add_metric(labels, _buckets(value), value.total)
    return family


def _buckets(value: Histogram) -> list[tuple[str, float]]:
    """Return how many values each bound has below it, as Prometheus counts them."""
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, values in zip((*map(str, value.bounds), "+Inf"), value.counts, strict=True):
        below += values
        buckets.append((bound, below))
    return buckets
