"""Documents as large as they may be, and edits that are too large: what is refused, how it comes right."""

import asyncio

import pycrdt
import pytest

from crdt import rhythm
from crdt.errors import EditTooLarge
from crdt.hub import HubConfig
from crdt.protocol import encode_step1, encode_update
from crdt.session import HOCUSPOCUS, YWS, SessionLimits, Wire
from tests.crdt.world import PAGE, Client, Lenient, World, turns, typed, user, world

SMALL = HubConfig(max_document_bytes=1000)
NARROW = HubConfig(limits=SessionLimits(max_frame_bytes=500))
WIRES = [HOCUSPOCUS, YWS]


def refusals(client: Client) -> int:
    return client.names.count("denied" if client.wire is YWS else "refused")


async def refused(client: Client, count: int) -> None:
    await client.heard(lambda client: refusals(client) == count)


async def sweep(w: World, seconds: float) -> None:
    """Let some time pass, and what is due be done."""
    w.clock.now += seconds
    await w.hub.sweep()
    await turns(30)


@pytest.mark.parametrize("wire", WIRES)
async def test_W4_a_document_does_not_grow_beyond_its_limit_and_serves_on(wire: Wire) -> None:
    async with world(config=SMALL) as w:
        ann, bob = await w.joined(wire), await w.joined(YWS, "bob")
        ann.text.insert(0, "good ")
        await bob.heard(lambda bob: str(bob.text) == "good ")
        ann.text.insert(5, "x" * 1000)
        await refused(ann, 1)
        bob.text.insert(0, "on ")
        await ann.heard(lambda ann: str(ann.text).startswith("on good "))
        del bob.text[0:3]
        await ann.heard(lambda ann: str(ann.text).startswith("good "))
        fresh = await w.joined(token="eve")
        assert str(fresh.text) == "good "
        assert ann.closed is None


async def test_W4_a_document_is_as_large_as_what_is_left_of_what_was_written() -> None:
    async with world(config=SMALL) as w:
        ann = await w.joined()
        for _ in range(10):
            ann.text.insert(0, "x" * 400)
            await ann.heard(lambda ann: ann.unsaved == 0)
            ann.text.clear()
            await ann.heard(lambda ann: ann.unsaved == 0)
        assert "refused" not in ann.names
        assert w.hub.statistics().rooms[PAGE].document_bytes < 1000


@pytest.mark.parametrize("config", [SMALL, NARROW], ids=["document", "frame"])
@pytest.mark.parametrize("wire", WIRES)
async def test_W4_undoing_what_did_not_fit_brings_a_client_in_step_again(
    wire: Wire, config: HubConfig
) -> None:
    async with world(config=config) as w:
        ann, bob = await w.joined(wire), await w.joined(HOCUSPOCUS, "bob")
        ann.text.insert(0, "good ")
        ann.text.insert(5, "x" * 1000)
        ann.text.insert(0, "after ")
        await refused(ann, 2)
        await turns()
        assert str(bob.text) == "good "
        del ann.text[11:1011]
        await turns()
        for _ in range(2):
            await sweep(w, 4)
        assert str(ann.text) == str(bob.text) == "after good "
        if wire is HOCUSPOCUS:
            assert ann.unsaved == 0
        ann.text.insert(0, "and ")
        await bob.heard(lambda bob: str(bob.text) == "and after good ")
        assert ann.closed is None


async def test_W4_what_was_refused_comes_in_when_others_have_made_room() -> None:
    async with world(config=SMALL) as w:
        ann, bob = await w.joined(YWS), await w.joined(HOCUSPOCUS, "bob")
        bob.text.insert(0, "x" * 700)
        await ann.heard(lambda ann: len(str(ann.text)) == 700)
        ann.text.insert(0, "y" * 400)
        await refused(ann, 1)
        del bob.text[0:700]
        await turns()
        await sweep(w, 2)
        await bob.heard(lambda bob: str(bob.text) == "y" * 400)


async def test_W4_a_client_that_comes_back_offers_again_and_is_refused_again_without_being_closed() -> None:
    async with world(config=SMALL) as w:
        ann = await w.joined(YWS)
        ann.text.insert(0, "x" * 1000)
        await refused(ann, 1)
        for count in (2, 3):
            ann.disconnect()
            ann.connect()
            await refused(ann, count)
        assert ann.closed is None
        assert w.stored() == []


async def test_W4_a_client_is_asked_ever_more_seldom_and_only_where_something_has_changed() -> None:
    async with world(config=SMALL) as w:
        ann = await w.joined(HOCUSPOCUS)
        ann.text.insert(0, "x" * 1000)
        await refused(ann, 1)
        asked = ann.names.count("step1")
        await sweep(w, 0.5)
        assert ann.names.count("step1") == asked
        await sweep(w, 1)
        assert ann.names.count("step1") == asked + 1
        await refused(ann, 2)
        await sweep(w, 1000)
        assert ann.names.count("step1") == asked + 1
        ann.text.insert(0, "y")
        await refused(ann, 3)
        await sweep(w, 1)
        assert ann.names.count("step1") == asked + 2


