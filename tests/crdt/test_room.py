"""Rooms: what is applied, logged, sent on and acknowledged, and when."""

from typing import Any

import pycrdt
import pytest

from crdt import rhythm, snapshots
from crdt.document import LiveDocument, Poisoned
from crdt.hub import HubConfig
from crdt.protocol import encode_presence, encode_step1, encode_step2, encode_update
from crdt.session import HOCUSPOCUS, YWS
from crdt.signatures import Signatures
from crdt.structs import read_runs
from tests.crdt.world import PAGE, Client, keystrokes, presence_of, read_text, turns, typed, user, world


async def test_W1_both_wires_edit_one_document() -> None:
    async with world() as w:
        ann, bob = await w.joined(YWS), await w.joined(HOCUSPOCUS, "bob")
        ann.text.insert(0, "one")
        await bob.heard(lambda bob: str(bob.text) == "one")
        bob.text.insert(3, " two")
        await ann.heard(lambda ann: str(ann.text) == "one two")


async def test_D2_the_acknowledgement_follows_the_commit() -> None:
    async with world() as w:
        ann = await w.joined(HOCUSPOCUS)
        assert ann.unsaved == 0
        w.log.hold()
        ann.text.insert(0, "kept")
        await turns()
        assert ann.unsaved == 1
        assert w.stored() == []
        w.log.release()
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert read_text(w.stored()[0]) == "kept"


async def test_R1_a_character_is_taken_at_once_and_what_comes_with_it_together() -> None:
    first, *more = keystrokes("abcdef")
    async with world() as w:
        ann, bob = await w.joined(), await w.joined(token="bob")
        for update in (first, more[0]):  # from the second on, whose characters they are is known
            ann.say(encode_update(update))
            await turns()
        before = w.hub.statistics()
        for update in more[1:]:
            ann.say(encode_update(update))
        assert w.hub.statistics().turns == before.turns + 1
        assert str(bob.text) == "abc"
        await turns()
        assert w.hub.statistics().turns == before.turns + 2
        assert str(bob.text) == "abcdef"
        await ann.heard(lambda ann: ann.unsaved <= 0)
        assert w.stored() == [first, *more]


async def test_R1_characters_in_two_documents_are_each_taken_at_once() -> None:
    first, second, third = keystrokes("abc")
    async with world(PAGE, "page:2") as w:
        clients = [await w.joined(document=document) for document in (PAGE, "page:2")]
        for update in (first, second):
            for client in clients:
                client.say(encode_update(update))
            await turns()
        before = w.hub.statistics().turns
        for client in clients:
            client.say(encode_update(third))
        assert w.hub.statistics().turns == before + 2


async def test_R7_a_character_that_is_taken_at_once_and_breaks_the_document_is_told_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third = keystrokes("abc")

    def break_down(*_: object) -> None:
        raise Poisoned

    async with world() as w:
        ann = await w.joined()
        for update in (first, second):
            ann.say(encode_update(update))
            await turns()
        with monkeypatch.context() as patch:
            patch.setattr(LiveDocument, "apply_strokes", break_down)
            ann.say(encode_update(third))
        await ann.heard(lambda ann: len(w.stored()) == 3)
        assert read_text(LiveDocument(None, w.stored()).state()) == "abc"


async def test_D2_a_y_websocket_client_hears_its_edit_only_after_the_commit() -> None:
    async with world() as w:
        ann, bob = await w.joined(YWS), await w.joined(YWS, "bob")
        w.log.hold()
        ann.text.insert(0, "mine")
        await bob.heard(lambda bob: str(bob.text) == "mine")
        assert "update" not in ann.names
        w.log.release()
        await ann.heard(lambda ann: "update" in ann.names)


async def test_D2_what_follows_a_held_echo_stays_behind_it() -> None:
    async with world() as w:
        ann, bob = await w.joined(YWS), await w.joined(YWS, "bob")
        w.log.hold()
        ann.text.insert(0, "a")
        await bob.heard(lambda bob: str(bob.text) == "a")
        bob.text.insert(1, "b")
        await turns()
        assert str(ann.text) == "a"
        w.log.release_one()
        await ann.heard(lambda ann: str(ann.text) == "ab")
        assert "update" not in bob.names[bob.names.index("update") + 1 :]
        w.log.release()
        await bob.heard(lambda bob: bob.names.count("update") == 2)


