"""Limits that slow down or send away, and let come back; and a store that fails."""

import asyncio

import pytest

from crdt import broadcast
from crdt.errors import DocumentUnavailable
from crdt.hub import HubConfig
from crdt.limits import Bucket, Rate
from crdt.protocol import encode_string
from crdt.session import HOCUSPOCUS, YWS, SessionLimits, Wire
from tests.crdt.world import PAGE, presence_of, turns, world

LEAVE = b"\x07"


def test_W4_a_bucket_says_how_long_to_pause() -> None:
    bucket = Bucket(Rate(per_second=10, burst=20), now=0)
    assert bucket.take(20, 0) == 0
    assert bucket.take(5, 0) == 0.5
    assert bucket.take(0, 0.5) == 0
    assert bucket.take(5, 1) == 0
    assert bucket.take(20, 100) == 0
    assert bucket.take(1, 100) == pytest.approx(0.1)


async def test_W4_whoever_sends_too_much_is_read_more_slowly_and_loses_nothing() -> None:
    limits = SessionLimits(
        frame_rate=Rate(per_second=10, burst=5), byte_rate=Rate(per_second=1000, burst=2000)
    )
    async with world(config=HubConfig(limits=limits)) as w:
        ann = await w.joined(YWS)
        assert ann.connection is not None
        pauses = [ann.connection.receive(b"\x03") for _ in range(5)]
        assert pauses[0] == 0
        assert pauses[-1] > 0
        w.clock.now += 10
        assert ann.connection.receive(b"\x03" * 1500) == 0
        assert ann.connection.receive(b"\x03" * 1500) == 1
        ann.text.insert(0, "all there")
        await turns()
        assert len(w.stored()) == 1
        connection = ann.connection
        ann.disconnect()
        assert connection.receive(b"\x03") == 0


async def test_W4_one_principal_has_so_many_sockets_and_others_are_not_concerned() -> None:
    async with world(config=HubConfig(max_sockets_per_principal=2)) as w:
        first = await w.joined()
        await w.joined(YWS)
        third = w.client()
        await third.heard(lambda third: third.closed)
        assert third.closed == (4529, "You have too many connections open.")
        await w.joined(token="bob")
        first.disconnect()
        third.connect()
        await third.synced()


async def test_D5_peers_are_told_when_the_store_fails_and_when_it_is_back() -> None:
    async with world() as w:
        ann, bob = await w.joined(HOCUSPOCUS), await w.joined(YWS, "bob")
        w.log.hold()
        w.log.is_failing = True
        await w.hub.sweep()
        await w.hub.sweep()
        ann.text.insert(0, "unsaved")
        await bob.heard(lambda bob: str(bob.text) == "unsaved")
        assert ann.unsaved == 1
        w.log.is_failing = False
        w.log.release()
        await w.hub.sweep()
        told = [said.body for said in ann.said if said.name == "stateless"]
        assert told == [b'{"store":"degraded"}', b'{"store":"ok"}']
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert ann.closed is bob.closed is None


async def test_D5_R3_what_waits_behind_an_echo_is_bounded_and_nothing_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broadcast, "MOST_HELD", 5)
    async with world() as w:
        ann, bob = await w.joined(YWS), await w.joined(HOCUSPOCUS, "bob")
        w.log.hold()
        ann.text.insert(0, "ann's ")
        await turns()
        for _ in range(20):
            bob.text.insert(0, "x")
            await turns()
        assert "update" not in ann.names
        assert w.hub.statistics().rooms[PAGE].lagging_peers == 1
        w.log.release()
        await ann.heard(lambda ann: str(ann.text) == str(bob.text))
        assert ann.names.count("update") < 10
        bob.text.insert(0, "more")
        await ann.heard(lambda ann: str(ann.text) == str(bob.text))


async def test_D5_memory_for_the_unsaved_is_bounded_and_everything_gathered_is_kept() -> None:
    async with world(config=HubConfig(max_unsaved_bytes=100)) as w:
        ann, bob = await w.joined(HOCUSPOCUS), await w.joined(YWS, "bob")
        w.log.hold()
        w.log.is_failing = True
        ann.text.insert(0, "x" * 200)
        await turns()
        await w.hub.sweep()
        assert ann.closed == bob.closed == (1013, "What you edit cannot be saved now; try again later.")
        with pytest.raises(DocumentUnavailable):
            await w.hub.open(PAGE)
        w.log.is_failing = False
        w.log.release()
        await w.hub.sweep()
        again = await w.joined(token="bob")
        assert str(again.text) == "x" * 200
        ann.connect()
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert len(w.stored()) == 1


