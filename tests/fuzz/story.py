"""A story: people who write into a few documents while everything goes wrong, and what must hold at the end.

Everything in it follows from the seed: chance, the order of events, and time itself, which is virtual.
"""

import asyncio
import logging
import random
from collections import Counter
from contextlib import suppress
from typing import Any

import pycrdt

from crdt.document import LiveDocument
from crdt.errors import CrdtError
from crdt.hub import HubConfig
from crdt.ports import DocumentName, Principal, PrincipalId
from crdt.protocol import encode_step1, encode_string, encode_update
from crdt.session import HOCUSPOCUS, YWS
from tests.crdt.test_document import TRAP
from tests.crdt.test_faults import CONTRADICTION, PANIC
from tests.crdt.world import Rights, Said, typed, user
from tests.fakes.update_log import MemoryStore
from tests.fuzz.content import VILLAIN, read_content
from tests.fuzz.network import Link
from tests.fuzz.pen import Pen
from tests.fuzz.person import Person
from tests.fuzz.server import Servers

QUIET_SECONDS = 120.0
"""How long everybody has at the end to hear everything: presence expires, sockets that hang are given up."""

POISONS = (PANIC, CONTRADICTION, TRAP, b"\xff" * 20)
"""What breaks a document in which the villain has written."""

WRITTEN = typed("hé", VILLAIN).replace(b"\x04text", b"\x04lair")
"""Where nobody else writes: what they delete, a poison may refer to."""

UNEXPECTED = ("a task of the live core failed", "the update log could not commit")


