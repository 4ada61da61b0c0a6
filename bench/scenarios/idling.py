"""Sockets on which nothing happens: what they and the documents behind them keep in memory (P4)."""

import asyncio
from collections.abc import Sequence

from bench.client import Client
from bench.measures import Measures
from bench.process import cpu_seconds, memory_bytes
from bench.servers import Server
from bench.wire import Place

_FIRST_ID = 1 << 30
_JOINERS_AT_ONCE = 32
_REST_SECONDS = 1.0
"""For what happens after a join to end."""
_IDLE_SECONDS = 3.0


async def measure(server: Server, documents: int) -> Measures:
    """Open the documents with one socket each, then a second one each."""
    places = await server.documents(documents)
    await asyncio.sleep(_REST_SECONDS)
    empty = memory_bytes(server.pid)
    first = await _enter(places, _FIRST_ID)
    for client in first:
        client.type("x")  # no document is quite empty
    await asyncio.sleep(_REST_SECONDS)
    opened = memory_bytes(server.pid)
    second = await _enter(places, _FIRST_ID + documents)
    await asyncio.sleep(_REST_SECONDS)
    full = memory_bytes(server.pid)
    cpu = cpu_seconds(server.pid)
    await asyncio.sleep(_IDLE_SECONDS)
    cpu = cpu_seconds(server.pid) - cpu
    for client in (*first, *second):
        client.leave()
    socket = (full - opened) / documents
    return {
        "server memory, MB": full / 1e6,
        "of these for the sockets and documents, MB": (full - empty) / 1e6,
        "a socket, kB": socket / 1e3,
        "an open document, kB": ((opened - empty) / documents - socket) / 1e3,
        "server CPU while idle, ms/s": cpu / _IDLE_SECONDS * 1000,
    }


async def _enter(places: Sequence[Place], first_id: int) -> list[Client]:
    gate = asyncio.Semaphore(_JOINERS_AT_ONCE)

    async def enter(client: Client) -> None:
        async with gate:
            await client.join()

    clients = [Client(place, first_id + number, {}, observes=False) for number, place in enumerate(places)]
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(enter(client))
    return clients
