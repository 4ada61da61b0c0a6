"""A small world around the live core: a log whose commits a test holds back, and clients without sockets."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pycrdt

from crdt.connection import Connection
from crdt.hub import Hub, HubConfig
from crdt.ports import Binding, DocumentName, Guard, Principal, PrincipalId, Right, Told
from crdt.protocol import (
    EMPTY_UPDATE,
    Reader,
    encode_number,
    encode_presence,
    encode_step1,
    encode_step2,
    encode_string,
    encode_update,
)
from crdt.session import HOCUSPOCUS, YWS, Wire

PAGE = DocumentName("page:1")


class HeldLog:
    """An update log in memory. Commits happen in the next turn of the loop, or when a test lets them."""

    def __init__(self, *documents: str) -> None:
        self.rows: dict[str, list[tuple[bytes, str]]] = {name: [] for name in documents or (PAGE,)}
        self.epochs: dict[str, str] = {}
        self.snapshots: dict[str, list[tuple[int, bytes]]] = {}
        self.folded: list[tuple[str, int]] = []
        self.folded_bytes = 0
        self.folding = asyncio.Event()
        self.folding.set()
        self.loads = 0
        self.asked: list[str] = []
        self.load_error: Exception | None = None
        self.heads_error: Exception | None = None
        self.read_error: Exception | None = None
        self.reads: list[tuple[int, int]] = []
        self.snapshot_error: Exception | None = None
        self.loading: asyncio.Event | None = None
        self.reading: asyncio.Event | None = None
        self.is_held = False
        self.is_failing = False
        self._open: list[tuple[str, Sequence[tuple[bytes, str]], Told]] = []

    def reset(self, document: str, epoch: str) -> None:
        """Begin another epoch, as some process does."""
        self.epochs[document] = epoch
        self.rows[document] = []
        self.snapshots.pop(document, None)

    def delete(self, document: str) -> None:
        """Let a document exist no longer."""
        del self.rows[document]

    async def heads(self, documents: Collection[str]) -> dict[str, tuple[str, int]]:
        if self.heads_error is not None:
            raise self.heads_error
        self.asked += documents
        return {
            name: (self.epochs.get(name, ""), len(self.rows[name])) for name in documents if name in self.rows
        }

    def _name(self, address: str) -> str:
        """Return a document's name; raises LookupError when its epoch is over."""
        name, _, epoch = address.partition("#")
        if name not in self.rows or epoch not in ("", self.epochs.get(name, "")):
            raise LookupError(address)
        return name

    async def load(self, document: str) -> tuple[int, bytes | None, list[bytes]]:
        self.loads += 1
        if self.loading is not None:
            await self.loading.wait()
        if self.load_error is not None:
            raise self.load_error
        document = self._name(document)
        rows = [update for update, _ in self.rows[document]]
        position, state = self.snapshots.get(document, [(0, None)])[-1]
        return len(rows), state, rows[position:]

    async def read_rows(self, document: str, after: int, upto: int) -> list[bytes]:
        self.reads.append((after, upto))
        await asyncio.sleep(0)
        if self.reading is not None:
            await self.reading.wait()
        if self.read_error is not None:
            raise self.read_error
        return [update for update, _ in self.rows[self._name(document)][after:upto]]

    def submit(self, document: str, rows: Sequence[tuple[bytes, str]], told: Told) -> None:
        self._open.append((document, rows, told))
        if not self.is_held:
            asyncio.get_running_loop().call_soon(self._commit)

    async def save_snapshot(self, document: str, position: int, state: bytes) -> None:
        if self.snapshot_error is not None:
            raise self.snapshot_error
        self.snapshots.setdefault(self._name(document), []).append((position, state))

    async def fold(self, document: str, position: int) -> int:
        """Stand for what folds a large document elsewhere."""
        self.folded.append((document, position))
        await self.folding.wait()
        if self.snapshot_error is not None:
            raise self.snapshot_error
        return self.folded_bytes

    def backlog(self) -> tuple[bool, int]:
        return self.is_failing, sum(len(update) for _, rows, _ in self._open for update, _ in rows)

    def hold(self) -> None:
        self.is_held = True

    def release(self) -> None:
        self.is_held = False
        self._commit()

    def release_one(self) -> None:
        opened, self._open = self._open[:1], self._open[1:]
        self._save(opened)

    def fail(self, error: Exception) -> None:
        opened, self._open = self._open, []
        for _, _, told in opened:
            told(error)

    def _commit(self) -> None:
        if not self.is_held:
            opened, self._open = self._open, []
            self._save(opened)

    def _save(self, opened: list[tuple[str, Sequence[tuple[bytes, str]], Told]]) -> None:
        for address, rows, told in opened:
            try:
                document = self._name(address)
            except LookupError as error:
                told(error)
                continue
            self.rows[document] += rows
            told(len(self.rows[document]))


