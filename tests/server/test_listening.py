"""Stopping: the live core first, then HTTP, and never later than promised."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from starlette.responses import PlainTextResponse
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from server.errors import StartError
from server.listening import Server, bind
from server.settings import Settings


class Running:
    """A server on a port of its own that can be told to stop."""

    def __init__(self, drain: Callable[["Running"], Awaitable[None]], shutdown_seconds: float = 5) -> None:
        self.started = asyncio.Event()
        self.listener = bind("127.0.0.1", 0)
        self.port: int = self.listener.getsockname()[1]
        self.server = Server(
            PlainTextResponse("hello"),
            Settings(shutdown_seconds=shutdown_seconds),
            drain=lambda: drain(self),
            on_started=self.started.set,
            websockets=WebSocketsSansIOProtocol,
        )

    async def stop_with_a_client(self) -> None:
        """Serve until a client is connected, then stop and wait for the end."""
        with self.listener:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.server.serve([self.listener]))
                await self.started.wait()
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await reader.readuntil(b"hello")
                self.server.should_exit = True
                assert await reader.read() == b""
                writer.close()
                await writer.wait_closed()


async def test_R6_the_core_is_drained_while_clients_are_connected_and_no_new_ones_come():
    seen: list[object] = []

    async def drain(running: Running) -> None:
        seen.append(len(running.server.server_state.connections))
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        seen.append(await reader.readline())
        writer.close()

    await Running(drain).stop_with_a_client()
    assert seen == [1, b"HTTP/1.1 503 Service Unavailable\r\n"]


async def test_R6_a_core_that_cannot_finish_does_not_keep_the_process(caplog: pytest.LogCaptureFixture):
    async def drain(running: Running) -> None:
        await asyncio.Event().wait()

    await Running(drain, shutdown_seconds=0.01).stop_with_a_client()
    assert [record.levelno for record in caplog.records if record.name == "ionflux.server"] == [logging.ERROR]


def test_an_address_is_listened_on_once():
    with bind("127.0.0.1", 0) as first, pytest.raises(StartError, match="taken by another program"):
        bind("127.0.0.1", first.getsockname()[1])
