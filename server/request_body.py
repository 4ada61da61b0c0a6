"""Reads the body of a request, as far as it may go."""

import asyncio

from starlette.requests import Request

from server.errors import SlowBodyError, TooLargeError

BODY_SECONDS = 30
"""Time for a body to arrive; the largest one needs 300 kbit/s for it."""


async def read_bytes(request: Request, limit: int) -> bytes:
    """Return the body, at most `limit` bytes of it held at any time. Raises TooLargeError, SlowBodyError."""
    too_large = TooLargeError(f"The body may have {limit} bytes.", headers={"Connection": "close"})
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > limit:
                    raise too_large
    except TimeoutError as error:
        raise SlowBodyError("The body did not arrive in time.", headers={"Connection": "close"}) from error
    return bytes(data)
