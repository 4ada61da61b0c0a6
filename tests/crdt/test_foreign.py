"""Several processes, one document (N1): the log is the truth, and a bus changes nothing but latency."""

import asyncio
import logging
import random
from typing import Any

import pycrdt
import pytest

from crdt import foreign
from crdt.bus import MemoryBus, encode_hint
from crdt.document import LiveDocument
from crdt.protocol import encode_update
from crdt.session import HOCUSPOCUS, YWS
from tests.crdt.processes import EPOCH, processes
from tests.crdt.world import PAGE, Client, Lenient, keystrokes, read_text, turns, typed
from tests.fakes.bus import HostileBus

PANIC = bytes.fromhex("01010501088001f440600000")
CONTRADICTION = bytes.fromhex("0101010513c405050206c3a9f09f988000")
"""Updates that break a document half-way: see `crdt.poison`."""


async def test_N1_a_hint_brings_what_another_process_wrote() -> None:
    async with processes(bus=MemoryBus()) as p:
        ann, bob = await p.join(0), await p.join(1, YWS, "bob")
        ann.text.insert(0, "from the first")
        await bob.heard(lambda bob: str(bob.text) == "from the first")
        bob.text.insert(0, "and back: ")
        await ann.heard(lambda ann: str(ann.text) == "and back: from the first")
        await turns()
        assert len(p.log.rows[PAGE]) == 2
        assert p.log.reads == [(0, 1), (1, 2)], "each reads what the other wrote, and nothing else"


async def test_N1_without_a_bus_a_look_at_the_log_brings_it() -> None:
    async with processes() as p:
        ann, bob = await p.join(0), await p.join(1, YWS, "bob")
        ann.text.insert(0, "unheard")
        await turns()
        assert str(bob.text) == ""
        await p.look()
        assert str(bob.text) == "unheard"
        await p.look()
        assert p.log.reads == [(0, 1)]


async def test_N1_an_own_commit_shows_what_was_written_before_it() -> None:
    async with processes() as p:
        ann, bob = await p.join(0), await p.join(1, YWS, "bob")
        ann.text.insert(0, "first ")
        await turns()
        bob.text.insert(0, "second ")
        await bob.heard(lambda bob: "first" in str(bob.text))
        await turns()
        assert p.log.reads == [(0, 1)]
        bob.text.insert(0, "third ")
        await turns()
        assert p.log.reads == [(0, 1)], "what is known is not read again"


async def test_N1_what_is_under_way_is_not_taken_for_somebody_elses() -> None:
    async with processes(bus=MemoryBus()) as p:
        ann = await p.join(0)
        p.log.hold()
        ann.text.insert(0, "mine ")
        await turns()
        ann.text.insert(5, "too ")
        await turns()
        await p.write(typed("theirs "))
        await p.look()
        assert p.log.reads == [], "whose the rows are is known with the commits only"
        p.log.release_one()
        await turns()
        assert p.log.reads == [(0, 1)]
        p.log.release()
        await turns()
        assert sorted(str(ann.text).split()) == ["mine", "theirs", "too"]
        assert p.log.reads == [(0, 1)]
        assert ann.unsaved == 0


async def test_N1_a_reader_hears_each_foreign_row_once() -> None:
    async with processes() as p:
        mute = Client(p.hubs[0], YWS, PAGE, "bob")
        mute.say = lambda payload: None  # asks for nothing, and so is told nothing
        mute.connect()
        ann = await p.join(0)
        await p.write(*keystrokes("abc"))
        await p.look()
        assert [said.name for said in ann.said].count("update") == 1
        assert str(ann.text) == "abc"
        assert mute.names == []
        await p.write(typed("abc"))
        await p.look()
        assert [said.name for said in ann.said].count("update") == 1, "it changed nothing"


async def test_N1_a_long_absence_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "ROWS_PER_READ", 4)
    async with processes() as p:
        ann = await p.join(0)
        await p.write(*keystrokes("0123456789"))
        await p.look()
        assert p.log.reads == [(0, 4), (4, 8), (8, 10)]
        assert str(ann.text) == "0123456789"


async def test_N1_a_snapshot_holds_what_its_position_says() -> None:
    async with processes(snapshot_every=1) as p:
        ann = await p.join(0)
        p.log.hold()
        ann.text.insert(0, "mine ")
        await turns()
        await p.write(typed("theirs "))
        p.log.release()
        await turns()
        assert p.log.snapshots == {}
        assert p.log.folded == [(f"{PAGE}#{EPOCH}", 2)], "with rows in between, it is made from the log"


