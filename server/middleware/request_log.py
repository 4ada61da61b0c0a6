"""Writes one line a request: method, path, status, duration. Never the query string or a header (rule A1).

Nor what opens a share link, which is in the path where visitors look at it.
"""

import logging
import time

from starlette.types import ASGIApp, Receive, Scope, Send

from server.middleware.noting import NotingSend

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
        answer = NotingSend(send)
        started = time.perf_counter()
        try:
            await self.app(scope, receive, answer)
        finally:
            path = SHARED + "..." if scope["path"].startswith(SHARED) else scope["path"]
            level = logging.DEBUG if scope["path"] in ("/healthz", "/readyz", "/metrics") else logging.INFO
            elapsed_ms = (time.perf_counter() - started) * 1000
            # The path is the client's: %r keeps line breaks in it from forging lines.
            log.log(
                level,
                "%s %r %s %.1f ms",
                *(scope["method"], path, answer.status or "gone", elapsed_ms),
                extra={
                    "fields": {
                        "method": scope["method"],
                        "path": path,
                        "status": answer.status or None,
                        "elapsed_ms": round(elapsed_ms, 1),
                    }
                },
            )
