"""A large document: how long it takes to get into it (P3), and to open it after a crash."""

import asyncio
from collections.abc import Sequence
from statistics import median

from bench.client import Client
from bench.convergence import Void, require_convergence
from bench.manuscript import write_manuscript
from bench.measures import Measures
from bench.process import cpu_seconds
from bench.scenarios.keystrokes import quiet
from bench.servers import Ionflux, Server
from bench.wire import Place

_WRITER, _FIRST_READER = 1 << 30, 1 << 29
_TOGETHER = 20
_POLL_SECONDS = 0.02
_SETTLE_SECONDS = 30.0


async def measure(server: Server, repeats: int) -> Measures:
    """Join alone and with others; an edit before each time, so that nobody has the answer ready."""
    (place,) = await server.documents(1)
    alone: list[float] = []
    together: list[float] = []
    cpu: list[float] = []
    writer = await _write(place)
    for _ in range(repeats):
        await _edit(writer, place)
        alone += await _join(place, 1, writer)
        await _edit(writer, place)
        before = cpu_seconds(server.pid)
        together.append(max(await _join(place, _TOGETHER, writer)))
        cpu.append(cpu_seconds(server.pid) - before)
    writer.leave()
    return {
        "alone, ms": median(alone) * 1000,
        f"the last of {_TOGETHER} at once, ms": median(together) * 1000,
        f"server CPU of {_TOGETHER} joins, ms": median(cpu) * 1000,
    }


async def measure_cold_start(server: Server) -> Measures:
    """Kill the server and join the first time after it has started again."""
    if not isinstance(server, Ionflux):
        raise Void("it runs without a store")
    (place,) = await server.documents(1)
    writer = await _write(place)
    await server.restart_after_crash()
    (first,) = await _join(place, 1, writer)
    (second,) = await _join(place, 1, writer)
    return {"first join after a crash, ms": first * 1000, "second join, ms": second * 1000}


async def _write(place: Place) -> Client:
    """Fill the document; return the client that did."""
    writer = Client(place, _WRITER, {}, observes=False)
    await writer.join()
    for update in write_manuscript().updates:
        writer.send_update(update)
    await _wait_until_there(writer, place)
    return writer


async def _edit(writer: Client, place: Place) -> None:
    """Make an edit and wait until the server has it; without acknowledgements, its echo says so."""
    before = writer.frames
    writer.type("x")
    async with asyncio.timeout(_SETTLE_SECONDS):
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if writer.frames > before or (place.is_hocuspocus and not writer.waits_for_acknowledgements):
                return


async def _wait_until_there(writer: Client, place: Place) -> None:
    """Wait until the server has everything; without acknowledgements, ask what somebody new gets."""
    async with asyncio.timeout(_SETTLE_SECONDS):
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if place.is_hocuspocus:
                is_there = not writer.waits_for_acknowledgements
            else:
                is_there = await _is_probed(writer, place)
            if is_there:
                return


async def _is_probed(writer: Client, place: Place) -> bool:
    probe = Client(place, _FIRST_READER, {}, observes=False)
    await probe.join()
    probe.leave()
    try:
        require_convergence([probe], _contents(writer))
    except Void:
        return False
    return True


async def _join(place: Place, number: int, writer: Client) -> Sequence[float]:
    clients = [Client(place, _FIRST_READER + each, {}, observes=False) for each in range(number)]
    try:
        seconds = await asyncio.gather(*(client.join() for client in clients))
        await quiet(clients)  # what has changed since the state was encoded may come behind it
    finally:
        for client in clients:
            client.leave()
    require_convergence(clients, _contents(writer))
    return seconds


def _contents(writer: Client) -> dict[str, str]:
    return write_manuscript().lines | {writer.line: "x" * len(writer.typed_at)}