async def test_N1_a_snapshot_lacks_no_row_that_came_before_its_commit() -> None:
    async with processes(snapshot_every=1) as p:
        ann = await p.join(0)
        p.log.hold()
        ann.text.insert(0, "one ")
        await turns()
        ann.text.insert(0, "two ")
        await turns()
        await p.write(typed("theirs "))
        p.log.release_one()
        await turns()
        p.log.release()
        await turns()
        assert "theirs" in str(ann.text)
        for position, state in p.log.snapshots.get(PAGE, []):
            rows = [row for row, _ in p.log.rows[PAGE][:position]]
            assert read_text(LiveDocument(state, []).state()) == read_text(LiveDocument(None, rows).state())


async def test_N1_a_room_with_a_gap_is_not_folded() -> None:
    async with processes(snapshot_every=1000) as p:
        ann = await p.join(0)
        p.log.read_error = OSError("gone")
        await p.write(typed("theirs "))
        ann.text.insert(0, "mine ")
        await turns()
        room = await p.hubs[0].open(PAGE)
        await room.fold()
        assert p.log.snapshots == {}
        p.log.read_error = None
        await p.look()
        await room.fold()
        ((position, state),) = p.log.snapshots[PAGE]
        assert (position, read_text(LiveDocument(state, []).state())) == (2, str(ann.text))


async def test_N1_rows_that_cannot_be_read_now_are_read_later(caplog: pytest.LogCaptureFixture) -> None:
    async with processes() as p:
        ann = await p.join(0)
        p.log.read_error = OSError("gone")
        await p.write(typed("late"))
        await p.look()
        assert "cannot be read: gone" in caplog.text
        assert ann.closed is None
        p.log.read_error = None
        await p.look()
        assert str(ann.text) == "late"


async def test_N1_a_document_that_was_pruned_meanwhile_is_read_anew() -> None:
    async with processes() as p:
        ann = await p.join(0)
        await p.write(typed("pruned"))
        p.log.read_error = LookupError("pruned")
        await p.look()
        assert str(ann.text) == "pruned"


async def test_N1_rows_of_an_epoch_that_is_over_are_not_read() -> None:
    async with processes() as p:
        ann = await p.join(0, YWS)
        await p.write(typed("old"))
        room = await p.hubs[0].open(PAGE)
        p.log.reset(PAGE, "0000000b")
        room.heard(1)
        await ann.heard(lambda ann: ann.closed)
        assert ann.closed == (1013, "The document cannot be read back now.")
        room.heard(2)
        await turns()


@pytest.mark.parametrize("poison", [PANIC, CONTRADICTION], ids=["panic", "contradiction"])
async def test_N1_a_poisoned_row_of_another_process_harms_nobody(poison: bytes) -> None:
    async with processes() as p:
        await p.write(typed("hé", client_id=5))
        ann = await p.join(0)
        ann.text.insert(0, "fine ")
        await turns()
        await p.write(poison, typed("after "))
        await p.look()
        await ann.heard(lambda ann: "after" in str(ann.text))
        ann.text.insert(0, "still ")
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert ann.closed is None
        assert len(p.log.rows[PAGE]) == 5


async def test_N1_rows_that_a_rebuild_has_brought_are_not_taken_again() -> None:
    async with processes() as p:
        await p.write(typed("hé", client_id=5))
        ann, bob = await p.join(0), await p.join(0, YWS, "bob")
        p.log.loading, p.log.reading = asyncio.Event(), asyncio.Event()
        await p.write(typed("theirs "))
        await p.look()
        bob.say(encode_update(PANIC))
        await turns()
        p.log.loading.set()
        await ann.heard(lambda ann: "theirs" in str(ann.text))
        p.log.reading.set()
        await turns()
        assert "theirs" in str(ann.text)
        assert [said.name for said in ann.said].count("update") == 1


async def test_N1_a_hint_of_own_rows_that_comes_before_their_commit_is_told_does_no_harm() -> None:
    async with processes() as p:
        ann = await p.join(0)
        p.log.hold()
        ann.text.insert(0, "mine")
        await turns()
        (await p.hubs[0].open(PAGE)).heard(1)
        p.log.release()
        await ann.heard(lambda ann: ann.unsaved == 0)
        await p.write(typed(", theirs", client_id=9))
        await p.look()
        await ann.heard(lambda ann: "theirs" in str(ann.text))
        assert p.log.reads == [(1, 2)]


async def test_N1_a_room_that_is_being_rebuilt_takes_no_rows() -> None:
    async with processes() as p:
        await p.write(typed("hé", client_id=5))
        ann, bob = await p.join(0), await p.join(0, YWS, "bob")
        p.log.loading, p.log.reading = asyncio.Event(), asyncio.Event()
        await p.write(typed("theirs "))
        await p.look()
        bob.say(encode_update(PANIC))
        await turns()
        p.log.reading.set()
        await turns()
        assert str(ann.text) == "hé"
        p.log.loading.set()
        await ann.heard(lambda ann: "theirs" in str(ann.text))


