"""People type: P1 (many in one document), P2 (many documents), P5 (many readers)."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from time import perf_counter, process_time

import msgspec

from bench.client import Client
from bench.convergence import Void, require_convergence
from bench.measures import Measures, latencies, milliseconds
from bench.process import cpu_seconds, memory_bytes, peak_memory_bytes
from bench.servers import Server
from bench.wire import Place

_TEXT = "The quick brown fox jumps over the lazy dog, and then it does so once more. "
_JOINERS_AT_ONCE = 32
_WARM_UP_SECONDS = 2.0
"""Typed before the measuring begins: Node compiles its hot paths meanwhile."""

_SETTLE_SECONDS = 20.0
"""How far behind a server may be at the end."""

_QUIET_SECONDS = 0.3
_POLL_SECONDS = 0.02


class Load(msgspec.Struct, frozen=True):
    """Who types where, and how fast."""

    documents: int
    typists: int
    """In each document."""
    readers: int
    """In each document, who do not type."""
    observers: int
    """In each document, of all clients: those whose latency is measured."""
    strokes_per_second: float
    """Of each typist."""
    seconds: float


async def measure(server: Server, load: Load) -> Measures:
    """Let people type for a while; return what it cost the server and how long edits took."""
    async with gather_crowd(await server.documents(load.documents), load) as crowd:
        typists = [client for room in crowd for client in room[: load.typists]]
        observers = [client for room in crowd for client in room if client.view is not None]
        pace = Pace(typists, load)
        await pace.type_for(_WARM_UP_SECONDS)
        cpu, own_cpu, since = cpu_seconds(server.pid), process_time(), perf_counter()
        await pace.type_for(load.seconds)
        own_share = (process_time() - own_cpu) / (perf_counter() - since)
        await settle(crowd, load)
        cpu = cpu_seconds(server.pid) - cpu
        memory = memory_bytes(server.pid)
        await quiet([client for room in crowd for client in room])
        for room in crowd:
            require_convergence(room, pace.contents(room[: load.typists]))
        strokes = sum(typed >= since for typist in typists for typed in typist.typed_at)
        acknowledged = [wait for each in typists for typed, wait in each.acknowledged if typed >= since]
        return {
            "server CPU per edit, µs": cpu / strokes * 1e6,
            **milliseconds("to another's document,", latencies(observers, typists, since)),
            **(milliseconds("to the acknowledgement,", acknowledged) if acknowledged else {}),
            "server memory, MB": memory / 1e6,
            "server memory at most, MB": peak_memory_bytes(server.pid) / 1e6,
            "edits per second": strokes / load.seconds,
            "load generator busy, %": own_share * 100,
        }


@asynccontextmanager
async def gather_crowd(places: Sequence[Place], load: Load) -> AsyncGenerator[list[list[Client]]]:
    """Bring everybody in: a list a document, its typists first."""
    ids = random.Random(load.documents).sample(range(1 << 31, 1 << 32), k=load.documents * _people(load))
    crowd: list[list[Client]] = []
    gate = asyncio.Semaphore(_JOINERS_AT_ONCE)

    async def enter(client: Client) -> None:
        async with gate:
            await client.join()

    try:
        for place in places:
            received: dict[bytes, bytes] = {}
            # The last observe: readers, where there are any.
            first_observer = _people(load) - load.observers
            crowd.append(
                [
                    Client(place, ids.pop(), received, observes=number >= first_observer)
                    for number in range(_people(load))
                ]
            )
        # One client a document first: pycrdt-websocket breaks down when two open one at the same time.
        for newcomers in ([room[:1] for room in crowd], [room[1:] for room in crowd]):
            async with asyncio.TaskGroup() as tasks:
                for client in chain.from_iterable(newcomers):
                    tasks.create_task(enter(client))
        yield crowd
    finally:
        for room in crowd:
            for client in room:
                client.leave()


def _people(load: Load) -> int:
    return load.typists + load.readers


class Pace:
    """Keystrokes at the times of a plan that does not wait for the server."""

    def __init__(self, typists: Sequence[Client], load: Load) -> None:
        self._interval = 1 / load.strokes_per_second
        chance = random.Random(load.typists)
        self._start = perf_counter() + 0.1
        plan = [(chance.random() * self._interval, typist) for typist in typists]
        self._plan = sorted(plan, key=lambda entry: entry[0])
        self._strokes = 0

    async def type_for(self, seconds: float) -> None:
        """Let everybody type at their own phase."""
        rounds = round(seconds / self._interval)
        for _ in range(rounds):
            for phase, typist in self._plan:
                wait = self._start + phase - perf_counter()
                if wait > 0:
                    await asyncio.sleep(wait)
                typist.type(_TEXT[len(typist.typed_at) % len(_TEXT)])
            self._start += self._interval

    @staticmethod
    def contents(typists: Sequence[Client]) -> dict[str, str]:
        """Return what the lines of a document must be."""
        contents: dict[str, str] = {}
        for typist in typists:
            length = len(typist.typed_at)
            contents[typist.line] = (_TEXT * (length // len(_TEXT) + 1))[:length]
        return contents


async def settle(crowd: Sequence[Sequence[Client]], load: Load) -> None:
    """Wait until every observer has everything and every edit that will be acknowledged has been."""
    deadline = perf_counter() + _SETTLE_SECONDS
    while late := [room for room in crowd if not _is_settled(room, load)]:
        if faults := {client.fault for room in late for client in room if client.fault}:
            raise Void(", ".join(sorted(faults)))
        if perf_counter() > deadline:
            raise Void(f"{len(late)} documents were still behind after {_SETTLE_SECONDS:.0f} s")
        await asyncio.sleep(_POLL_SECONDS)


def _is_settled(room: Sequence[Client], load: Load) -> bool:
    typists = room[: load.typists]
    if any(typist.waits_for_acknowledgements for typist in typists):
        return False
    for observer in room:
        if observer.view is None:
            continue
        clocks = observer.clocks()
        for typist in typists:
            if typist is not observer and clocks.get(typist.client_id, 0) < len(typist.typed_at):
                return False
    return True


async def quiet(clients: Sequence[Client]) -> None:
    """Wait until nothing more comes in: those who only keep frames have no document to look at."""
    deadline = perf_counter() + _SETTLE_SECONDS
    before = -1
    while (now := sum(client.frames for client in clients)) != before:
        if perf_counter() > deadline:
            raise Void("the server does not come to rest")
        before = now
        await asyncio.sleep(_QUIET_SECONDS)