class HeldClientIds:
    """A table of client ids in memory, which commits in the next turn of the loop, or when a test lets it."""

    def __init__(self) -> None:
        self.owners: dict[tuple[str, int], tuple[str, bool]] = {}
        self.is_held = False
        self.error: Exception | None = None
        self._open: list[tuple[str, Sequence[Binding], asyncio.Future[list[Binding]]]] = []

    async def load(self, document: str) -> list[Binding]:
        return [(place[1], *owner) for place, owner in self.owners.items() if place[0] == document]

    def bind(self, document: str, bindings: Sequence[Binding]) -> "asyncio.Future[list[Binding]]":
        loop = asyncio.get_running_loop()
        bound: asyncio.Future[list[Binding]] = loop.create_future()
        self._open.append((document, bindings, bound))
        if not self.is_held:
            loop.call_soon(self._commit)
        return bound

    def release(self) -> None:
        self.is_held = False
        self._commit()

    def cancel(self) -> None:
        opened, self._open = self._open, []
        for _, _, bound in opened:
            bound.cancel()

    def _commit(self) -> None:
        opened, self._open = self._open, []
        for document, bindings, bound in opened:
            if self.error is not None:
                bound.set_exception(self.error)
                continue
            others: list[Binding] = []
            for client_id, principal, has_written in bindings:
                owner, had_written = self.owners.get((document, client_id), (principal, False))
                is_own = owner == principal
                self.owners[document, client_id] = (owner, had_written or (has_written and is_own))
                if not is_own:
                    others.append((client_id, *self.owners[document, client_id]))
            bound.set_result(others)


class Lenient:
    """A guard that has nothing against anything in its roots."""

    def __init__(self, *roots: str) -> None:
        self.roots = frozenset(roots)

    def judge(
        self,
        author: str,
        before: Mapping[str, Mapping[str, object]],
        after: Mapping[str, Mapping[str, object]],
        **_: object,
    ) -> tuple[str, str] | None:
        return None


class Rights:
    """An Access over two dictionaries: token -> principal, and (name, document) -> right."""

    def __init__(self) -> None:
        self.principals = {name: user(name) for name in ("ann", "bob", "eve")}
        self.rights: dict[tuple[str, str], Right] = {}
        self.error: Exception | None = None
        self.deciding: asyncio.Event | None = None

    async def admit(self, credential: str, document: str) -> tuple[Principal, Right] | None:
        if self.deciding is not None:
            await self.deciding.wait()
        if self.error is not None:
            raise self.error
        principal = self.principals.get(credential)
        return None if principal is None else (principal, await self.decide(principal, document))

    async def decide(self, principal: Principal, document: str) -> Right:
        if self.error is not None:
            raise self.error
        return self.rights.get((principal.name, document), "write")


def user(name: str) -> Principal:
    return Principal(id=PrincipalId(f"user:{name}"), name=name.title())


class Said(msgspec.Struct, frozen=True):
    """One message of the server, taken apart: its key, its name and what is in it."""

    key: str
    name: str
    body: bytes = b""


_NAMES = {1: "presence", 3: "query", 5: "stateless", 7: "close", 8: "status"}
_SYNC = {0: "step1", 1: "step2", 2: "update"}
_AUTH = {"y-websocket": {0: "denied"}, "hocuspocus": {0: "token wanted", 1: "denied", 2: "scope"}}