async def test_N1_a_message_that_cannot_be_read_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    bus = MemoryBus()
    async with processes(bus=bus) as p:
        ann = await p.join(0)
        stranger = bus.join(f"{PAGE}#{EPOCH}", lambda message: None)
        with caplog.at_level(logging.WARNING):
            for message in (b"", b"\x00", b"\x00\xff", b"\x63of a newer version"):
                stranger.publish(message)
            stranger.publish(encode_hint(0))
            await turns()
        assert caplog.text.count("cannot be read") == 3
        assert (ann.closed, p.log.reads) == (None, [])
        stranger.close()
        stranger.close()


async def test_N1_a_room_that_is_gone_hears_nothing() -> None:
    bus = MemoryBus()
    async with processes(bus=bus) as p:
        ann, bob = await p.join(0), await p.join(1)
        room = await p.hubs[1].open(PAGE)
        bob.disconnect()
        ann.text.insert(0, "x")
        await asyncio.sleep(0)
        room.close()
        await turns()
        assert p.log.reads == []


async def test_N1_what_was_on_its_way_to_one_who_left_is_not_heard() -> None:
    bus = MemoryBus()
    heard: list[bytes] = []
    leaving, speaker = bus.join("topic", heard.append), bus.join("topic", heard.append)
    speaker.publish(b"late")
    leaving.close()
    await turns()
    assert heard == []


@pytest.mark.parametrize("seed", range(20))
async def test_N1_whatever_the_bus_does_all_processes_converge(seed: int) -> None:
    chance = random.Random(seed)
    bus = HostileBus(chance)
    async with processes(3, bus=bus, snapshot_every=3) as p:
        wires = (YWS, HOCUSPOCUS)
        clients = [await p.join(hub, wires[number % 2]) for hub in range(3) for number in range(2)]
        for _ in range(60):
            client = chance.choice(clients)
            if chance.random() < 0.7:
                client.text.insert(0, chance.choice("abc"))
            elif len(client.text):
                del client.text[0]
            match chance.randrange(6):
                case 0:
                    bus.deliver(chance.randint(1, 10))
                case 1:
                    p.log.hold()
                case 2:
                    p.log.release()
                case 3:
                    await chance.choice(p.hubs).look()
                case _:
                    await turns(chance.randint(0, 5))
        p.log.release()
        await turns(40)
        await p.look()

        stored: pycrdt.Doc[Any] = pycrdt.Doc()
        rows = [row for row, _ in p.log.rows[PAGE]]
        stored.apply_update(LiveDocument(None, rows).state())
        for client in clients:
            assert client.closed is None
            assert str(client.text) == str(stored.get("text", type=pycrdt.Text))
            assert client.wire is YWS or client.unsaved == 0
        for position, state in p.log.snapshots.get(PAGE, []):
            expected = LiveDocument(None, rows[:position]).state()
            assert read_text(LiveDocument(state, []).state()) == read_text(expected)


async def test_A6_a_guard_knows_what_another_process_wrote() -> None:
    async with processes(bus=MemoryBus(), guard=Lenient("fields")) as p:
        ann, bob = await p.join(0), await p.join(1, YWS, "bob")
        fields_of(ann)["k"] = pycrdt.Map({"n": 1})
        await bob.heard(lambda bob: "k" in fields_of(bob))
        fields_of(bob)["k"]["n"] = 2  # builds on what this process has only heard of
        await ann.heard(lambda ann: fields_of(ann)["k"]["n"] == 2)
        fields_of(ann)["k"]["n"] = 3
        await bob.heard(lambda bob: fields_of(bob)["k"]["n"] == 3)
        assert len(p.log.rows[PAGE]) == 3


async def test_A6_a_guard_follows_a_document_that_was_read_back() -> None:
    async with processes(bus=MemoryBus(), guard=Lenient("fields")) as p:
        ann = await p.join(0)
        fields_of(ann)["k"] = 1
        await ann.heard(lambda ann: ann.unsaved == 0)
        theirs: pycrdt.Doc[Any] = pycrdt.Doc(client_id=9)
        theirs.get("fields", type=pycrdt.Map[Any])["theirs"] = pycrdt.Map({"n": 1})
        p.log.read_error = LookupError("pruned")
        await p.write(theirs.get_update())
        await p.look()
        await ann.heard(lambda ann: "theirs" in fields_of(ann))
        fields_of(ann)["theirs"]["n"] = 2
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert ann.closed is None
        assert len(p.log.rows[PAGE]) == 3


def fields_of(client: Client) -> "pycrdt.Map[Any]":
    return client.doc.get("fields", type=pycrdt.Map[Any])