async def test_D2_each_echo_waits_for_its_own_commit() -> None:
    async with world() as w:
        ann = await w.joined(YWS)
        w.log.hold()
        for character in "ab":
            ann.text.insert(0, character)
            await turns()
        assert ann.names.count("update") == 0
        w.log.release_one()
        await turns()
        assert ann.names.count("update") == 1
        w.log.release()
        await ann.heard(lambda ann: ann.names.count("update") == 2)


async def test_D2_an_edit_said_again_waits_for_the_commit_of_the_first() -> None:
    async with world() as w:
        ann, bob = await w.joined(HOCUSPOCUS), await w.joined(HOCUSPOCUS, "bob")
        w.log.hold()
        ann.text.insert(0, "once")
        await turns()
        bob.say(encode_update(ann.doc.get_update()))
        saved = bob.names.count("saved")
        await turns()
        assert bob.names.count("saved") == saved
        w.log.release()
        await bob.heard(lambda bob: bob.names.count("saved") == saved + 1)
        assert len(w.stored()) == 1


async def test_D2_a_y_websocket_client_hears_an_edit_said_again() -> None:
    async with world() as w:
        ann = await w.joined(YWS)
        ann.text.insert(0, "once")
        await ann.heard(lambda ann: "update" in ann.names)
        ann.say(encode_update(ann.doc.get_update()))
        await ann.heard(lambda ann: ann.names.count("update") == 2)
        assert len(w.stored()) == 1


async def test_D2_a_y_websocket_client_hears_what_it_typed_before_it_had_the_document() -> None:
    async with world() as w:
        first = keystrokes("base" * 50)
        w.log.rows[PAGE] = [(update, "user:bob") for update in first]
        bob = await w.joined(YWS, "bob")
        bob.text.insert(0, "!")  # so that the answer has a state of before, and an update
        await bob.heard(lambda bob: "update" in bob.names)
        w.log.hold()
        ann = w.client(YWS, client_id=4711)
        ann.text.insert(0, "early")
        await ann.synced()
        await turns()
        assert echoed(ann) == []
        await bob.heard(lambda bob: "early" in str(bob.text))
        w.log.release()
        await ann.heard(lambda ann: echoed(ann) == [(0, 5)])
        assert ann.names.index("step2") < ann.names.index("update")


async def test_D2_a_y_websocket_client_hears_an_edit_said_again_beside_the_news_of_others() -> None:
    async with world() as w:
        ann, bob = await w.joined(YWS, client_id=4711), await w.joined(YWS, "bob")
        ann.text.insert(0, "once")
        await ann.heard(lambda ann: echoed(ann) == [(0, 4)])
        ann.say(encode_update(ann.doc.get_update()))
        bob.text.insert(0, "news")
        await ann.heard(lambda ann: len(echoed(ann)) == 2)
        assert str(ann.text) == str(bob.text)


async def test_D2_a_y_websocket_client_hears_all_of_an_edit_that_is_partly_known() -> None:
    async with world() as w:
        ann = await w.joined(YWS, client_id=4711)
        ann.text.insert(0, "one")
        await ann.heard(lambda ann: echoed(ann) == [(0, 3)])
        ann.disconnect()
        ann.text.insert(3, " two")
        ann.said.clear()
        ann.connect()
        ann.say(encode_update(ann.doc.get_update()))
        await ann.heard(lambda ann: (0, 7) in echoed(ann))


async def test_D2_a_y_websocket_client_hears_an_edit_that_waits_beside_the_news_of_others() -> None:
    async with world() as w:
        ann, bob = await w.joined(YWS, client_id=4711), await w.joined(YWS, "bob")
        ann.say(encode_update(keystrokes("ab", 4711)[1]))
        bob.text.insert(0, "news")
        await ann.heard(lambda ann: echoed(ann) == [(1, 2)])


async def test_R1_an_echo_holds_what_a_client_typed_in_one_turn_only_once() -> None:
    async with world() as w:
        ann, bob = await w.joined(YWS, client_id=4711), await w.joined(YWS, "bob")
        for place, letter in enumerate("abc"):
            ann.text.insert(place, letter)
            bob.text.insert(0, letter)
        await ann.heard(echoed)
        await turns()
        assert echoed(ann) == [(0, 3)]
        assert ann.names.count("update") == bob.names.count("update") == 1


