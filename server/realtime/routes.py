"""`/sync/{document}` speaks y-websocket, `/collab` speaks Hocuspocus: by route, never by sniffing (W1)."""

from collections.abc import Callable

import anyio
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from crdt.connection import Connection
from crdt.errors import ProtocolError
from crdt.hub import Hub
from crdt.session import HOCUSPOCUS, YWS, Wire
from server.realtime.channel import SocketChannel


def realtime_routes(hub: Hub) -> list[BaseRoute]:
    """Return the two routes over one hub."""
    return [
        WebSocketRoute("/sync/{document}", _endpoint(hub, YWS, _sign_in), name="sync"),
        WebSocketRoute("/collab", _endpoint(hub, HOCUSPOCUS, _wait_for_tokens), name="collab"),
    ]


def _sign_in(connection: Connection, request: HTTPConnection) -> None:
    # Browsers can put a credential only into the URL; other clients had better send the header.
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.query_params.get("token", "")
    connection.sign_in(request.path_params["document"], token)


def _wait_for_tokens(connection: Connection, request: HTTPConnection) -> None:
    """Do nothing: a Hocuspocus client sends a token for each document."""


def _endpoint(hub: Hub, wire: Wire, begin: Callable[[Connection, HTTPConnection], None]) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        # A refusal of the handshake looks like a broken network to the clients, which then never stop
        # trying: every verdict is a close code instead (W3).
        await send({"type": "websocket.accept"})
        channel = SocketChannel(send)
        connection = hub.connect(wire, channel)
        try:
            begin(connection, HTTPConnection(scope))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_read, receive, connection, tasks.cancel_scope)
                await channel.write()
                tasks.cancel_scope.cancel()
        finally:
            connection.closed()

    return serve


async def _read(receive: Receive, connection: Connection, scope: anyio.CancelScope) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            scope.cancel()
            return
        frame = message.get("bytes")
        if frame is None:
            connection.close(ProtocolError("text_frame", "The protocol has binary frames only."))
        else:
            connection.receive(frame)
