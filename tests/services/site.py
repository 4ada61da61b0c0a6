"""Another site: a real HTTP server with the pages that a test gives it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest

HTML = "text/html; charset=utf-8"


class Site:
    """The server; a path that it does not know is a 404."""

    def __init__(self) -> None:
        self.port = 0
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        """Paths, without their queries, as they came."""
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def has(self, path: str, body: bytes | str, content_type: str = HTML, *, status: int = 200) -> str:
        """Answer so at a path; return its address."""
        content = body if isinstance(body, bytes) else body.encode()
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        self.answers[path] = head.encode() + content
        return self.url + path

    def has_json(self, path: str, value: object) -> str:
        """Answer with JSON at a path; return its address."""
        return self.has(path, msgspec.json.encode(value), "application/json")

    def sends_on(self, path: str, location: str) -> str:
        """Redirect from a path; return its address."""
        head = f"HTTP/1.1 302 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        self.answers[path] = head.encode()
        return self.url + path

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self.may_answer.set()
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1].partition("?")[0]
            self.asked.append(path)
            await self.may_answer.wait()
            writer.write(self.answers.get(path, b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"))
            await writer.drain()
        writer.close()
        self._writers.discard(writer)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A site without pages."""
    site = Site()
    await site.open()
    yield site
    await site.close()
