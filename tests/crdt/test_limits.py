"""Limits that slow down or send away, and let come back; and a store that fails."""

import pytest

from crdt.errors import DocumentUnavailable
from crdt.hub import HubConfig
from crdt.limits import Bucket, Rate
from crdt.session import HOCUSPOCUS, YWS, SessionLimits
from tests.crdt.world import PAGE, turns, world


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
