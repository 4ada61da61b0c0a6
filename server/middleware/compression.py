"""Compresses JSON that is worth it, for clients that take gzip. Streams (SSE, files) pass as they are."""

import gzip

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_BYTES = 1024
LEVEL = 5
MEDIA_TYPES = ("application/json", "application/problem+json")

UNCOMPRESSED = "/v1/auth/"
"""Tokens beside what a caller has sent: their length would tell of them (BREACH)."""


class CompressionMiddleware:
    """Compresses answers that come whole, in one message."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"].startswith(UNCOMPRESSED):
            await self.app(scope, receive, send)
            return
        takes_gzip = takes_coding(Headers(scope=scope).get("accept-encoding", ""), "gzip")
        start: Message | None = None

        async def send_compressed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_json(message):
                MutableHeaders(scope=message).add_vary_header("Accept-Encoding")
                if takes_gzip:
                    start = message  # kept until the body is known
                    return
            if start is None:
                await send(message)
                return
            begun, start = start, None
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                message = _compressed(begun, message)
            await send(begun)
            await send(message)

        await self.app(scope, receive, send_compressed)


def _compressed(start: Message, message: Message) -> Message:
    """Return the body compressed, with the headers of its start adjusted; or as it is if it is short."""
    body: bytes = message.get("body", b"")
    if len(body) < LEAST_BYTES:
        return message
    body = gzip.compress(body, LEVEL, mtime=0)
    headers = MutableHeaders(scope=start)
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    return {**message, "body": body}


def _is_json(start: Message) -> bool:
    headers = Headers(raw=start.get("headers", []))
    media_type = headers.get("content-type", "").partition(";")[0]
    return media_type in MEDIA_TYPES and "content-encoding" not in headers


def takes_coding(accepted: str, coding: str) -> bool:
    """Read `Accept-Encoding` (RFC 9110, 12.5.3)."""
    for item in accepted.lower().split(","):
        name, _, parameters = item.partition(";")
        if name.strip() in (coding, f"x-{coding}", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
