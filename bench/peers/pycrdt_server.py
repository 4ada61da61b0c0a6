"""The peer pycrdt-websocket, without a store, on the same web server as IONFLUX. Prints its port."""

import asyncio
import logging
import os
import socket
import sys
import threading

import uvicorn
import uvloop
from pycrdt.websocket import ASGIServer, WebsocketServer, exception_logger


async def serve() -> None:
    """Serve until standard input ends."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        # Without a handler, one client that goes ends the server.
        async with WebsocketServer(exception_handler=exception_logger) as rooms:
            config = uvicorn.Config(
                ASGIServer(rooms), ws="websockets-sansio", ws_per_message_deflate=False, log_config=None
            )
            print(listener.getsockname()[1], flush=True)
            await uvicorn.Server(config).serve([listener])


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    logging.disable()
    threading.Thread(target=_end_with_input, daemon=True).start()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
