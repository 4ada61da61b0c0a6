"""A receiver of webhooks: a real HTTP server that writes down what it gets and answers as it is told."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

SECONDS = 30.0


@dataclass(frozen=True)
class Received:
    """One message."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """Verify as docs/events.md says it."""
        headers = self.headers
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        good = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        given = [part.removeprefix("v1,") for part in headers["webhook-signature"].split(" ")]
        return any(hmac.compare_digest(good, signature) for signature in given)


class Receiver:
    """The server; `answer` is what it says to the next messages."""

    def __init__(self) -> None:
        self.port = 0
        self.answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        self.taken: list[Received] = []
        """What was answered with 2xx."""
        self.refused: list[Received] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def say(self, status: int, *headers: str) -> None:
        """Answer so from now on."""
        lines = [f"HTTP/1.1 {status} Whatever", "Content-Length: 2", "Connection: close", *headers]
        self.answer = ("\r\n".join(lines) + "\r\n\r\nok").encode()

    async def open(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more: connections are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def has_taken(self, count: int) -> list[Received]:
        """Wait until so many different messages were taken; return them in order, without repetitions."""
        await self._until(lambda: len(self._different()) >= count)
        return self._different()

    async def has_refused(self, count: int) -> None:
        """Wait until so many attempts were turned away or are under way."""
        await self._until(lambda: len(self.refused) >= count)

    def _different(self) -> list[Received]:
        return list({one.headers["webhook-id"]: one for one in reversed(self.taken)}.values())[::-1]

    async def _until(self, is_so: Any) -> None:
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(is_so)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
            }
            one = Received(headers, await reader.readexactly(int(headers["content-length"])))
            is_good = self.answer[9:10] == b"2" and self.may_answer.is_set()
            async with self._changed:
                (self.taken if is_good else self.refused).append(one)
                self._changed.notify_all()
            await self.may_answer.wait()
            writer.write(self.answer)
            await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    await receiver.open()
    yield receiver
    receiver.may_answer.set()
    await receiver.close()
