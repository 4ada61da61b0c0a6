"""Epochs (D7): no copy of an earlier life of a document merges into a later one."""

import asyncio
import logging

import pycrdt
import pytest

from crdt.document import LiveDocument
from crdt.epoch import Epoch, read_token
from crdt.errors import DocumentRefused, EpochEnded
from crdt.ports import DocumentName
from crdt.protocol import encode_step1, encode_string, encode_update
from crdt.session import HOCUSPOCUS, YWS, Wire
from tests.crdt.world import PAGE, Client, World, read_text, turns, typed, user, world

FIRST, SECOND = "0000000a", "ffffffff"
both_wires = pytest.mark.parametrize("wire", [YWS, HOCUSPOCUS], ids=lambda wire: wire.name)


async def ended(client: Client) -> None:
    """Wait until a client has been told that its copy is of no more use."""
    if client.wire is YWS:
        await client.heard(lambda client: client.closed)
        assert client.closed is not None
        assert client.closed[0] == 4409
    else:
        await client.heard(lambda client: "denied" in client.names)
        assert client.closed is None


async def begun_anew(w: World) -> None:
    """Begin the second epoch, and have the room know it."""
    w.log.reset(PAGE, SECOND)
    await w.hub.look()


def in_epoch(w: World, epoch: str = FIRST) -> World:
    w.log.epochs[PAGE] = epoch
    return w


@both_wires
async def test_D7_an_open_room_closes_when_its_document_begins_anew(wire: Wire) -> None:
    async with world() as w:
        client = await in_epoch(w).joined(wire)
        client.text.insert(0, "old")
        await turns()
        await begun_anew(w)
        await ended(client)
        fresh = await w.joined(wire, "bob")
        assert str(fresh.text) == ""


@both_wires
async def test_D7_a_copy_of_an_earlier_epoch_is_refused_before_it_merges(wire: Wire) -> None:
    async with world() as w:
        client = await in_epoch(w).joined(wire)
        client.text.insert(0, "old")
        await turns()
        client.disconnect()
        client.text.insert(3, " and offline")
        await begun_anew(w)

        client.connect()
        client.text.insert(0, "typed while it comes back: ")
        await ended(client)
        await turns()

        assert w.stored() == []
        assert "step2" not in client.names[client.names.index("step2") + 1 :]


@pytest.mark.parametrize("is_late", [False, True])
async def test_D7_what_an_old_copy_says_before_its_step_1_is_not_taken(*, is_late: bool) -> None:
    async with world() as w:
        client = await in_epoch(w).joined()
        client.text.insert(0, "abc")
        await client.heard(lambda client: client.unsaved == 0)
        client.disconnect()
        await begun_anew(w)
        # As the stock provider does whose token is fetched: it says what is typed meanwhile.
        client.connect_without_words()
        client.say(encode_update(typed("typed while the token is fetched")))
        client.say(b"\x02\x00" + encode_string("ann"))
        if is_late:
            await turns()
        client.say(encode_step1(client.doc.get_state()))
        await ended(client)
        await turns()
        assert w.stored() == []


@pytest.mark.parametrize("is_late", [False, True])
async def test_D7_what_a_new_copy_says_before_its_step_1_is_taken_with_it(*, is_late: bool) -> None:
    async with world() as w:
        in_epoch(w)
        client = Client(w.hub, HOCUSPOCUS, PAGE, "ann")
        client.connect_without_words()
        client.say(encode_update(typed("early")))
        client.say(b"\x02\x00" + encode_string("ann"))
        if is_late:
            await turns()
            client.say(encode_update(typed("and late", 8)))
            await turns()
            assert w.stored() == []
        client.say(encode_step1(client.doc.get_state()))
        await client.heard(lambda client: client.names.count("saved") >= 1 + is_late)
        assert len(w.stored()) == 1 + is_late


@both_wires
async def test_D7_who_synced_with_an_empty_document_is_known_too(wire: Wire) -> None:
    async with world() as w:
        client = await in_epoch(w).joined(wire)
        client.disconnect()
        client.text.insert(0, "of the first epoch")
        await begun_anew(w)
        client.connect()
        await ended(client)
        assert w.stored() == []


@both_wires
async def test_D7_what_was_typed_before_the_first_sync_is_taken(wire: Wire) -> None:
    async with world() as w:
        in_epoch(w)
        await begun_anew(w)
        client = Client(w.hub, wire, PAGE, "ann")
        client.text.insert(0, "typed early")
        client.connect()
        await client.synced()
        await turns()
        assert read_text(LiveDocument(None, w.stored()).state()) == "typed early"


@both_wires
async def test_D7_a_client_of_this_epoch_comes_and_goes(wire: Wire) -> None:
    async with world() as w:
        in_epoch(w)
        await begun_anew(w)
        client = await w.joined(wire)
        client.disconnect()
        client.text.insert(0, "offline")
        client.said.clear()
        client.connect()
        await client.synced()
        await turns()
        assert read_text(LiveDocument(None, w.stored()).state()) == "offline"
        assert client.closed is None


async def test_D7_a_copy_of_another_document_is_nobodys_past() -> None:
    async with world(PAGE, "page:2") as w:
        in_epoch(w)
        w.log.epochs["page:2"] = FIRST
        client = await w.joined(document="page:2")
        client.text.insert(0, "a template")
        client.disconnect()
        client.document = PAGE
        client.said.clear()
        client.connect()
        await client.synced()
        await turns()
        assert read_text(LiveDocument(None, w.stored()).state()) == "a template"


