"""Turns whatever a request raises into a problem document, and logs the unexpected once."""

import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.error_map import problem_response, translate
from server.errors import ApiError

log = logging.getLogger("ionflux.request")


class ProblemsMiddleware:
    """The last word on errors: nothing is raised past it, so no server in front logs it again."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_noting_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, send_noting_start)
        except ClientDisconnect:
            return
        except Exception as error:
            refusal = translate(error)
            if refusal.status == 500:
                log.exception("%s %r failed", scope["method"], scope["path"])
            elif not isinstance(error, ApiError):
                log.warning("%s %r failed: %s", scope["method"], scope["path"], error)
            if not started:
                await problem_response(refusal)(scope, receive, send)