async def test_D2_every_edit_of_a_turn_is_acknowledged_by_itself() -> None:
    async with world() as w:
        ann = await w.joined(HOCUSPOCUS)
        for character in "abc":
            ann.text.insert(0, character)
        assert ann.unsaved == 3
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert len(w.stored()) == 3


async def test_R1_a_turn_leaves_as_one_update() -> None:
    async with world() as w:
        ann, bob = await w.joined(HOCUSPOCUS), await w.joined(HOCUSPOCUS, "bob")
        for index, character in enumerate("abc"):
            ann.text.insert(index, character)
        await bob.heard(lambda bob: str(bob.text) == "abc")
        assert bob.names.count("update") == 1


async def test_R2_a_lone_typist_waits_for_nothing_and_a_crowd_shares_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with world(config=HubConfig(coalesce_max_seconds=0.5)) as w:
        ann = await w.joined(token="ann")
        ann.text.insert(0, "1")
        await turns(3)
        assert len(w.stored()) == 1  # without a timer
        # From now on as if there were a crowd: a rest that no machine is too slow for.
        monkeypatch.setattr(rhythm, "WINDOW_SECONDS_PER_PEER", 0.1)
        bob = await w.joined(token="bob")
        bob.text.insert(0, "2")
        await ann.heard(lambda ann: ann.names.count("update") == 1)
        for character in "345":
            bob.text.insert(0, character)
            await turns(3)
        assert ann.names.count("update") == 1
        await ann.heard(lambda ann: str(ann.text) == "54321")
        assert ann.names.count("update") == 2


async def test_R1_a_lone_edit_is_not_sent_back() -> None:
    async with world() as w:
        ann = await w.joined(HOCUSPOCUS)
        ann.text.insert(0, "a")
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert "update" not in ann.names


async def test_R4_a_joiner_gets_one_state_and_then_everything_after() -> None:
    async with world() as w:
        ann = await w.joined()
        ann.text.insert(0, "before")
        bob = w.client(YWS, "bob")
        ann.text.insert(6, " after")
        await bob.heard(lambda bob: str(bob.text) == "before after")
        assert bob.names.count("step2") == 1
        assert bob.names[0] == "step1"


async def test_R4_joiners_that_come_together_share_one_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as w:
        ann = await w.joined()
        ann.text.insert(0, "large")
        await ann.heard(lambda ann: ann.unsaved == 0)
        encodings = 0

        class Counted(pycrdt.Doc[Any]):
            def get_update(self, state: bytes | None = None) -> bytes:
                nonlocal encodings
                encodings += 1
                return super().get_update(state)

        room = await w.hub.open(PAGE)
        document = LiveDocument(None, w.stored())
        counted = Counted()
        counted.apply_update(w.stored()[0])
        monkeypatch.setattr(document, "_doc", counted)
        monkeypatch.setattr(room, "_document", document)
        joiners = [w.client(token="bob") for _ in range(5)]
        for joiner in joiners:
            await joiner.synced()
        assert encodings == 1
        assert {str(joiner.text) for joiner in joiners} == {"large"}


async def test_D4_an_edit_without_its_dependency_is_kept_and_shows_later() -> None:
    first, second = keystrokes("ab")
    async with world() as w:
        ann = await w.joined(HOCUSPOCUS)
        ann.say(encode_update(second))
        await turns()
        assert w.stored() == [second]
        bob = await w.joined(HOCUSPOCUS, "bob")
        assert str(bob.text) == ""
        bob.say(encode_update(first))
        await ann.heard(lambda ann: str(ann.text) == "ab")
        await bob.heard(lambda bob: str(bob.text) == "ab")  # its sender lacked what had waited for it


async def test_D4_a_waiting_edit_survives_snapshots_and_reopening() -> None:
    first, second = keystrokes("ab")
    async with world(config=HubConfig(snapshot_every_updates=1, room_idle_seconds=0)) as w:
        ann = await w.joined(HOCUSPOCUS)
        ann.say(encode_update(second))
        await turns()
        ann.disconnect()
        await w.hub.sweep()
        assert w.hub.statistics().rooms == {}
        assert w.log.snapshots[PAGE][-1][0] == 1
        bob = await w.joined(HOCUSPOCUS, "bob")
        bob.say(encode_update(first))
        await bob.heard(lambda bob: str(bob.text) == "ab")


