"""Rooms in trouble: edits that break, stores that fail, other processes that write."""

import pytest

from crdt import room
from crdt.document import LiveDocument
from crdt.hub import HubConfig
from crdt.protocol import encode_step1, encode_update
from crdt.session import HOCUSPOCUS, YWS, Wire
from tests.crdt.test_document import TRAP
from tests.crdt.test_structs import nested
from tests.crdt.world import PAGE, Client, read_text, turns, world

both_wires = pytest.mark.parametrize("wire", [YWS, HOCUSPOCUS], ids=lambda wire: wire.name)

PANIC = bytes.fromhex("01010501088001f440600000")
"""Decodes, and makes pycrdt panic where client 5 has written already."""

CONTRADICTION = bytes.fromhex("0101010513c405050206c3a9f09f988000")
"""Decodes, and names a parent that is no shared type."""


@both_wires
async def test_W2_a_malformed_update_never_reaches_the_document(wire: Wire) -> None:
    async with world() as w:
        ann, eve = await w.joined(), await w.joined(wire, "eve")
        eve.say(encode_update(b"\xff" * 20))
        ann.text.insert(0, "fine")
        await eve.heard(lambda eve: eve.closed)
        assert eve.closed is not None
        assert eve.closed[0] == 4400
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert [read_text(row) for row in w.stored()] == ["fine"]


@both_wires
@pytest.mark.parametrize("poison", [PANIC, CONTRADICTION], ids=["panic", "contradiction"])
async def test_R7_an_update_that_breaks_half_way_costs_only_its_sender(wire: Wire, poison: bytes) -> None:
    async with world() as w:
        ann = await w.joined(client_id=5)
        ann.text.insert(0, "hé")
        await ann.heard(lambda ann: ann.unsaved == 0)
        eve, bob = await w.joined(wire, "eve"), await w.joined(YWS, "bob")
        ann.text.insert(0, "1")
        eve.say(encode_update(poison))
        ann.text.insert(0, "2")
        late = w.client(YWS, "bob")
        await eve.heard(lambda eve: eve.closed)
        await ann.heard(lambda ann: ann.unsaved == 0)
        await bob.heard(lambda bob: str(bob.text) == "21hé")
        await late.heard(lambda late: str(late.text) == "21hé")
        assert poison not in w.stored()
        assert w.hub.statistics().rooms[PAGE].position == len(w.stored()) == 3


@both_wires
async def test_R7_a_trap_laid_for_somebody_elses_edit_catches_nobody(wire: Wire) -> None:
    async with world() as w:
        ann, eve = await w.joined(wire, client_id=5), await w.joined(token="eve")
        eve.say(encode_update(TRAP))
        await eve.heard(lambda eve: eve.unsaved == -1)
        ann.text.insert(0, "abc")
        await ann.heard(lambda ann: "update" in ann.names or ann.unsaved == 0)
        bob = await w.joined(token="bob")
        assert str(bob.text) == "abc"
        assert ann.closed is None
        ann.text.insert(3, "d")
        await bob.heard(lambda bob: str(bob.text) == "abcd")


async def test_R7_a_rebuild_waits_for_the_commits_under_way() -> None:
    async with world() as w:
        ann = await w.joined(client_id=5)
        ann.text.insert(0, "hé")
        await ann.heard(lambda ann: ann.unsaved == 0)
        eve = await w.joined(token="eve")
        w.log.hold()
        ann.text.insert(0, "1")
        await turns()
        eve.say(encode_update(PANIC))
        await turns()
        ann.text.insert(0, "2")
        await turns()
        assert ann.unsaved == 2
        w.log.release()
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert len(w.stored()) == 3


async def test_R7_a_document_that_cannot_be_read_back_sends_its_peers_away() -> None:
    async with world() as w:
        ann = await w.joined(client_id=5)
        ann.text.insert(0, "hé")
        await ann.heard(lambda ann: ann.unsaved == 0)
        w.log.load_error = OSError("gone")
        ann.say(encode_update(PANIC))
        bob = w.client(token="bob")
        await bob.heard(lambda bob: bob.closed)
        assert bob.closed == (1013, "The document cannot be read back now.")