def parse(wire: Wire, frame: bytes) -> Said:
    """Read a frame of the server as a client does."""
    if frame in (b"\x09", b"\x0a"):
        return Said("", "ping" if frame == b"\x09" else "pong")
    reader = Reader(frame)
    key = reader.read_string() if wire.has_sync_status else ""
    kind = reader.read_number()
    if kind == 0:
        return Said(key, _SYNC[reader.read_number()], reader.read_bytes())
    if kind == 2:
        name = _AUTH[wire.name][reader.read_number()]
        return Said(key, name, b"" if reader.is_done else reader.read_bytes())
    if kind == 8:
        return Said(key, "saved" if reader.read_number() == 1 else "refused")
    return Said(key, _NAMES[kind], reader.read_bytes())


class Client:
    """A stock client without its socket: a Yjs document on one wire."""

    def __init__(
        self, hub: Hub, wire: Wire, document: str, token: str, *, client_id: int | None = None
    ) -> None:
        self.wire, self.document, self.token = wire, document, token
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
        self.said: list[Said] = []
        self.closed: tuple[int, str] | None = None
        self.unsaved = 0
        self.is_paused = False
        self._paused: list[Said] = []
        self._heard = asyncio.Event()
        self._hub = hub
        self._is_following = False
        self._subscription = self.doc.observe(self._on_change)
        self._socket: _Socket | None = None
        self.connection: Connection | None = None

    @property
    def text(self) -> pycrdt.Text:
        return self.doc.get("text", type=pycrdt.Text)

    @property
    def names(self) -> list[str]:
        return [said.name for said in self.said]

    def connect(self) -> None:
        """Open the socket and say what the stock providers say without waiting."""
        self.connect_without_words()
        assert self.connection is not None
        if self.wire is YWS:
            self.connection.sign_in(self.document, self.token)
        else:
            self.say(b"\x02\x00" + encode_string(self.token))
        self.unsaved = 1
        self.say(encode_step1(self.doc.get_state()))

    def connect_without_words(self) -> None:
        """Open the socket only."""
        self.closed = None
        self._paused.clear()
        self._socket = _Socket(self)
        self.connection = self._hub.connect(self.wire, self._socket)

    def move_to(self, hub: Hub) -> None:
        """Go to another server the next time."""
        self._hub = hub

    def disconnect(self) -> None:
        assert self.connection is not None
        self.connection.closed()
        self.connection = None
        self._socket = None
        self._paused.clear()

    def say(self, payload: bytes) -> None:
        """Send one message."""
        self.receive_raw((encode_string(self.document) if self.wire is HOCUSPOCUS else b"") + payload)

    def receive_raw(self, frame: bytes) -> None:
        assert self.connection is not None
        self.connection.receive(frame)

    def say_presence(self, client_id: int, clock: int, state: str) -> None:
        entry = encode_number(client_id) + encode_number(clock) + encode_string(state)
        self.say(encode_presence(b"\x01" + entry))

    async def heard(self, condition: Callable[["Client"], object]) -> None:
        """Wait until the server has said enough."""
        async with asyncio.timeout(5):
            while not condition(self):
                self._heard.clear()
                await self._heard.wait()

    async def synced(self) -> None:
        await self.heard(lambda client: "step2" in client.names)

    def hear(self, socket: "_Socket", frame: bytes) -> None:
        """Take a frame; what an old socket still brings is lost, as it is on a network."""
        if socket is not self._socket:
            return
        said = parse(self.wire, frame)
        self.said.append(said)
        if self.is_paused:
            self._paused.append(said)
        else:
            self._take(said)
        self._heard.set()

    def end(self, socket: "_Socket", code: int, reason: str) -> None:
        """Note that the server closed the socket."""
        if socket is self._socket:
            self.closed = (code, reason)
            self.connection = None
            self._heard.set()

    def resume(self) -> None:
        """Take what came in meanwhile."""
        self.is_paused = False
        paused, self._paused = self._paused, []
        for said in paused:
            self._take(said)

    def _take(self, said: Said) -> None:
        if said.name in ("step2", "update"):
            self._is_following = True
            self.doc.apply_update(said.body)
            self._is_following = False
        elif said.name == "step1" and self.connection is not None:
            update = self.doc.get_update(said.body)
            asyncio.get_running_loop().call_soon(self._answer, self.connection, update)
        elif said.name == "saved":
            self.unsaved -= 1

    def _answer(self, connection: Connection, update: bytes) -> None:
        if connection is self.connection:
            self.say(encode_step2(update))

    def _on_change(self, event: pycrdt.TransactionEvent) -> None:
        if not self._is_following and self.connection is not None and event.update != EMPTY_UPDATE:
            self.unsaved += 1
            self.say(encode_update(event.update))