async def test_D4_a_snapshot_covers_exactly_its_position() -> None:
    async with world(config=HubConfig(snapshot_every_updates=3)) as w:
        ann = await w.joined()
        for character in "abcd":
            ann.text.insert(0, character)
            await ann.heard(lambda ann: ann.unsaved == 0)
        await turns()
        assert [
            (position, read_text(LiveDocument(state, []).state()))
            for position, state in w.log.snapshots[PAGE]
        ] == [(3, "cba")]


async def test_D4_R7_few_large_edits_make_a_snapshot_due_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "EVERY_BYTES", 1000)
    async with world() as w:
        ann = await w.joined()
        for number in range(5):
            ann.text.insert(0, f"{number}" + "x" * 600)
            await ann.heard(lambda ann: ann.unsaved == 0)
            await turns()
        assert [position for position, _ in w.log.snapshots[PAGE]] == [2, 4]


async def test_D4_a_failed_snapshot_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with world(config=HubConfig(snapshot_every_updates=1, room_idle_seconds=0)) as w:
        w.log.snapshot_error = OSError("disk full")
        ann = await w.joined()
        ann.text.insert(0, "kept")
        await ann.heard(lambda ann: ann.unsaved == 0)
        await turns()
        assert "no snapshot at position 1" in caplog.text
        ann.disconnect()
        await w.hub.sweep()
        bob = await w.joined(token="bob")
        assert str(bob.text) == "kept"


async def test_A2_a_reader_is_refused_and_stays() -> None:
    async with world() as w:
        w.rights.rights["Eve", PAGE] = "read"
        ann = await w.joined()
        readers = [await w.joined(wire, "eve") for wire in (YWS, HOCUSPOCUS)]
        for reader in readers:
            reader.text.insert(0, "graffiti")
        ann.text.insert(0, "clean")
        for reader, verdict in zip(readers, ("denied", "refused"), strict=True):
            await reader.heard(lambda reader, verdict=verdict: verdict in reader.names)
            await reader.heard(lambda reader: "clean" in str(reader.text))
            assert reader.closed is None
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert [read_text(row) for row in w.stored()] == ["clean"]


async def test_A2_a_reader_who_has_nothing_new_is_not_refused() -> None:
    async with world() as w:
        w.rights.rights["Eve", PAGE] = "comment"
        ann = await w.joined()
        ann.text.insert(0, "text")
        ann.text.insert(0, "con")
        del ann.text[0:3]
        await ann.heard(lambda ann: ann.unsaved == 0)
        eve = await w.joined(token="eve")
        await eve.heard(lambda eve: eve.unsaved == 0)
        eve.say(encode_step2(ann.doc.get_update()))
        await eve.heard(lambda eve: eve.names.count("saved") == 2)
        eve.say(encode_update(b"\xff\xff"))
        assert eve.names[-1] == "refused"
        del eve.text[0:2]
        assert eve.names[-1] == "refused"
        eve.say(encode_step2(eve.doc.get_update()))
        assert eve.names[-1] == "refused"


async def test_A5_presence_carries_the_servers_identity() -> None:
    async with world() as w:
        ann = await w.joined(YWS)
        ann.say_presence(ann.doc.client_id, 1, '{"user":{"name":"Root"},"cursor":{"anchor":1}}')
        bob = await w.joined(HOCUSPOCUS, "bob")
        state = presence_of(next(said for said in bob.said if said.name == "presence"))[ann.doc.client_id]
        assert state is not None
        assert state["cursor"] == {"anchor": 1}
        assert isinstance(state["user"], dict)
        assert (state["user"]["id"], state["user"]["name"]) == ("user:ann", "Ann")


async def test_A5_presence_ends_with_its_connection() -> None:
    async with world() as w:
        ann, bob = await w.joined(YWS), await w.joined(HOCUSPOCUS, "bob")
        ann.say_presence(ann.doc.client_id, 1, "{}")
        await bob.heard(lambda bob: "presence" in bob.names)
        ann.disconnect()
        await bob.heard(lambda bob: bob.names.count("presence") == 2)
        assert presence_of(bob.said[-1]) == {ann.doc.client_id: None}


