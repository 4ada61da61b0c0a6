"""`python -m bench`: runs every scenario on every server in turn, repeatedly, and says what came of it."""

import argparse
import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import cast

import uvloop

from bench.convergence import Void
from bench.measures import Measures
from bench.plan import Scenario, scenarios
from bench.report import report
from bench.results import RESULTS, put_section
from bench.servers import NAMES, create

_FAULT_LENGTH = 150


def main() -> None:
    """Run what the command line asks for."""
    options = _options()
    plan = [each for each in scenarios(is_quick=options.quick) if _is_chosen(each.key, options.scenario)]
    servers = [name for name in NAMES if _is_chosen(name, options.server)]
    runs: dict[tuple[str, str], list[Measures]] = {}
    faults: dict[tuple[str, str], str] = {}
    for repeat in range(options.repeats or (1 if options.quick else 3)):
        for scenario in plan:
            for server in servers:
                at = (scenario.key, server)
                if server not in scenario.servers or at in faults:
                    continue
                print(f"{repeat + 1}  {scenario.key:7} {server:17}", end="", flush=True)
                started = perf_counter()
                try:
                    runs.setdefault(at, []).append(_run(scenario, server))
                    outcome = "done"
                except* Exception as errors:  # noqa: BLE001 - whatever a server does, the others are measured
                    outcome = faults[at] = _explain(errors, scenario)
                print(f"{outcome} ({perf_counter() - started:.0f} s)", flush=True)
    words = report(plan, servers, runs, faults, "python -m bench " + " ".join(sys.argv[1:]))
    print("\n" + words)
    is_whole = not (options.quick or options.scenario or options.server)
    if output := options.output or (RESULTS if is_whole else None):
        put_section(words, output)


def _run(scenario: Scenario, server_name: str) -> Measures:
    # What a run leaves behind must not be collected in the middle of the next one.
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_measure(scenario, server_name))
    finally:
        gc.enable()


async def _measure(scenario: Scenario, server_name: str) -> Measures:
    server = create(server_name)
    try:
        async with asyncio.timeout(scenario.limit_seconds):
            await server.start()
            return await scenario.run(server)
    finally:
        await server.close()


def _explain(error: BaseException, scenario: Scenario) -> str:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return _explain(group.exceptions[0], scenario)
    match error:
        case TimeoutError():
            return f"not done within {scenario.limit_seconds:.0f} s"
        case Void():
            return f"void: {error}"
        case _:
            return f"{type(error).__name__}: {error}".partition("\n")[0][:_FAULT_LENGTH]


def _is_chosen(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or name.lower() in {each.lower() for each in wanted}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs, once each: for CI")
    parser.add_argument("--repeats", type=int, help="how often each run is repeated (3; with --quick 1)")
    keys = [scenario.key for scenario in scenarios(is_quick=True)]
    parser.add_argument("--scenario", action="append", default=[], help=f"only this one: {', '.join(keys)}")
    parser.add_argument("--server", action="append", default=[], help=f"only this one: {', '.join(NAMES)}")
    parser.add_argument("--output", type=Path, help="where to write (a whole run: bench/results.md)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
