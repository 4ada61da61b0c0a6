"""Server-sent events: an answer that goes on. What is told, and how long, is its source's business."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager

from anyio import create_task_group
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.errors import RateLimitedError

SEND_SECONDS = 30.0
"""How long a client may take none of what it is sent, before it counts as gone."""

RETRY_SECONDS = 10


class EventStream(Response):
    """Sends what a source yields, until the source ends or the client goes."""

    media_type = "text/event-stream"

    def __init__(self, source: AsyncGenerator[bytes]) -> None:
        # `no-transform` and the nginx header keep proxies from compressing or gathering.
        super().__init__(headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with create_task_group() as tasks:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            async with aclosing(self._source) as source:
                async for part in source:
                    async with asyncio.timeout(SEND_SECONDS):
                        await send({"type": "http.response.body", "body": part, "more_body": True})
            tasks.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Streams:
    """How many streams each principal has open in this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    def check(self, principal: str) -> None:
        """Raise RateLimitedError when one more would be too many."""
        if self._open[principal] >= self._limit:
            raise RateLimitedError(
                f"You may have {self._limit} streams open.",
                code="too_many_streams",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )

    @contextmanager
    def count(self, principal: str) -> Generator[None]:
        """Count one for as long as it lasts."""
        self._open[principal] += 1
        try:
            yield
        finally:
            self._open[principal] -= 1
            if not self._open[principal]:
                del self._open[principal]


def sse(data: bytes, id_: int) -> bytes:
    """Return one event; `data` has no line breaks."""
    return b"id: %d\ndata: %b\n\n" % (id_, data)


def sse_position(id_: int) -> bytes:
    """Return what moves a client's `Last-Event-ID` and is no event for it.

    It has a type of its own and empty data: many clients pass over an id that comes without any.
    """
    return b"event: position\nid: %d\ndata:\n\n" % id_


HEARTBEAT = b": still here\n\n"
"""A comment, which clients ignore; proxies and clients see that the connection lives."""