async def test_W4_a_document_that_is_too_large_can_be_opened_read_and_shrunk() -> None:
    async with world() as w:
        ann = await w.joined()
        ann.text.insert(0, "x" * 2000)
        await ann.heard(lambda ann: ann.unsaved == 0)
        stored = w.log
    async with world(config=SMALL) as w:
        w.log.rows, w.log.snapshots = stored.rows, stored.snapshots
        bob = await w.joined(YWS, "bob")
        assert len(str(bob.text)) == 2000
        ann.move_to(w.hub)
        ann.connect()
        await ann.synced()
        bob.text.insert(0, "no")
        await refused(bob, 1)
        del ann.text[0:1990]
        await ann.heard(lambda ann: ann.unsaved == 0)
        await sweep(w, 2)
        await ann.heard(lambda ann: str(ann.text) == "no" + "x" * 10)
        await sweep(w, 100)
        bob.text.insert(0, "yes, ")
        await ann.heard(lambda ann: str(ann.text) == "yes, no" + "x" * 10)


async def test_W4_repeating_what_a_full_document_has_is_no_growth() -> None:
    async with world(config=SMALL) as w:
        ann = await w.joined()
        for saved in (2, 3):  # the first is for the answer to our step 1
            ann.say(encode_update(typed("x" * 950)))
            await ann.heard(lambda ann, saved=saved: ann.names.count("saved") == saved)
        assert refusals(ann) == 0
        assert len(w.stored()) == 1


async def test_W4_a_malformed_edit_stays_malformed_however_large_it_is() -> None:
    async with world(config=SMALL) as w:
        eve = await w.joined()
        eve.say(encode_update(b"\x07" * 2000))
        await eve.heard(lambda eve: eve.closed)
        assert eve.closed is not None
        assert eve.closed[0] == 4400


async def test_W4_a_reader_who_sends_too_large_a_frame_is_told_that_they_read() -> None:
    async with world(config=NARROW) as w:
        w.rights.rights["Eve", PAGE] = "read"
        eve = await w.joined(YWS, "eve")
        eve.text.insert(0, "x" * 1000)
        await refused(eve, 1)
        assert b"read this document" in eve.said[-1].body


async def test_W4_a_peer_in_the_process_hears_what_does_not_fit() -> None:
    async with world(config=SMALL) as w, w.hub.join(PAGE, user("ann")) as replica:
        replica.doc.get("text", type=pycrdt.Text).insert(0, "x" * 1000)
        with pytest.raises(EditTooLarge):
            await replica.saved()


async def test_W4_A6_an_answer_that_fits_and_breaks_a_rule_makes_nothing_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = HubConfig(max_document_bytes=1000, coalesce_max_seconds=0.1)
    async with world(config=config, guard=Lenient("fields")) as w:
        ann, bob = await w.joined(HOCUSPOCUS), await w.joined(HOCUSPOCUS, "bob")
        ann.doc.get("fields", type=pycrdt.Map[str])["k"] = "x" * 1000
        await refused(ann, 1)
        ann.doc.get("fields", type=pycrdt.Map[str])["k"] = "small"
        ann.doc.get("elsewhere", type=pycrdt.Map[str])["k"] = "against the rules"
        await refused(ann, 3)
        # What comes from now on shares a turn.
        monkeypatch.setattr(rhythm, "WINDOW_SECONDS_PER_PEER", 1)
        bob.doc.get("fields", type=pycrdt.Map[str])["b"] = "1"
        await bob.heard(lambda bob: bob.unsaved == 0)
        w.clock.now += 2
        await w.hub.sweep()
        await ann.heard(lambda ann: ann.names.count("step1") == 2)
        bob.doc.get("fields", type=pycrdt.Map[str])["b"] = "2"
        await bob.heard(lambda bob: bob.unsaved == 0)
        await ann.heard(lambda ann: ann.closed or "denied" in ann.names)
        assert "saved" not in ann.names[ann.names.index("refused") :]


async def test_W4_edits_that_come_right_behind_an_answer_that_fits_are_taken() -> None:
    async with world(config=SMALL) as w:
        ann, bob = await w.joined(), await w.joined(YWS, "bob")
        ann.text.insert(0, "x" * 1000)
        await refused(ann, 1)
        del ann.text[0:1000]
        await refused(ann, 2)
        w.clock.now += 2
        answer = ann.heard(lambda ann: ann.names.count("step1") == 2)
        await asyncio.gather(w.hub.sweep(), answer)
        await asyncio.sleep(0)  # the answer is on its way
        ann.text.insert(0, "at once")
        await bob.heard(lambda bob: str(bob.text) == "at once")
        await ann.heard(lambda ann: ann.unsaved == 0)


async def test_D2_a_client_that_syncs_anew_is_not_told_of_more_than_was_saved() -> None:
    async with world(config=SMALL) as w:
        ann = await w.joined()
        ann.text.insert(0, "x" * 1000)
        await refused(ann, 1)
        ann.text.insert(0, "y")
        await refused(ann, 2)
        del ann.text[0:1001]
        await refused(ann, 3)
        ann.unsaved = 1
        ann.say(encode_step1(ann.doc.get_state()))  # what a provider's forceSync says
        await ann.heard(lambda ann: ann.unsaved == 0)
        await turns()
        assert ann.unsaved == 0


async def test_W4_an_answer_in_too_large_a_frame_is_asked_for_again_when_it_may_have_become_smaller() -> None:
    async with world(config=NARROW) as w:
        ann = await w.joined()
        ann.text.insert(0, "x" * 1000)
        await refused(ann, 1)
        await sweep(w, 2)
        asked = ann.names.count("step1")
        ann.text.insert(0, "y")
        await refused(ann, 2)
        await sweep(w, 1)
        assert ann.names.count("step1") == asked + 1
        await refused(ann, 3)
        del ann.text[0:1001]
        await refused(ann, 4)
        await sweep(w, 2)
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert len(w.stored()) == 1
