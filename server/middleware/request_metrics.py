"""Counts requests and how long they take, by the route's template: what a client makes up is no label."""

import time
from collections.abc import Callable

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from server.middleware.noting import NotingSend

Observe = Callable[[str, str, int, float], object]
"""Takes a request's method, route, status (0: the client went away) and seconds."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetricsMiddleware:
    """Tells `observe` of each request when its answer is complete."""

    def __init__(self, app: ASGIApp, observe: Observe) -> None:
        self.app = app
        self.observe = observe

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
            route = scope.get("route")
            path = route.path if isinstance(route, Route) else "none"
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.observe(method, path, answer.status, time.perf_counter() - started)