async def test_A5_silence_ends_presence() -> None:
    async with world() as w:
        ann = await w.joined(YWS)
        ann.say_presence(ann.doc.client_id, 1, "{}")
        await turns()
        w.clock.now += 31
        await w.hub.sweep()
        await ann.heard(lambda ann: presence_of(ann.said[-1]) == {ann.doc.client_id: None})
        ann.say(b"\x03")
        assert presence_of(ann.said[-1]) == {}


async def test_A5_malformed_presence_ends_its_connection_only() -> None:
    async with world() as w:
        ann, eve = await w.joined(), await w.joined(YWS, "eve")
        eve.say(encode_presence(b"\x05\x01"))
        assert eve.closed is not None
        assert eve.closed[0] == 4400
        assert ann.closed is None


async def test_R4_nobody_is_answered_after_leaving() -> None:
    async with world() as w:
        ann = await w.joined(YWS)
        said = len(ann.said)
        ann.say(encode_step1(b"\x00"))
        room = await w.hub.open(PAGE)
        ann.disconnect()
        await turns()
        assert len(ann.said) == said
        assert room.statistics().peers == 0


async def test_D1_the_log_has_the_raw_bytes_with_their_author() -> None:
    async with world() as w:
        ann, bob = await w.joined(), await w.joined(YWS, "bob")
        first, second = typed("a", 11), typed("b", 12)
        ann.say(encode_update(first))
        bob.say(encode_update(second))
        await turns()
        assert w.log.rows[PAGE] == [(first, "user:ann"), (second, "user:bob")]


@pytest.mark.parametrize("kind", ["alone", "with another's", "large"])
@pytest.mark.parametrize("is_full", [False, True])
async def test_D2_an_edit_that_another_tab_relays_reaches_its_author_after_the_commit(
    kind: str, *, is_full: bool
) -> None:
    async with world() as w:
        ann, tab, bob = await w.joined(YWS), await w.joined(HOCUSPOCUS), await w.joined(YWS, "bob")
        bob.say_presence(bob.doc.client_id, 1, "{}")
        ann.say_presence(ann.doc.client_id, 1, "{}")
        await turns()
        relayed = typed("said in a tab" + " and on" * (20_000 * (kind == "large")), ann.doc.client_id)
        if kind != "alone":
            relayed = pycrdt.merge_updates(relayed, typed("x", 9))
        w.log.hold()
        tab.say(encode_update(relayed))
        await turns()
        if is_full:
            assert ann.connection is not None
            ann.connection.set_full(True)
            ann.connection.set_full(False)
            await turns()
        assert "update" not in ann.names
        assert ("update" in bob.names) == (kind != "large")
        w.log.release()
        await ann.heard(lambda ann: "said in a tab" in str(ann.text))
        await bob.heard(lambda bob: "said in a tab" in str(bob.text))


@pytest.mark.parametrize("is_late", [False, True], ids=["announced before", "announced behind"])
async def test_D2_what_a_client_sends_again_by_a_new_socket_is_no_receipt_on_its_old_one(
    *, is_late: bool
) -> None:
    async with world() as w:
        old, new = await w.joined(YWS, client_id=77), await w.joined(YWS, client_id=77)
        tab = await w.joined(YWS, client_id=78)
        # What the old socket still brings may come behind what the new one says first.
        for client, clock in ((new, 2), (old, 1)) if is_late else ((old, 1), (new, 2)):
            client.say_presence(77, clock, "{}")
        tab.say_presence(78, 1, "{}")
        await turns()
        w.log.hold()
        new.say(encode_update(typed("again", client_id=77)))
        await tab.heard(lambda tab: str(tab.text) == "again")  # other tabs of theirs wait for nothing
        assert "update" not in old.names
        assert "update" not in new.names
        w.log.release()
        await old.heard(lambda old: str(old.text) == "again")
        await new.heard(lambda new: str(new.text) == "again")


def test_D2_who_wrote_an_update_that_cannot_be_taken_apart_may_be_anybody() -> None:
    peer: Any = None
    assert Signatures([], is_guarded=False).relayed_authors([(peer, b"\x02\xff")]) is None


async def test_D2_edits_of_somebody_who_left_are_committed() -> None:
    async with world() as w:
        ann = await w.joined(YWS)
        w.log.hold()
        ann.text.insert(0, "farewell")
        await turns()
        ann.disconnect()
        w.log.release()
        await turns()
        assert [read_text(row) for row in w.stored()] == ["farewell"]


