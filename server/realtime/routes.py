"""The ASGI application for WebSockets: the same as `picows_protocol`, for any server that speaks ASGI."""

from collections.abc import Callable, Mapping

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from crdt.connection import Connection
from crdt.errors import ProtocolError
from crdt.hub import Hub
from server.realtime.channel import SocketChannel
from server.realtime.handshake import UNKNOWN_PATH, Opening, read_opening

TOO_BIG = 1009


def realtime_app(hub: Hub | None, cookie: Callable[[Mapping[str, str]], str]) -> ASGIApp:
    """Return what answers WebSockets; without a hub, this process serves no documents."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # A client takes a refused handshake for a broken network and never stops trying: every verdict is a
        # close code after the handshake instead (W3).
        await receive()
        await send({"type": "websocket.accept"})
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        opening = read_opening(path, query, Headers(scope=scope), cookie)
        if hub is None or opening is None:
            code, reason = UNKNOWN_PATH
            await send({"type": "websocket.close", "code": code, "reason": reason})
            return
        await _serve(hub, opening, receive, send)

    return answer


async def _serve(hub: Hub, opening: Opening, receive: Receive, send: Send) -> None:
    channel = SocketChannel(send)
    connection = hub.connect(opening.wire, channel)
    channel.on_full = connection.set_full
    try:
        opening.begin(connection)
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
            if message.get("code") == TOO_BIG:
                connection.overran()
            scope.cancel()
            return
        frame = message.get("bytes")
        if frame is None:
            connection.close(ProtocolError("text_frame", "The protocol has binary frames only."))
            continue
        pause_seconds = connection.receive(frame)
        if pause_seconds:
            await anyio.sleep(pause_seconds)
