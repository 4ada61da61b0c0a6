"""The runs: which load, at which size, for which servers, and how long it may take."""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from bench.measures import Measures
from bench.scenarios import idling, joining, keystrokes, replaying
from bench.scenarios.keystrokes import Load
from bench.servers import NAMES, Server


class Scenario(msgspec.Struct, frozen=True):
    """One kind of load."""

    key: str
    title: str
    run: Callable[[Server], Awaitable[Measures]]
    limit_seconds: float
    """Including the start of the server and the making of its documents."""
    servers: tuple[str, ...] = NAMES


def scenarios(*, is_quick: bool) -> list[Scenario]:
    """Return all of them; the quick ones are for seeing that everything works, and for large changes."""
    seconds = 3.0 if is_quick else 8.0
    sockets = 250 if is_quick else 500
    edits = 20_000 if is_quick else 259_778
    return [
        Scenario(
            "P1",
            f"1 document, 100 clients all typing 20/s, {seconds:.0f} s",
            partial(keystrokes.measure, load=Load(1, 100, 0, 2, 20, seconds)),
            limit_seconds=60,
        ),
        Scenario(
            "P2",
            f"200 documents of 3 clients, 4,000 edits/s in all, {seconds:.0f} s",
            partial(keystrokes.measure, load=Load(200, 3, 0, 3, 4000 / 600, seconds)),
            limit_seconds=60,
        ),
        Scenario(
            "P3",
            "joining a document of 1.8 MB",
            partial(joining.measure, repeats=3 if is_quick else 7),
            limit_seconds=60,
        ),
        Scenario(
            "P4",
            f"{sockets * 2} idle sockets on {sockets} documents",
            partial(idling.measure, documents=sockets),
            limit_seconds=60,
        ),
        Scenario(
            "P5",
            f"1 document, 5 clients typing 20/s and 1,000 readers, {seconds:.0f} s",
            partial(keystrokes.measure, load=Load(1, 5, 1000, 3, 20, seconds)),
            limit_seconds=90,
        ),
        Scenario(
            "cold",
            "opening the 1.8 MB document after kill -9",
            joining.measure_cold_start,
            limit_seconds=60,
            servers=("IONFLUX", "IONFLUX /sync"),
        ),
        Scenario(
            "replay",
            f"{edits:,} edits of a real paper, one writer, one watcher",
            partial(replaying.measure, edits=edits),
            limit_seconds=180,
            # Nothing tells a y-websocket client apart which of its edits a merged echo has, and the peers
            # of that protocol echo each by itself.
            servers=("IONFLUX", "Hocuspocus", "y-websocket", "pycrdt-websocket"),
        ),
    ]