class Story:
    """One seed's story."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.names = [f"page:{number}" for number in range(self.chance.choice((1, 1, 2, 3)))]
        self.rows = MemoryStore(*self.names)
        self.rights = Rights()
        self.rights.principals["mallory"] = user("mallory")
        for name in self.names:
            self.rights.rights["Eve", name] = "read"

    async def play(self) -> None:
        """Play it to the end, and check."""
        with _Listener() as listener:
            chance = random.Random(self.chance.random())
            self.servers = Servers(self.rows, self.rights, self._config, chance)
            await self.servers.now.up()
            self.people = self._people()
            for person in self.people:
                person.connect()
            lives = [asyncio.create_task(self._live(person)) for person in self.people]
            for _ in range(self.chance.randint(0, 30)):
                await asyncio.sleep(self.chance.random() * 2)
                await self._happen()
            await asyncio.gather(*lives)
            await self._settle()
            self._check()
            await self.servers.end()
        assert not listener.heard, listener.heard

    def _config(self) -> HubConfig:
        return HubConfig(
            sweep_seconds=self.chance.choice((0.2, 1.0)),
            room_idle_seconds=self.chance.choice((0.0, 0.5, 30.0)),
            snapshot_every_updates=self.chance.choice((1, 3, 10, 500)),
            coalesce_max_seconds=self.chance.choice((0.0, 0.01, 0.3)),
            max_unsaved_bytes=self.chance.choice((200, 5_000, 2**20)),
        )

    def _people(self) -> list[Person]:
        people: list[Person] = []
        for number in range(self.chance.randint(2, 9)):
            person = Person(
                self.servers,
                f"{number}",
                self.chance.choice(("ann", "ann", "bob", "bob", "eve")),
                self.chance.choice((YWS, HOCUSPOCUS)),
                self.chance.choice(self.names),
                random.Random(self.chance.random()),
            )
            others = [
                other for other in people if (other.token, other.document) == (person.token, person.document)
            ]
            person.tab = self.chance.choice(others) if others else None
            people.append(person)
        return people

    async def _live(self, person: Person) -> None:
        chance = person.chance
        pace_seconds = chance.choice((0.05, 0.3, 2.0))
        for _ in range(chance.randint(0, 60)):
            await asyncio.sleep(chance.random() * pace_seconds)
            step = chance.random()
            if step < 0.9:
                person.edit()
            elif step < 0.94:
                person.drop(away=chance.random() < 0.3)
            elif step < 0.97:
                person.is_away = False
                person.connect()
            else:
                person.whisper()

    async def _happen(self) -> None:
        """Let something happen that nobody asked for."""
        match self.chance.randrange(10):
            case 0:
                await self.servers.crash()
            case 1:
                await self.servers.restart()
            case 2 | 3:
                self.servers.now.store.fail(self.chance.choice((0.1, 3.0, 20.0)))
            case 4:
                self._write_elsewhere(self.chance.choice(self.names))
            case 5 | 6:
                self._poison(self.chance.choice(self.names))
            case 7:
                self._demote(self.chance.choice(self.names))
            case 8:
                await self._visit(self.chance.choice(self.names))
            case _:
                await asyncio.sleep(self.chance.choice((5, 40)))

    def _write_elsewhere(self, name: str) -> None:
        """Let another process write into the log (N1)."""
        doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=self.chance.randrange(50, 99))
        truth = self.servers.truth[name].document()
        doc.apply_update(truth.state())
        before = doc.get_state()
        Pen(doc, self.chance).edit()
        update = doc.get_update(before)
        stored = self.rows.documents[name]
        stored.head += 1
        stored.rows[stored.head] = (update, "user:zoe")

    def _poison(self, name: str) -> None:
        """Let somebody come who means harm."""
        Villain(self.servers, name, random.Random(self.chance.random())).attack()

    def _demote(self, name: str) -> None:
        """Let somebody only read from now on (A3)."""
        self.rights.rights["Bob", name] = "read"
        if self.servers.now.is_serving:
            self.servers.now.hub.review({"user:bob"})

    async def _visit(self, name: str) -> None:
        """Let a peer inside the server write (R8)."""
        agent = Principal(id=PrincipalId("agent:1"), name="Agent", kind="system")
        hub = self.servers.now.hub
        with suppress(CrdtError, TimeoutError):
            async with asyncio.timeout(5), hub.join(DocumentName(name), agent) as replica:
                pen, written = Pen(replica.doc, self.chance), list[bytes]()
                for _ in range(self.chance.randint(1, 5)):
                    subscription = replica.doc.observe(lambda event: written.append(event.update))
                    pen.edit()
                    subscription.drop()
                    await replica.saved()
                    for edit in written:
                        self.servers.truth[name].expect(edit)

    async def _settle(self) -> None:
        """Let everything work again, and everybody hear everything."""
        self.servers.now.store.failing_until = 0.0
        # Whoever was refused an edit has noticed by then: what follows on it would wait for it for ever.
        await asyncio.sleep(QUIET_SECONDS)
        for name in self.names:
            self.rights.rights["Bob", name] = "write"
        self.servers.now.hub.review({"user:bob"})
        for person in self.people:
            person.is_away = False
            person.connect()
        await asyncio.sleep(QUIET_SECONDS)
        # A room looks for what other processes wrote when it writes itself.
        for name in self.names:
            await self._visit(name)
        await asyncio.sleep(QUIET_SECONDS)

    def _check(self) -> None:
        hub = self.servers.now.hub
        assert self.servers.now.unsaved_rows == 0
        for name, room in hub.statistics().rooms.items():
            assert room.unsaved_updates == 0, name
        for name in self.names:
            self._check_log(name)
            stored = read_content(self.servers.truth[name].document().state())
            for person in self.people:
                if person.document == name:
                    assert person.link is not None, f"{person.name} did not come back"
                    assert not person.link.owed, f"{person.name} waits for acknowledgements"
                    assert read_content(person.doc.get_update()) == stored, f"{name}: {person.name} differs"

    def _check_log(self, name: str) -> None:
        """The rows are gapless, nobody else's, and none was written more often than it was sent (D1, D5)."""
        stored = self.rows.documents[name]
        assert sorted(stored.rows) == list(range(1, stored.head + 1))
        sent: Counter[tuple[bytes, str]] = Counter()
        for link in self.servers.links:
            if link.client.document == name:
                sent.update((edit, f"user:{link.client.token}") for edit in link.received)
        written = Counter((edit, author.removesuffix("|relayed")) for edit, author in stored.rows.values())
        for row, count in written.items():
            if row[1] in ("user:zoe", "agent:1"):
                continue
            assert count <= sent[row], f"{name}: {row} was sent {sent[row]} times, and written {count} times"
        rows = self.servers.truth[name].rows()
        for position, state in stored.snapshots.items():
            folded = LiveDocument(None, rows[:position]).state()
            kept = LiveDocument(state, []).state()
            assert read_content(kept) == read_content(folded), f"{name}: the snapshot at {position} differs"


class Villain:
    """Somebody who sends what breaks documents. Implements `tests.fuzz.network.Client`."""

    token = "mallory"
    client_id = VILLAIN

    def __init__(self, servers: Servers, document: str, chance: random.Random) -> None:
        self.wire = chance.choice((YWS, HOCUSPOCUS))
        self.document = document
        self._chance = chance
        self._servers = servers

    def attack(self) -> None:
        """Say something honest, and then what is not."""
        link = self._servers.connect(self, is_slow=False)
        prefix = b"" if self.wire is YWS else encode_string(self.document)
        if self.wire is HOCUSPOCUS:
            link.say(prefix + b"\x02\x00" + encode_string(self.token))
        link.say(prefix + encode_step1(b"\x00"))
        for edit in (WRITTEN, self._chance.choice(POISONS)):
            link.say(prefix + encode_update(edit), edit)
        asyncio.get_running_loop().call_later(20, link.hang_up)

    def hear(self, link: Link, said: Said) -> None:
        """Listen to nobody."""

    def lose(self, link: Link, code: int) -> None:
        """Have been found out."""


class _Listener(logging.Handler):
    """Hears what the server logs only where it has a fault of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def __enter__(self) -> "_Listener":
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if any(words in record.getMessage() for words in UNEXPECTED):
            self.heard.append(self.format(record))
