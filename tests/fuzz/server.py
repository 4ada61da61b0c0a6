"""Servers, one after another over the same store: they crash, restart, and their store fails.

A server is the real hub over the real update log; only the rows lie in memory.
"""

import asyncio
import random
from collections.abc import Callable

from crdt.connection import Connection
from crdt.document import LiveDocument
from crdt.hub import Hub, HubConfig
from crdt.session import YWS
from storage.errors import StoreUnavailableError
from storage.stores.ports import Batch, History, LogStore
from storage.update_log import UpdateLog
from tests.crdt.world import HeldClientIds, Rights
from tests.fakes.update_log import Around, MemoryStore
from tests.fuzz.network import Client, Link


class Store(Around):
    """One server's way to the rows: slow, failing at times, and dead with its server."""

    def __init__(self, store: LogStore, chance: random.Random) -> None:
        super().__init__(store)
        self.is_dead = False
        self.failing_until = 0.0
        self._chance = chance
        self._doubt: tuple[Batch, dict[str, int]] | None = None

    def fail(self, seconds: float) -> None:
        """Answer nothing for a while; some of the commits happen all the same."""
        self.failing_until = asyncio.get_running_loop().time() + seconds

    async def commit(self, batch: Batch) -> dict[str, int]:
        if self.is_dead:
            self._check()
        await self._travel()
        if self._doubt is not None:
            asked, heads = self._doubt
            assert asked is batch, "another batch, before the doubtful one is settled"
            self._check()
            self._doubt = None
            return heads
        if self._is_failing and self._chance.random() < 0.5:
            self._check()
        heads = await super().commit(batch)
        self._doubt = batch, heads
        self._check()
        self._doubt = None
        return heads

    async def load(self, document: str) -> History:
        await self._travel()
        self._check()
        return await super().load(document)

    async def save_snapshot(self, document: str, position: int, state: bytes) -> None:
        await self._travel()
        self._check()
        await super().save_snapshot(document, position, state)

    @property
    def _is_failing(self) -> bool:
        return self.is_dead or asyncio.get_running_loop().time() < self.failing_until

    def _check(self) -> None:
        if self._is_failing:
            raise StoreUnavailableError("the story says so")

    async def _travel(self) -> None:
        await asyncio.sleep(self._chance.random() * self._chance.choice((0.001, 0.01, 0.3)))


class Server:
    """One process from its start to its end."""

    def __init__(
        self,
        rows: MemoryStore,
        client_ids: HeldClientIds,
        rights: Rights,
        config: HubConfig,
        chance: random.Random,
    ) -> None:
        self.store = Store(rows, chance)
        self.links: list[Link] = []
        self._loop = asyncio.get_running_loop()
        self._log = UpdateLog(self.store, close_seconds=5.0)
        self.hub = Hub(
            self._log,
            rights,
            self._fold,
            config,
            client_ids=client_ids,
            guard_of=lambda _: None,
            clock=self._loop.time,
            unix_time=self._loop.time,
        )
        self._end = asyncio.Event()
        self._is_up = asyncio.Event()
        self._life = asyncio.create_task(self._live())

    @property
    def is_serving(self) -> bool:
        """Whether it takes sockets."""
        return self._is_up.is_set() and not self._end.is_set()

    async def up(self) -> None:
        """Wait until it takes sockets."""
        await self._is_up.wait()

    def crash(self) -> None:
        """End at once; what is on its way to the store may or may not arrive."""
        self.store.is_dead = True
        for link in self.links:
            link.sever()
        self._end.set()

    async def stop(self) -> None:
        """End in order (R6)."""
        self._end.set()
        await self._life

    async def ended(self) -> None:
        """Wait for the end."""
        await self._life

    @property
    def unsaved_rows(self) -> int:
        """What the log has not committed."""
        return self._log.statistics().pending_rows

    async def _live(self) -> None:
        async with self._log, self.hub:
            self._is_up.set()
            await self._end.wait()

    async def _fold(self, document: str, position: int) -> int:
        _, state, rows = await self._log.read_at(document, position)
        folded = LiveDocument(state, rows).snapshot()
        await self._log.save_snapshot(document, position, folded)
        return len(folded)


class Servers:
    """Where people connect to, whichever server runs; sees everything that is acknowledged."""

    def __init__(
        self, rows: MemoryStore, rights: Rights, new_config: Callable[[], HubConfig], chance: random.Random
    ) -> None:
        self._rows, self._rights, self._new_config, self._chance = rows, rights, new_config, chance
        self._client_ids = HeldClientIds()
        self._old: list[Server] = []
        self.links: list[Link] = []
        self.now = self._start()
        self.truth = {name: Truth(rows, name) for name in rows.documents}

    def _start(self) -> Server:
        chance = random.Random(self._chance.random())
        return Server(self._rows, self._client_ids, self._rights, self._new_config(), chance)

    def connect(self, person: Client, *, is_slow: bool) -> Link:
        """Open a socket to the server that runs."""
        document = person.document
        # Chance of its own: whoever is served first at one moment then changes nothing for the others.
        chance = random.Random(self._chance.random())
        link = Link(person, chance, self.truth[document].expect, is_slow=is_slow)
        if not self.now.is_serving:
            link.sever()
            return link
        connection: Connection = self.now.hub.connect(person.wire, link)
        link.open(connection)
        if person.wire is YWS:
            connection.sign_in(document, person.token)
        self.now.links.append(link)
        self.links.append(link)
        return link

    async def crash(self) -> None:
        """Kill the server and start the next."""
        self.now.crash()
        self._old.append(self.now)
        self.now = self._start()
        await self.now.up()

    async def restart(self) -> None:
        """Stop the server in order and start the next."""
        await self.now.stop()
        self.now = self._start()
        await self.now.up()

    async def end(self) -> None:
        """Stop everything."""
        await self.now.stop()
        for server in self._old:
            await server.ended()


class Truth:
    """What the log holds of a document: the only place an acknowledgement may come from."""

    def __init__(self, rows: MemoryStore, name: str) -> None:
        self._stored = rows.documents[name]
        self._known: set[bytes] = set()
        self._position = 0
        self._name = name

    def rows(self) -> list[bytes]:
        """Return all rows in order."""
        return [self._stored.rows[position][0] for position in sorted(self._stored.rows)]

    def document(self) -> LiveDocument:
        """Return what the rows make, without any snapshot."""
        return LiveDocument(None, self.rows())

    def expect(self, edit: bytes) -> None:
        """Fail unless an edit that is being acknowledged is committed."""
        while self._position < self._stored.head:
            self._position += 1
            self._known.add(self._stored.rows[self._position][0])
        if edit in self._known:
            return
        document = self.document()
        assert document.contains(edit) or document.is_waiting(edit), (
            f"{self._name}: acknowledged and not in the log: {edit.hex()}"
        )
