"""A real paper, keystroke by keystroke: one client writes as fast as it is let, another watches.

The recording lies beside the project and is not part of it.
"""

import asyncio
import gzip
from functools import cache
from pathlib import Path
from time import perf_counter

import msgspec
import pycrdt

from bench.client import Client
from bench.convergence import Void
from bench.measures import Measures, percentile
from bench.process import cpu_seconds, memory_bytes
from bench.servers import Server

RECORDING = Path(__file__).parents[3] / "shared" / "data" / "automerge-paper.json.gz"

_LINE = "paper"
_WRITER, _WATCHER = 1 << 30, (1 << 30) + 1
_WINDOW = 200
"""Edits on their way at most: acknowledged ones are not, nor, without acknowledgements, echoed ones."""
_CHECK_EVERY = 50
_POLL_SECONDS = 0.02


class _Recording(msgspec.Struct):
    endContent: str  # noqa: N815 - the recording's own word
    txns: list["_Transaction"]


class _Transaction(msgspec.Struct):
    patches: list[tuple[int, int, str]]


class Paper(msgspec.Struct, frozen=True):
    """The updates of all keystrokes, in order, and the text in the end."""

    updates: list[bytes]
    text: str


@cache
def _record(edits: int) -> Paper:
    recording = msgspec.json.decode(gzip.decompress(RECORDING.read_bytes()), type=_Recording)
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=_WRITER)
    text = doc.get(_LINE, type=pycrdt.Text)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    for transaction in recording.txns[:edits]:
        with doc.transaction():
            for at, deleted, inserted in transaction.patches:  # all of it ASCII: bytes are characters
                if deleted:
                    del text[at : at + deleted]
                if inserted:
                    text.insert(at, inserted)
    doc.unobserve(subscription)
    if edits >= len(recording.txns) and str(text) != recording.endContent:
        raise Void("the recording does not give the paper")
    return Paper(updates, str(text))


async def measure(server: Server, edits: int) -> Measures:
    """Replay the first edits of the paper; the watcher's document must be the paper in the end."""
    if not RECORDING.exists():
        raise Void("there is no recording of the paper beside the project")
    paper = _record(edits)
    (place,) = await server.documents(1)
    known: dict[bytes, bytes] = {}
    writer = Client(place, _WRITER, known, observes=False)
    watcher = Client(place, _WATCHER, known, observes=True)
    await writer.join()
    await watcher.join()
    cpu, started = cpu_seconds(server.pid), perf_counter()
    for number, update in enumerate(paper.updates):
        if number % _CHECK_EVERY == 0:
            await writer.wait_for_room(_WINDOW - _CHECK_EVERY)
        writer.send_update(update)
    while writer.in_flight or not watcher.has(_LINE, paper.text):
        if writer.fault or watcher.fault:
            raise Void(f"{writer.fault or watcher.fault}")
        await asyncio.sleep(_POLL_SECONDS)
    seconds = perf_counter() - started
    cpu = cpu_seconds(server.pid) - cpu
    memory = memory_bytes(server.pid)
    waits = [wait for _, wait in writer.acknowledged]
    writer.leave()
    watcher.leave()
    return {
        "edits per second": len(paper.updates) / seconds,
        "server CPU per edit, µs": cpu / len(paper.updates) * 1e6,
        "server memory, MB": memory / 1e6,
        **({"to the acknowledgement, p99, ms": percentile(waits, 0.99) * 1000} if waits else {}),
    }