async def test_R8_a_replica_takes_the_same_door() -> None:
    agent = user("bob")
    async with world() as w:
        ann = await w.joined(YWS)
        async with w.hub.join(PAGE, agent) as replica:
            replica.announce({"cursor": None})
            text = replica.doc.get("text", type=pycrdt.Text)
            text.insert(0, "hello")
            assert await replica.saved() == 1
            await ann.heard(lambda ann: str(ann.text) == "hello")
            ann.text.insert(5, " you")
            await ann.heard(lambda ann: ann.names.count("update") == 2)
            assert str(text) == "hello you"
            replica.doc.apply_update(b"\x00\x00")
            assert await replica.saved() == 1
            await ann.heard(lambda ann: "presence" in ann.names)
            replica.announce(None)
        assert w.log.rows[PAGE][0][1] == "user:bob"


async def test_R4_who_joins_a_large_document_gets_a_state_and_what_came_after_it() -> None:
    async with world() as w:
        ann, bob = await w.joined(HOCUSPOCUS), await w.joined(YWS, "bob")
        ann.text.insert(0, "x" * 1000)
        await bob.heard(lambda bob: len(bob.text) == 1000)
        early = await w.joined(HOCUSPOCUS, "bob")
        ann.text.insert(0, "new: ")
        await bob.heard(lambda bob: len(bob.text) == 1005)
        late = await w.joined(HOCUSPOCUS, "ann")
        states = [next(said.body for said in reader.said if said.name == "step2") for reader in (early, late)]
        assert states[0] == states[1]
        assert str(late.text) == str(early.text) == "new: " + "x" * 1000
        async with w.hub.join(PAGE, user("bob")) as replica:
            assert str(replica.doc.get("text", type=pycrdt.Text)) == str(late.text)


async def test_D8_a_large_document_is_folded_elsewhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(snapshots, "LARGE_BYTES", 100)
    config = HubConfig(snapshot_every_updates=2, room_idle_seconds=0)
    async with world(config=config) as w:
        ann = await w.joined()
        w.log.folded_bytes = 200

        async def type_on(times: int) -> None:
            for _ in range(times):
                ann.text.insert(0, "x" * 100)
                await ann.heard(lambda ann: ann.unsaved == 0)
            await turns()

        await type_on(4)
        assert w.log.folded == [(PAGE, 2), (PAGE, 4)]
        assert PAGE not in w.log.snapshots
        w.log.snapshot_error = OSError("no child")
        await type_on(2)
        assert "no snapshot at position 6" in caplog.text
        w.log.snapshot_error = None
        await type_on(2)
        assert w.log.folded[2:] == [(PAGE, 6), (PAGE, 8)]


async def test_D8_one_fold_of_a_document_is_under_way_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "LARGE_BYTES", 100)
    async with world(config=HubConfig(snapshot_every_updates=1, room_idle_seconds=0)) as w:
        ann = await w.joined()
        w.log.folding.clear()
        for _ in range(5):
            ann.text.insert(0, "x" * 100)
            await ann.heard(lambda ann: ann.unsaved == 0)
        await turns()
        assert w.log.folded == [(PAGE, 1)]
        w.log.folding.set()
        await turns()
        ann.text.insert(0, "y")
        await ann.heard(lambda ann: ann.unsaved == 0)
        await turns()
        assert w.log.folded == [(PAGE, 1), (PAGE, 6)]


async def test_D8_a_document_that_became_small_is_folded_in_the_room_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshots, "LARGE_BYTES", 300)
    async with world(config=HubConfig(snapshot_every_updates=2)) as w:
        ann = await w.joined()
        w.log.folded_bytes = 10
        for size in (200, 200, 20, 20, 200, 200):
            ann.text.insert(0, "x" * size)
            await ann.heard(lambda ann: ann.unsaved == 0)
            await turns()
        assert [position for _, position in w.log.folded] == [2, 6]
        assert [position for position, _ in w.log.snapshots[PAGE]] == [4]


def echoed(client: Client) -> list[tuple[int, int]]:
    """Return the clocks of a client's own structs that came back to it as updates."""
    runs = [run for said in client.said if said.name == "update" for run in read_runs(said.body)]
    return [(first, end) for client_id, first, end in runs if client_id == client.doc.client_id]
