"""Counts every request against its address's quota, and tells each answer what is left."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.error_map import problem_response
from server.errors import RateLimitedError
from server.rate_limits import RequestLimits

UNCOUNTED = ("/healthz", "/readyz", "/metrics")
"""What supervisors ask: a client that floods must not make the process look dead."""

STATE_KEY = "rate_limit_headers"
"""Where in the request's state the quota is that its answer tells: a later one replaces it."""


class RateLimitsMiddleware:
    """Refuses with 429 what is beyond the address's quota, before anything is done for it."""

    def __init__(self, app: ASGIApp, limits: RequestLimits) -> None:
        self.app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self.app(scope, receive, send)
            return
        client: tuple[str, int] | None = scope.get("client")
        try:
            headers = self._limits.count_address(client[0] if client else "unknown")
        except RateLimitedError as refusal:
            await problem_response(refusal)(scope, receive, send)
            return
        state: dict[str, Mapping[str, str]] = scope.setdefault("state", {})
        state[STATE_KEY] = headers

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                # A quota that the answer tells itself is the narrower one.
                if "ratelimit" not in answer:
                    answer.update(state[STATE_KEY])
            await send(message)

        await self.app(scope, receive, send_with_headers)
