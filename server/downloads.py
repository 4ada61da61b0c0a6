"""Answers that carry a file: whole, in part, or not at all because the client has it."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.errors import RangeError

SHOWN = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp"),
        *("video/mp4", "video/webm", "audio/mpeg", "audio/ogg", "audio/wav"),
    }
)
"""What browsers may show in place: nothing of it can run. All else is saved, under no type of its own."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

Reader = Callable[[int, int], AsyncIterator[bytes]]


class Download(Response):
    """Sends bytes as they are read."""

    media_type = "*/*"

    def __init__(self, status: int, headers: dict[str, str], source: AsyncIterator[bytes] | None) -> None:
        super().__init__(status_code=status, headers={"Content-Type": SAVED_TYPE, **headers})
        if "content-length" not in {name.lower() for name in headers}:
            del self.headers["content-length"]
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; before the first byte what is wrong with the source is still an error."""
        async with aclosing(self._parts(scope["method"] == "HEAD")) as parts:
            first = await anext(parts, b"")
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _parts(self, is_head: bool) -> AsyncGenerator[bytes]:
        if self._source is not None and not is_head:
            async for part in self._source:
                yield part


SAVED_TYPE = "application/octet-stream"


def download(
    read: Reader,
    *,
    name: str,
    content_type: str,
    size: int,
    etag: str,
    wanted: str | None = None,
    if_range: str | None = None,
    if_none_match: str | None = None,
) -> Download:
    """Return the answer to a request for a file (RFC 9110). Raises RangeError.

    A list of ranges, and one that cannot be read, gets the whole.
    """
    is_shown = content_type in SHOWN
    kind = "inline" if is_shown else "attachment"
    headers = {
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-site",
        "Content-Disposition": f"{kind}; filename*=UTF-8''{quote(name, safe='')}",
    }
    if if_none_match is not None and f'"{etag}"' in if_none_match:
        return Download(304, headers, None)
    headers["Content-Type"] = content_type if is_shown else SAVED_TYPE
    found = _RANGE.fullmatch(wanted or "") if if_range in (None, f'"{etag}"') else None
    if found is None or not (found[1] or found[2]):
        return Download(200, headers | {"Content-Length": str(size)}, read(0, size))
    if found[1]:
        start, end = int(found[1]), min(int(found[2] or size) + 1, size)
    else:
        start, end = max(size - int(found[2]), 0), size
    if start >= end:
        raise RangeError("The file has no such range.", headers={"Content-Range": f"bytes */{size}"})
    headers |= {"Content-Length": str(end - start), "Content-Range": f"bytes {start}-{end - 1}/{size}"}
    return Download(206, headers, read(start, end))
