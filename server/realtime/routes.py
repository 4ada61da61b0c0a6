"""`/sync/{document}` speaks y-websocket, `/collab` speaks Hocuspocus: by route, never by sniffing (W1)."""

from collections.abc import Callable

import anyio
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from crdt.connection import Connection
from crdt.errors import ProtocolError
from crdt.hub import Hub
from crdt.session import HOCUSPOCUS, YWS, Wire
from server.realtime.channel import SocketChannel


def realtime_app(hub: Hub | None) -> ASGIApp:
    """Return what answers WebSockets; without a hub, this process serves no documents."""
    routes: list[BaseRoute] = []
    if hub is not None:
        routes = [
            WebSocketRoute("/sync/{document}", _Endpoint(hub, YWS, _sign_in), name="sync"),
            WebSocketRoute("/collab", _Endpoint(hub, HOCUSPOCUS, _wait_for_tokens), name="collab"),
        ]
    router = Router(routes, redirect_slashes=False)
    router.default = _refuse_unknown_path
    return router


def _sign_in(connection: Connection, request: HTTPConnection) -> None:
    # Browsers can put a credential only into the URL; other clients had better send the header.
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.query_params.get("token", "")
    connection.sign_in(request.path_params["document"], token)


def _wait_for_tokens(connection: Connection, request: HTTPConnection) -> None:
    """Do nothing: a Hocuspocus client sends a token for each document."""


class _Endpoint:
    """One route. An object, because Starlette takes a function for something else than an application."""

    def __init__(self, hub: Hub, wire: Wire, begin: Callable[[Connection, HTTPConnection], None]) -> None:
        self._hub = hub
        self._wire = wire
        self._begin = begin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _accept(receive, send)
        channel = SocketChannel(send)
        connection = self._hub.connect(self._wire, channel)
        channel.on_full = connection.set_full
        try:
            self._begin(connection, HTTPConnection(scope))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_read, receive, connection, tasks.cancel_scope)
                await channel.write()
                tasks.cancel_scope.cancel()
        finally:
            connection.closed()


async def _read(receive: Receive, connection: Connection, scope: anyio.CancelScope) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            scope.cancel()
            return
        frame = message.get("bytes")
        if frame is None:
            connection.close(ProtocolError("text_frame", "The protocol has binary frames only."))
            continue
        pause_seconds = connection.receive(frame)
        if pause_seconds:
            await anyio.sleep(pause_seconds)


async def _accept(receive: Receive, send: Send) -> None:
    # A client takes a refused handshake for a broken network and never stops trying: every verdict is a
    # close code after the handshake instead (W3).
    await receive()
    await send({"type": "websocket.accept"})


async def _refuse_unknown_path(_: Scope, receive: Receive, send: Send) -> None:
    await _accept(receive, send)
    await send({"type": "websocket.close", "code": 4404, "reason": "There is nothing at this path."})
