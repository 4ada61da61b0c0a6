"""Writes one line a request: method, path, status, duration. Never the query string or a header (rule A1).

Nor what opens a share link, which is in the path where visitors look at it.
"""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("ionflux.request")

SHARED = "/shared/"
"""What addresses begin with whose rest is a secret."""


class RequestLogMiddleware:
    """Logs when the answer is complete, at INFO, and what machines ask all the time at DEBUG."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0
        started = time.perf_counter()

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noting_status)
        finally:
            path = SHARED + "..." if scope["path"].startswith(SHARED) else scope["path"]
            level = logging.DEBUG if scope["path"] in ("/healthz", "/readyz", "/metrics") else logging.INFO
            elapsed_ms = (time.perf_counter() - started) * 1000
            # The path is the client's: %r keeps line breaks in it from forging lines.
            log.log(
                level,
                "%s %r %s %.1f ms",
                *(scope["method"], path, status or "gone", elapsed_ms),
                extra={
                    "fields": {
                        "method": scope["method"],
                        "path": path,
                        "status": status or None,
                        "elapsed_ms": round(elapsed_ms, 1),
                    }
                },
            )
