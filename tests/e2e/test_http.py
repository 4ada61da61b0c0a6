"""HTTP by hand over a real connection: what is none, what never ends, and who comes too early or too late."""

import asyncio
import http.client
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from socket import socket
from typing import Any

import pytest

from server import http_protocol
from server.closed_door import closed_door
from server.http_protocol import MAX_HEAD_BYTES
from server.listening import bind
from server.serving import STARTING
from tests.server.test_listening import Running
from tests.services.ionflux import IonfluxServer


async def ask(port: int, request: bytes) -> tuple[int, dict[str, str], Any]:
    """Send bytes, read until the other side ends; return status, headers and JSON."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert headers["content-length"] == str(len(body))
    return int(status.split()[1]), headers, json.loads(body)


@pytest.mark.parametrize(
    "request_line",
    [
        b"hello",
        b"GET / HTTP/9.9",
        b"GET /\xff HTTP/1.1",
        b"G@T / HTTP/1.1",
        b"CONNECT x:1 HTTP/1.1",
    ],
)
async def test_what_is_no_http_is_told_in_the_one_form(ionflux: IonfluxServer, request_line: bytes):
    status, headers, problem = await ask(ionflux.port, request_line + b"\r\nHost: x\r\n\r\n")
    assert (status, problem["status"], problem["code"]) == (400, 400, "malformed_http")
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["connection"] == "close"
    assert headers["x-request-id"] == problem["request_id"]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * (MAX_HEAD_BYTES // 2) + b"\r\n",
    ],
)
async def test_a_head_without_end_is_cut_off(ionflux: IonfluxServer, head: bytes):
    status, _, problem = await ask(ionflux.port, head)
    assert (status, problem["code"]) == (431, "head_too_large")


async def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.1)

    async def drain(running: Running) -> None:
        pass

    running = Running(drain)
    with running.listener:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(running.server.serve([running.listener]))
            await running.started.wait()
            for said in (b"", b"GET / HT"):
                reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
                writer.write(said)
                assert await asyncio.wait_for(reader.read(), 10) == b""
                writer.close()
            running.server.should_exit = True


@asynccontextmanager
async def door() -> AsyncGenerator[tuple[socket, int]]:
    with bind("127.0.0.1", 0) as listener:
        async with closed_door(listener, STARTING):
            yield listener, listener.getsockname()[1]


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nHost: x\r", b"\n\r", b"\n"],
        [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"x" * 100000],
        [b"GET /collab HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"],
    ],
)
async def test_who_comes_too_early_is_told_when_to_come_back(parts: list[bytes]):
    async with door() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in parts:
            writer.write(part)
            await writer.drain()
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nretry-after: 2\r\n" in head.lower()
        writer.close()


async def test_the_listener_outlives_the_door():
    with bind("127.0.0.1", 0) as listener:
        async with closed_door(listener, STARTING):
            pass
        port = listener.getsockname()[1]
        waiting = asyncio.open_connection("127.0.0.1", port)
        _, writer = await asyncio.wait_for(waiting, 5)
        writer.close()


async def test_a_server_that_starts_answers_until_it_is_ready(own_ionflux: IonfluxServer):
    await own_ionflux.kill()
    answers: set[int] = set()

    def watch() -> None:
        while 200 not in answers:
            connection = http.client.HTTPConnection("127.0.0.1", own_ionflux.port, timeout=10)
            try:
                connection.request("GET", "/readyz")
                answers.add(connection.getresponse().status)
            except ConnectionRefusedError:
                pass  # not listening yet
            finally:
                connection.close()

    watching = asyncio.create_task(asyncio.to_thread(watch))
    await own_ionflux.restart()
    await watching
    assert answers == {200, 503}