class _Socket:
    """One connection's way to its client. Implements `crdt.ports.Channel`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, frame: bytes) -> None:
        self._client.hear(self, frame)

    def close(self, code: int, reason: str) -> None:
        self._client.end(self, code, reason)


class World:
    """A hub over a held log, with a clock that a test moves."""

    def __init__(
        self, hub: Hub, log: HeldLog, rights: Rights, clock: "Clock", client_ids: HeldClientIds
    ) -> None:
        self.hub, self.log, self.rights, self.clock = hub, log, rights, clock
        self.client_ids = client_ids

    def client(
        self,
        wire: Wire = HOCUSPOCUS,
        token: str = "ann",
        document: str = PAGE,
        *,
        client_id: int | None = None,
    ) -> Client:
        """Connect a client."""
        client = Client(self.hub, wire, document, token, client_id=client_id)
        client.connect()
        return client

    async def joined(
        self,
        wire: Wire = HOCUSPOCUS,
        token: str = "ann",
        document: str = PAGE,
        *,
        client_id: int | None = None,
    ) -> Client:
        """Connect a client and wait until it has the document."""
        client = self.client(wire, token, document, client_id=client_id)
        await client.synced()
        await turns()
        return client

    def stored(self, document: str = PAGE) -> list[bytes]:
        """Return the committed rows of a document."""
        return [update for update, _ in self.log.rows[document]]


class Clock:
    """Monotonic seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def world(
    *documents: str,
    config: HubConfig | None = None,
    look_seconds: float = 3600.0,
    guard: Guard | None = None,
    log: HeldLog | None = None,
    client_ids: HeldClientIds | None = None,
    rights: Rights | None = None,
) -> AsyncGenerator[World]:
    """Open a hub on an empty log, or on what another one has left."""
    log, client_ids = log or HeldLog(*documents), client_ids or HeldClientIds()
    rights, clock = rights or Rights(), Clock()
    # Nothing in a test waits for the sweeper: tests sweep by hand.
    config = msgspec.structs.replace(config or HubConfig(), sweep_seconds=3600.0, look_seconds=look_seconds)
    async with Hub(
        log,
        rights,
        log.fold,
        config,
        client_ids=client_ids,
        guard_of=lambda _: guard,
        clock=clock,
        unix_time=clock,
    ) as hub:
        yield World(hub, log, rights, clock, client_ids)
        log.release()


async def turns(count: int = 10) -> None:
    """Let the loop go round: what was begun without waiting for anything outside is done then."""
    for _ in range(count):
        await asyncio.sleep(0)


def presence_of(said: Said) -> dict[int, dict[str, object] | None]:
    """Read an awareness update as client id -> state."""
    reader = Reader(said.body)
    entries: dict[int, dict[str, object] | None] = {}
    for _ in range(reader.read_number()):
        client_id, _clock = reader.read_number(), reader.read_number()
        state = msgspec.json.decode(reader.read_string())
        entries[client_id] = cast("dict[str, object] | None", state)
    return entries


def typed(text: str, client_id: int = 7) -> bytes:
    """Return the update of somebody who types a text into an empty document."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
    doc.get("text", type=pycrdt.Text).insert(0, text)
    return doc.get_update()


def keystrokes(text: str, client_id: int = 7) -> list[bytes]:
    """Return one update for each character."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    written = doc.get("text", type=pycrdt.Text)
    for character in text:
        written += character
    subscription.drop()
    return updates


def read_text(state: bytes) -> str:
    """Return the text in a document's state."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(state)
    return str(doc.get("text", type=pycrdt.Text))
