"""Runs a program of its own on what strangers have sent: what goes wrong there ends that process alone."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE


async def run_contained(module: str, *arguments: str, data: bytes, seconds: float) -> bytes | None:
    """Return what a module of this program answers to some data, or None if it fails or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments), stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate(data)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return None if process.returncode else said