@both_wires
async def test_D7_a_stated_epoch_must_be_that_of_the_document(wire: Wire) -> None:
    async with world() as w:
        in_epoch(w)
        right, wrong = w.client(wire, f"ann#{FIRST}"), w.client(wire, f"ann#{SECOND}")
        await right.synced()
        await ended(wrong)
        assert "step2" not in wrong.names


async def test_D7_who_knows_the_new_epoch_does_not_have_to_wait_for_the_old_room() -> None:
    async with world() as w:
        old = await in_epoch(w).joined()
        w.log.reset(PAGE, SECOND)
        new = w.client(token=f"bob#{SECOND}")
        await new.synced()
        await ended(old)


async def test_D7_a_token_that_states_another_epoch_ends_the_stay() -> None:
    async with world() as w:
        client = await in_epoch(w).joined()
        client.say(b"\x02\x00" + encode_string(f"ann#{FIRST}"))
        await turns()
        assert "denied" not in client.names
        client.say(b"\x02\x00" + encode_string(f"ann#{SECOND}"))
        await ended(client)


async def test_D7_other_documents_on_the_socket_stay() -> None:
    async with world(PAGE, "page:2") as w:
        client = await in_epoch(w).joined()
        other = encode_string("page:2")
        client.receive_raw(other + b"\x02\x00" + encode_string("ann"))
        client.receive_raw(other + encode_step1(b"\x00"))
        await client.heard(lambda client: any(said.key == "page:2" for said in client.said))
        await begun_anew(w)
        await ended(client)
        client.receive_raw(other + encode_update(typed("still here")))
        await turns()
        assert len(w.stored("page:2")) == 1


async def test_D7_an_edit_under_way_is_neither_committed_nor_acknowledged() -> None:
    async with world() as w:
        client = await in_epoch(w).joined()
        await turns()
        assert client.unsaved == 0
        w.log.hold()
        client.text.insert(0, "late")
        await turns()
        w.log.reset(PAGE, SECOND)
        w.log.release()
        await client.heard(lambda client: client.closed)
        assert client.closed == (1013, "The document cannot be saved any more.")
        assert client.unsaved == 1
        assert w.stored() == []
        client.connect()
        await ended(client)


async def test_D7_a_replica_ends_with_its_epoch() -> None:
    async with world() as w:
        in_epoch(w)
        async with w.hub.join(PAGE, user("ann")) as replica:
            await begun_anew(w)
            replica.doc.get("text", type=pycrdt.Text).insert(0, "late")
            with pytest.raises(EpochEnded):
                await replica.saved()


async def test_D7_a_document_that_is_gone_closes_its_room() -> None:
    async with world() as w:
        client = await w.joined(YWS)
        w.log.delete(PAGE)
        await w.hub.look()
        assert client.closed == (4403, "There is no such document any more.")
        await w.hub.look()
        with pytest.raises(DocumentRefused):
            await w.hub.open(PAGE)


async def test_D7_epochs_are_looked_after_again_and_again() -> None:
    async with world(look_seconds=0.001) as w:
        client = await in_epoch(w).joined(YWS)
        w.log.reset(PAGE, SECOND)
        await ended(client)


async def test_D7_a_store_that_cannot_be_asked_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async with world() as w:
        client = await in_epoch(w).joined()
        w.log.heads_error = OSError("gone")
        await w.hub.look()
        await w.hub.look()
        told = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert [record.message for record in told] == ["open documents cannot be looked after: gone"]
        assert client.closed is None
        late = w.client(YWS, f"bob#{SECOND}")
        await late.heard(lambda late: late.closed)
        assert late.closed == (1013, "What you edit cannot be saved now; try again later.")
        w.log.heads_error = None
        await begun_anew(w)
        await ended(client)


async def test_D7_the_marker_is_in_the_document_and_not_in_the_log() -> None:
    async with world() as w:
        ann, bob = await in_epoch(w).joined(), await w.joined(YWS, "bob")
        ann.text.insert(0, "shared")
        await asyncio.gather(ann.heard(lambda ann: ann.unsaved == 0), turns())
        assert len(w.stored()) == 1
        assert ann.doc.get_update() == bob.doc.get_update()
        replayed = LiveDocument(None, w.stored(), marker=Epoch(PAGE, FIRST).marker)
        assert replayed.state() == ann.doc.get_update()


def test_D7_a_marker_is_bound_to_its_document_and_epoch() -> None:
    epoch = Epoch(PAGE, FIRST)
    (marker,) = epoch.marker
    state_vector = pycrdt.get_state(marker)
    epoch.check(state_vector)
    with pytest.raises(EpochEnded):
        Epoch(PAGE, SECOND).check(state_vector)
    Epoch(DocumentName("page:2"), FIRST).check(state_vector)
    Epoch(PAGE, SECOND).check(b"\xff")  # whoever answers it finds out


def test_D7_a_document_without_an_epoch_has_no_marker() -> None:
    epoch = Epoch(PAGE, "")
    assert (epoch.address, epoch.marker) == (PAGE, [])
    epoch.check(pycrdt.get_state(Epoch(PAGE, FIRST).marker[0]))


def test_D7_a_token_may_state_an_epoch() -> None:
    assert read_token("abc") == ("abc", None)
    assert read_token("abc#") == ("abc", None)
    assert read_token(f"abc#{FIRST}") == ("abc", FIRST)
