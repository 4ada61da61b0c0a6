"""Asks a program of its own about images that users send: their size, and a small picture of them."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE

import msgspec

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
        async with self._slots:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "server.image_probe", str(MOST_PIXELS), str(THUMBNAIL_SIDE)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
            )
            try:
                async with asyncio.timeout(SECONDS):
                    said, _ = await process.communicate(image)
            except TimeoutError:
                return None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        head, _, thumbnail = said.partition(b"\n")
        if process.returncode or not thumbnail:
            return None
        width, height = (int(number) for number in head.split())
        return Picture(width, height, thumbnail)