async def test_W4_a_socket_counts_for_everybody_who_takes_part_by_it() -> None:
    async with world(PAGE, "page:2", "page:3", config=HubConfig(max_sockets_per_principal=1)) as w:
        shared = await w.joined()
        assert shared.connection is not None
        for document, token in (("page:2", "ann"), ("page:3", "bob")):
            key = encode_string(document)
            shared.receive_raw(key + b"\x02\x00" + encode_string(token))
            await turns()
        another = w.client(token="bob")
        await another.heard(lambda another: another.closed)
        shared.receive_raw(encode_string("page:3") + LEAVE)
        bob = await w.joined(YWS, "bob")
        shared.receive_raw(encode_string("page:2") + LEAVE)
        second = w.client()
        await second.heard(lambda second: second.closed)
        shared.say(LEAVE)
        second.connect()
        await second.synced()
        second.disconnect()
        bob.disconnect()
        shared.disconnect()
        for token in ("ann", "bob"):
            await w.joined(token=token)


async def test_W4_a_seat_is_free_again_when_the_document_could_not_be_opened() -> None:
    async with world(config=HubConfig(max_sockets_per_principal=1)) as w:
        w.log.load_error = OSError("gone")
        ann = w.client()
        await ann.heard(lambda ann: ann.closed)
        w.log.load_error = None
        w.log.loading = asyncio.Event()
        ann.connect()
        await turns()
        ann.disconnect()
        w.log.loading.set()
        await turns()
        await w.joined()


async def test_W4_one_document_too_many_on_a_socket_is_denied_alone() -> None:
    async with world(PAGE, "page:2", config=HubConfig(limits=SessionLimits(max_documents=1))) as w:
        ann = await w.joined()
        ann.receive_raw(encode_string("page:2") + b"\x02\x00" + encode_string("ann"))
        assert ann.said[-1].key == "page:2"
        assert ann.said[-1].name == "denied"
        ann.text.insert(0, "on")
        await ann.heard(lambda ann: ann.unsaved == 0)
        ann.say(LEAVE)
        ann.receive_raw(encode_string("page:2") + b"\x02\x00" + encode_string("ann"))
        await ann.heard(lambda ann: ann.said[-1].key == "page:2" and ann.said[-1].name == "scope")
        assert ann.closed is None


@pytest.mark.parametrize(("wire", "name"), [(YWS, "denied"), (HOCUSPOCUS, "stateless")])
async def test_W4_presence_that_is_too_large_is_not_passed_on_and_the_socket_stays(
    wire: Wire, name: str
) -> None:
    async with world(config=HubConfig(max_presence_bytes=20)) as w:
        ann, bob = await w.joined(wire), await w.joined(token="bob")
        ann.say_presence(1, 1, '{"at": "' + "x" * 20 + '"}')
        assert ann.said[-1].name == name
        assert b"more than 20 bytes" in ann.said[-1].body
        ann.say_presence(1, 2, '{"at": 7}')
        await bob.heard(lambda bob: bob.said[-1].name == "presence")
        state = presence_of(bob.said[-1])[1]
        assert state is not None
        assert state["at"] == 7
        assert ann.closed is None


async def test_W4_presence_that_a_client_repeats_counts_for_nothing() -> None:
    async with world(config=HubConfig(max_presence_bytes=20)) as w:
        ann = await w.joined(YWS)
        ann.say_presence(1, 1, '{"at": 7}')
        heard = len(ann.said)
        ann.say_presence(2, 1, '{"at": "' + "x" * 20 + '"}')
        await turns()
        assert [said.name for said in ann.said[heard:]] == ["presence"]


async def test_W4_whoever_is_cut_off_for_too_much_waits_before_coming_back() -> None:
    async with world(config=HubConfig(overrun_pause_seconds=0.2)) as w:
        ann = await w.joined(YWS)
        connection = ann.connection
        assert connection is not None
        connection.overran()
        ann.disconnect()
        ann.said.clear()
        ann.connect()
        await turns()
        assert ann.names == []
        await w.joined(YWS, "bob")
        await ann.synced()
        w.clock.now += 1
        ann.disconnect()
        ann.connect()
        await turns()
        assert "step2" in ann.names


async def test_W4_nobody_is_asked_again_who_left_before_their_edit_was_refused() -> None:
    async with world(config=HubConfig(max_document_bytes=100)) as w:
        ann, eve = await w.joined(), await w.joined(HOCUSPOCUS, "eve")
        room = await w.hub.open(PAGE)
        for client in (ann, eve):
            client.text.insert(0, "much too much " * 20)
        eve.say(LEAVE)
        await turns()
        assert ann.names.count("refused") == 1
        ann.disconnect()
        w.clock.now += 1000
        assert not room.admission.is_asking_due
