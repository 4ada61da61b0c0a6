"""Asks a program of its own about images that users send: their size, and a small picture of them."""

import asyncio

import msgspec

from server.contained import run_contained

TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
MOST_BYTES = 32 * 1024 * 1024
MOST_PIXELS = 50_000_000
THUMBNAIL_SIDE = 512
SECONDS = 20.0
AT_ONCE = 2


class Picture(msgspec.Struct, frozen=True):
    """What is known of an image."""

    width: int
    height: int
    thumbnail: bytes
    """WebP."""


class Images:
    """Runs `server.image_probe`, a few at a time."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def look_at(self, image: bytes) -> Picture | None:
        """Return what an image is, or None for one that cannot be read within the limits."""
        arguments = (str(MOST_PIXELS), str(THUMBNAIL_SIDE))
        async with self._slots:
            said = await run_contained("server.image_probe", *arguments, data=image, seconds=SECONDS)
        head, _, thumbnail = (said or b"").partition(b"\n")
        if not thumbnail:
            return None
        width, height = (int(number) for number in head.split())
        return Picture(width, height, thumbnail)
