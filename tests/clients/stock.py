"""Stock servers in Node, to try the driver against something known."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from tests.clients.client import Wire
from tests.clients.driver import FOLDER, NODE


@dataclass(frozen=True)
class StockServer:
    """A running stock server of one wire."""

    wire: Wire
    url: str


@contextlib.asynccontextmanager
async def stock_server(wire: Wire) -> AsyncGenerator[StockServer]:
    """Run y-websocket's or Hocuspocus' own server on a free port."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        FOLDER / "stock_server.mjs",
        wire,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            port = (await process.stdout.readline()).decode().strip()
        if not port:
            raise RuntimeError(f"the stock {wire} server did not start")
        yield StockServer(wire, f"ws://127.0.0.1:{port}")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
