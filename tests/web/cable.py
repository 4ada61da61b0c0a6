"""A cable between a browser and the server, to be pulled out and put back.

The browser takes it for its proxy (SOCKS 5, RFC 1928): so the server's address, and with it the origin of its
pages, stays what it is. What the browser itself can emulate leaves the sockets that are open as they are.
"""

import asyncio
from contextlib import suppress

from playwright.async_api import ProxySettings

from tests.services.ionflux import IonfluxServer

_NO_AUTHENTICATION = b"\x05\x00"
_CONNECTED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


class Cable:
    """Carries connections to a server. Use as an async context manager.

    While it is out, nobody answers and what was connected is cut, as without a network.
    """

    def __init__(self, server: IonfluxServer) -> None:
        self._server_port = server.port
        self._port = 0
        self._listener: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()

    @property
    def proxy(self) -> ProxySettings:
        """What a browser that hangs on it is told."""
        return {"server": f"socks5://127.0.0.1:{self._port}", "bypass": "<-loopback>"}

    async def __aenter__(self) -> "Cable":
        await self.put_in()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pull_out()

    async def put_in(self) -> None:
        """Connect."""
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def pull_out(self) -> None:
        """Cut all connections, and take no others."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for end in list(self._ends):
            end.transport.abort()

    def block(self) -> None:
        """Let nothing through, and cut nothing: nobody is told, as when a network goes silently."""
        self._flows.clear()

    def unblock(self) -> None:
        """Let through what waits, and what comes."""
        self._flows.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await _answer_hello(reader, writer)
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
            both = {writer, server_writer}
            self._ends |= both
            try:
                await asyncio.gather(
                    self._pass_on(reader, server_writer), self._pass_on(server_reader, writer)
                )
            finally:
                self._ends -= both

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(2**16):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


async def _answer_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(_NO_AUTHENTICATION)
    *_, kind, length = await reader.readexactly(5)
    # An IPv4 address, whose first byte was just read, or a name of that length; then the port.
    await reader.readexactly((3 if kind == 1 else length) + 2)
    writer.write(_CONNECTED)
