"""Sends requests elsewhere, or to later, when the process is about to stop (R6)."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from server.error_map import problem_response
from server.errors import OverloadedError

RETRY_SECONDS = 5


def stopping_error() -> OverloadedError:
    """Return what a request is told that comes too late."""
    return OverloadedError(
        "The server is stopping. Try again in a moment.",
        code="stopping",
        retry_after_seconds=RETRY_SECONDS,
        headers={"Connection": "close"},
    )


class AvailabilityMiddleware:
    """Answers 503 from the moment `is_stopping` is true, to all but the question if the process lives."""

    def __init__(self, app: ASGIApp, is_stopping: Callable[[], bool]) -> None:
        self.app = app
        self._is_stopping = is_stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["path"] != "/healthz" and self._is_stopping():
            await problem_response(stopping_error())(scope, receive, send)
            return
        await self.app(scope, receive, send)