async def test_R7_a_document_that_breaks_again_and_again_sends_its_peers_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find_nothing(updates: object) -> set[bytes]:
        return set()

    monkeypatch.setattr(room, "find_poison", find_nothing)
    async with world() as w:
        ann = await w.joined(client_id=5)
        ann.text.insert(0, "hé")
        await ann.heard(lambda ann: ann.unsaved == 0)
        eve = await w.joined(token="eve")
        eve.say(encode_update(PANIC))
        await ann.heard(lambda ann: ann.closed)
        assert ann.closed == (1013, "The document breaks, and it is unknown which edit does it.")
        assert len(w.stored()) == 1


async def test_D5_a_document_that_cannot_be_saved_sends_its_peers_away() -> None:
    async with world() as w:
        ann, bob = await w.joined(), await w.joined(YWS, "bob")
        w.log.hold()
        ann.text.insert(0, "lost with its document")
        await turns()
        w.log.fail(LookupError("deleted"))
        await bob.heard(lambda bob: bob.closed)
        assert ann.closed == bob.closed == (1013, "The document cannot be saved any more.")
        w.log.release()
        await w.hub.sweep()
        assert w.hub.statistics().rooms == {}
        again = await w.joined()
        assert str(again.text) == ""


async def test_N1_what_another_process_wrote_is_not_lost_and_reaches_everybody() -> None:
    config = HubConfig(snapshot_every_updates=1, sweep_seconds=3600)
    async with world(config=config) as w, world(config=config, log=w.log, client_ids=w.client_ids) as far:
        other = far.hub
        ann, bob = await w.joined(HOCUSPOCUS), Client(other, YWS, PAGE, "bob")
        bob.connect()
        await bob.synced()
        mute = Client(w.hub, YWS, PAGE, "bob")
        mute.say = lambda payload: None  # asks for nothing, and so is told nothing
        mute.connect()
        w.log.hold()
        bob.text.insert(0, "bob's ")
        await turns()
        bob.text.insert(0, "all ")
        await turns()
        ann.text.insert(0, "ann's ")
        await turns()
        w.log.release()
        await ann.heard(lambda ann: "bob's" in str(ann.text))
        assert all(position != 3 for position, _ in w.log.snapshots.get(PAGE, []))
        bob.text.insert(0, "one ")
        await bob.heard(lambda bob: "ann's" in str(bob.text))
        await turns()
        position, state, rows = await w.log.load(PAGE)
        assert position == 4
        assert read_text(LiveDocument(state, rows).state()) == str(bob.text)
        assert mute.names == []


@pytest.mark.parametrize("is_typing", [False, True])
async def test_N1_what_another_process_wrote_reaches_everybody_though_an_edit_breaks_the_document(
    is_typing: bool,
) -> None:
    config = HubConfig(sweep_seconds=3600)
    async with world(config=config) as w, world(config=config, log=w.log, client_ids=w.client_ids) as far:
        other = far.hub
        ann = await w.joined(client_id=5)
        ann.text.insert(0, "hé")
        await ann.heard(lambda ann: ann.unsaved == 0)
        eve, bob = await w.joined(token="eve"), Client(other, YWS, PAGE, "bob")
        bob.connect()
        await bob.synced()
        w.log.hold()
        bob.text.insert(0, "bob's ")
        await turns()
        if is_typing:
            ann.text.insert(0, "ann's ")
            await turns()
        eve.say(encode_update(PANIC))
        w.log.release()
        await ann.heard(lambda ann: "bob's" in str(ann.text))


async def test_W2_a_malformed_state_vector_ends_its_connection_only() -> None:
    async with world() as w:
        ann, eve = await w.joined(), await w.joined(YWS, "eve")
        eve.say(encode_step1(b"\x05\x01"))
        await eve.heard(lambda eve: eve.closed)
        assert ann.closed is None


@pytest.mark.parametrize("name", ["ann", "eve"])
@pytest.mark.parametrize("wire", [YWS, HOCUSPOCUS], ids=lambda wire: wire.name)
async def test_R7_what_would_end_the_process_is_refused(name: str, wire: Wire) -> None:
    async with world() as w:
        w.rights.rights["Eve", PAGE] = "read"
        bob, mallory = await w.joined(token="bob"), await w.joined(wire, name)
        mallory.say(encode_update(nested(b"\x75\x01", 100_000)))
        await mallory.heard(lambda mallory: mallory.closed)
        assert mallory.closed is not None
        assert mallory.closed[0] == 4400
        assert bob.closed is None
        assert w.stored() == []
