"""The listening socket and the HTTP server on it; and stopping both with nothing acknowledged lost (R6)."""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import anyio
import uvicorn
from starlette.types import ASGIApp

from server.closed_door import closed_door
from server.errors import StartError
from server.http_protocol import HttpProtocol
from server.middleware.availability import stopping_error
from server.settings import Settings

log = logging.getLogger("ionflux.server")

READ_FRAMES = 2
"""Frames of up to so many times their limit are read: the core tells the client in its own words (W4)."""

HTTP_SHUTDOWN_SECONDS = 1
"""What is left for unfinished HTTP answers; with `shutdown_seconds` this stays below ten (R6)."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address. Raises StartError with the reason why not."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise StartError(f"{host!r} is not an address of this machine; choose another with --host") from error
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(2048)
    except OSError as error:
        bound.close()
        raise StartError(_explain(error, host, port)) from error
    return bound


class Server(uvicorn.Server):
    """uvicorn, but the live core is drained before sockets are closed, and a signal is a normal end."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        *,
        drain: Callable[[], Awaitable[None]],
        on_started: Callable[[], None],
        websockets: type[asyncio.Protocol],
    ) -> None:
        super().__init__(_config(app, settings, websockets))
        self._websockets = websockets
        self._drain = drain
        self._drain_seconds = settings.shutdown_seconds
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept, then say so."""
        await super().startup(sockets)
        assert sockets
        self._listener = sockets[0].dup()  # uvicorn closes its own when it stops
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new peers, let the core say goodbye, then end what is left."""
        for server in self.servers:
            server.close()
        with self._listener:
            async with closed_door(self._listener, stopping_error()):
                # The core keeps to its own time; this is for one that does not.
                with anyio.move_on_after(self._drain_seconds + HTTP_SHUTDOWN_SECONDS) as scope:
                    await self._drain()
                    await self._sockets_closed()
        if scope.cancelled_caught:
            log.error("Not everything could be saved in %s seconds", self._drain_seconds)
        await super().shutdown(sockets)

    async def _sockets_closed(self) -> None:
        # uvicorn would end what is open now at once, and with it the close frames that are on their way: the
        # clients would take it for a broken network instead of a restart.
        with anyio.move_on_after(HTTP_SHUTDOWN_SECONDS):
            while any(  # noqa: ASYNC110  uvicorn tells nobody when a connection ends
                isinstance(one, self._websockets) for one in self.server_state.connections
            ):
                await anyio.sleep(0.01)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """End on the first SIGTERM or SIGINT, at once on a second SIGINT.

        uvicorn would raise the signal again at the end, and the exit status would be an error's.
        """
        loop = asyncio.get_running_loop()
        handled = (signal.SIGTERM, signal.SIGINT)
        for number in handled:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)


def _config(app: ASGIApp, settings: Settings, websockets: type[asyncio.Protocol]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        ws=websockets,
        ws_max_size=READ_FRAMES * settings.max_frame_bytes,
        ws_per_message_deflate=False,
        lifespan="off",
        interface="asgi3",
        # The application writes its own line a request, without the query string (A1).
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=HTTP_SHUTDOWN_SECONDS,
    )


def _explain(error: OSError, host: str, port: int) -> str:
    """Say why an address cannot be listened on, and what to do."""
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} on {host} is taken by another program; stop it, or choose another with --port"
            )
        case errno.EACCES:
            return f"port {port} needs more rights than this user has; choose one above 1023 with --port"
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine; choose another with --host"
        case _:
            reason = (error.strerror or str(error)).lower()
            return f"{host} port {port} cannot be listened on: {reason}"
