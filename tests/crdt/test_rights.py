"""Access that stays true while sockets are open: changed rights, ended and renewed tokens."""

from collections.abc import Callable
from typing import Any

import msgspec
import pycrdt
import pytest

from crdt.errors import DocumentRefused, UpdateRefused
from crdt.hub import HubConfig
from crdt.protocol import encode_step2, encode_string, encode_update
from crdt.session import HOCUSPOCUS, YWS, Wire
from tests.crdt.world import PAGE, Client, World, presence_of, turns, typed, user, world

both_wires = pytest.mark.parametrize("wire", [YWS, HOCUSPOCUS], ids=lambda wire: wire.name)


def expiring(w: World, name: str, seconds: float) -> None:
    """Let a token end at that time from now."""
    w.rights.principals[name] = msgspec.structs.replace(user(name), expires_at=w.clock.now + seconds)


def scopes(client: Client) -> list[bytes]:
    return [said.body for said in client.said if said.name == "scope"]


@both_wires
@pytest.mark.parametrize("target", ["user:eve", PAGE])
async def test_A3_whoever_loses_the_right_to_read_is_out(wire: Wire, target: str) -> None:
    async with world() as w:
        ann, eve = await w.joined(), await w.joined(wire, "eve")
        eve.say_presence(eve.doc.client_id, 1, "{}")
        await ann.heard(lambda ann: "presence" in ann.names)
        w.rights.rights["Eve", PAGE] = "none"
        w.hub.review({target})
        await eve.heard(lambda eve: eve.closed or "denied" in eve.names)
        assert eve.closed == (
            (4403, "There is no such document, or you may not read it.") if wire is YWS else None
        )
        await ann.heard(lambda ann: presence_of(ann.said[-1]) == {eve.doc.client_id: None})
        ann.text.insert(0, "secret")
        await ann.heard(lambda ann: ann.unsaved == 0)
        assert str(eve.text) == ""


@both_wires
async def test_A3_a_demoted_writer_reads_on(wire: Wire) -> None:
    async with world() as w:
        ann, eve = await w.joined(), await w.joined(wire, "eve")
        w.rights.rights["Eve", PAGE] = "read"
        w.hub.review({"user:eve"})
        await turns()
        eve.text.insert(0, "no")
        ann.text.insert(0, "yes")
        await eve.heard(lambda eve: "yes" in str(eve.text))
        assert eve.closed is None
        assert [author for _, author in w.log.rows[PAGE]] == ["user:ann"]
        if wire is HOCUSPOCUS:
            assert scopes(eve) == [b"read-write", b"readonly"]


async def test_D2_a_demoted_writer_who_says_it_again_hears_nothing_before_the_commit() -> None:
    async with world() as w:
        eve = await w.joined(HOCUSPOCUS, "eve")
        w.log.hold()
        eve.text.insert(0, "mine")
        await turns()
        w.rights.rights["Eve", PAGE] = "read"
        w.hub.review({"user:eve"})
        await turns()
        saved = eve.names.count("saved")
        eve.say(encode_step2(eve.doc.get_update()))
        await turns()
        assert eve.names.count("saved") == saved
        w.log.release()
        await eve.heard(lambda eve: eve.names.count("saved") == saved + 2)
        assert len(w.stored()) == 1


async def test_A3_a_promoted_reader_writes() -> None:
    async with world() as w:
        w.rights.rights["Eve", PAGE] = "read"
        eve = await w.joined(HOCUSPOCUS, "eve")
        w.rights.rights["Eve", PAGE] = "write"
        w.hub.review({"user:eve"})
        await eve.heard(lambda eve: scopes(eve) == [b"readonly", b"read-write"])
        eve.text.insert(0, "thanks")
        await eve.heard(lambda eve: eve.unsaved == 0)
        assert len(w.stored()) == 1


@both_wires
@pytest.mark.parametrize("is_typing_on", [False, True])
async def test_A3_what_a_reader_was_refused_comes_in_with_the_promotion(
    wire: Wire, *, is_typing_on: bool
) -> None:
    async with world() as w:
        w.rights.rights["Eve", PAGE] = "read"
        eve, bob = await w.joined(wire, "eve"), await w.joined(YWS, "bob")
        for text in ("one ", "two "):
            eve.text.insert(0, text)
        await turns()
        assert str(bob.text) == ""
        w.clock.now += 60
        await w.hub.sweep()
        await turns()
        assert eve.names.count("step1") == 1, "there is no use in asking a reader"
        w.rights.rights["Eve", PAGE] = "write"
        w.hub.review({"user:eve"})
        if is_typing_on:
            await turns(1)
            eve.text.insert(0, "three ")
        await bob.heard(lambda bob: str(bob.text) == str(eve.text))
        eve.text.insert(0, "and on ")
        await bob.heard(lambda bob: str(bob.text) == str(eve.text))
        assert eve.closed is None
        if wire is HOCUSPOCUS:
            await eve.heard(lambda eve: eve.unsaved == 0)


async def test_A3_a_promoted_reader_who_was_refused_nothing_is_asked_nothing() -> None:
    async with world() as w:
        w.rights.rights["Eve", PAGE] = "read"
        eve = await w.joined(YWS, "eve")
        w.rights.rights["Eve", PAGE] = "write"
        w.hub.review({"user:eve"})
        await turns(30)
        assert eve.names.count("step1") == 1


async def test_A3_nobody_else_is_asked() -> None:
    async with world() as w:
        ann = await w.joined()
        w.rights.principals.clear()
        w.hub.review({"user:bob", "page:2"})
        await turns()
        assert "denied" not in ann.names


@both_wires
async def test_A3_an_ended_session_ends_its_sockets(wire: Wire) -> None:
    async with world() as w:
        eve = await w.joined(wire, "eve")
        del w.rights.principals["eve"]
        w.hub.review({"user:eve"})
        await eve.heard(lambda eve: eve.closed or "denied" in eve.names)
        assert w.hub.statistics().rooms[PAGE].peers == 0


@both_wires
async def test_A3_who_cannot_be_decided_on_does_not_stay(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    async with world() as w:
        eve = await w.joined(wire, "eve")
        w.rights.error = OSError("database is down")
        w.hub.review({"user:eve"})
        await eve.heard(lambda eve: eve.closed)
        assert eve.closed == (1013, "The server cannot decide on this now.")
        assert "database is down" in caplog.text


async def test_A3_whoever_leaves_while_being_decided_on_is_left_alone() -> None:
    async with world() as w:
        ann, eve = await w.joined(HOCUSPOCUS), await w.joined(HOCUSPOCUS, "eve")
        w.rights.rights["Eve", PAGE] = "none"
        w.hub.review({"user:eve", "user:ann"})
        ann.disconnect()
        eve.disconnect()
        await turns()
        assert "denied" not in eve.names


async def test_A3_replicas_are_reviewed_too() -> None:
    async with world() as w, w.hub.join(PAGE, user("eve")) as replica:
        w.rights.rights["Eve", PAGE] = "read"
        w.hub.review({"user:eve"})
        await turns()
        replica.doc.apply_update(typed("no"))
        with pytest.raises(UpdateRefused):
            await replica.saved()
        w.hub.review({"user:ann"})
    async with world() as w, w.hub.join(PAGE, user("eve")) as replica:
        w.rights.rights["Eve", PAGE] = "none"
        w.hub.review({PAGE})
        await turns()
        replica.doc.apply_update(typed("no"))
        with pytest.raises((DocumentRefused, UpdateRefused)):
            await replica.saved()


async def test_A4_a_token_is_renewed_in_the_open_connection() -> None:
    async with world() as w:
        expiring(w, "ann", 120)
        ann = await w.joined(HOCUSPOCUS)
        await w.hub.sweep()
        assert "token wanted" not in ann.names
        w.clock.now += 70
        await w.hub.sweep()
        await w.hub.sweep()
        assert ann.names.count("token wanted") == 1
        expiring(w, "ann", 900)
        ann.say(b"\x02\x00" + encode_string("ann"))
        await turns()
        w.clock.now += 60
        await w.hub.sweep()
        assert ann.closed is None
        assert ann.names.count("token wanted") == 1


@both_wires
async def test_A4_a_token_that_is_not_renewed_ends_its_socket(wire: Wire) -> None:
    async with world() as w:
        expiring(w, "ann", 30)
        ann = await w.joined(wire)
        await w.hub.sweep()
        assert ("token wanted" in ann.names) == (wire is HOCUSPOCUS)
        w.clock.now += 30
        await w.hub.sweep()
        assert ann.closed == (4501, "The token has expired.")


async def test_A4_somebody_elses_token_renews_nothing() -> None:
    async with world() as w:
        ann = await w.joined(HOCUSPOCUS)
        ann.say(b"\x02\x00" + encode_string("bob"))
        await ann.heard(lambda ann: "denied" in ann.names)
        assert w.hub.statistics().rooms[PAGE].peers == 0
        ann.say(b"\x02\x00" + encode_string("ann"))
        await ann.heard(lambda ann: ann.names.count("scope") == 2)


def forged(victim: Client, text: str) -> bytes:
    """Return an edit that claims to be the victim's next."""
    twin = pycrdt.Doc[Any](client_id=victim.doc.client_id)
    twin.apply_update(victim.doc.get_update())
    before = twin.get_state()
    twin.get("text", type=pycrdt.Text).insert(0, text)
    return twin.get_update(before)


@both_wires
@pytest.mark.parametrize("encode", [encode_update, encode_step2])
async def test_A7_nobody_writes_as_somebody_who_is_here(wire: Wire, encode: Callable[[bytes], bytes]) -> None:
    async with world() as w:
        ann, eve = await w.joined(), await w.joined(wire, "eve")
        ann.say_presence(ann.doc.client_id, 1, "{}")
        ann.text.insert(0, "ann's")
        await ann.heard(lambda ann: ann.unsaved == 0)
        eve.say(encode(ann.doc.get_update()))  # what is known already is nobody's forgery
        await turns()
        assert eve.closed is None
        eve.say(encode(forged(ann, "eve's ")))
        await eve.heard(lambda eve: eve.closed)
        assert eve.closed == (4400, "The update is written under somebody else's client id.")
        assert [author for _, author in w.log.rows[PAGE]] == ["user:ann"]


async def test_A7_a_forgery_among_ones_own_edits_is_found() -> None:
    async with world() as w:
        ann, eve = await w.joined(), await w.joined(token="eve")
        ann.say_presence(ann.doc.client_id, 1, "{}")
        ann.text.insert(0, "a")
        await eve.heard(lambda eve: str(eve.text) == "a")
        mixed = pycrdt.Doc[Any](client_id=eve.doc.client_id)
        mixed.apply_update(ann.doc.get_update())
        mixed.get("text", type=pycrdt.Text).insert(0, "e")
        mixed.apply_update(forged(ann, "x"))
        eve.say(encode_update(mixed.get_update()))
        await eve.heard(lambda eve: eve.closed)
        assert len(w.stored()) == 1


async def test_A7_what_a_peer_relays_of_somebody_who_is_away_is_taken() -> None:
    async with world() as w:
        ann, bob = await w.joined(), await w.joined(token="bob")
        ann.say_presence(ann.doc.client_id, 1, "{}")
        await turns()
        relayed = forged(ann, "lost in a crash")
        ann.disconnect()
        bob.say(encode_step2(relayed))
        await bob.heard(lambda bob: len(w.stored()) == 1)
        assert bob.closed is None
        assert w.log.rows[PAGE][0][1] == "user:bob|relayed"


async def test_A7_ones_own_other_window_is_no_forger() -> None:
    async with world() as w:
        one, other = await w.joined(), await w.joined(YWS)
        one.say_presence(one.doc.client_id, 1, "{}")
        await turns()
        other.say(encode_update(forged(one, "mine")))
        await one.heard(lambda one: str(one.text) == "mine")
        assert other.closed is None


async def full(w: World, client: Client) -> None:
    """Let a client's socket take nothing more."""
    assert client.connection is not None
    client.connection.set_full(True)
    await turns()


@both_wires
async def test_R3_a_slow_peer_gets_nothing_and_then_one_diff(wire: Wire) -> None:
    async with world() as w:
        ann, slow = await w.joined(), await w.joined(wire, "bob")
        ann.text.insert(0, "a")
        ann.say_presence(ann.doc.client_id, 1, "{}")
        await slow.heard(lambda slow: str(slow.text) == "a" and "presence" in slow.names)
        await full(w, slow)
        said = len(slow.said)
        for character in "bcd":
            ann.text.insert(0, character)
            await turns()
        ann.say_presence(ann.doc.client_id, 2, '{"x":1}')
        await turns()
        assert len(slow.said) == said
        assert slow.connection is not None
        slow.connection.set_full(False)
        await slow.heard(lambda slow: str(slow.text) == "dcba")
        assert slow.names[said:] == ["update", "presence"]
        ann.text.insert(0, "e")
        await slow.heard(lambda slow: str(slow.text) == "edcba")


async def test_D2_what_a_slow_peer_has_missed_is_no_receipt_for_what_it_typed_meanwhile() -> None:
    async with world() as w:
        ann, slow = await w.joined(), await w.joined(YWS, "bob")
        await full(w, slow)
        w.log.hold()
        slow.text.insert(0, "mine")
        ann.text.insert(0, "hers ")
        await turns()
        assert slow.connection is not None
        slow.connection.set_full(False)
        await turns()
        assert "update" not in slow.names
        w.log.release()
        await slow.heard(lambda slow: str(slow.text) == str(ann.text))


@both_wires
async def test_R3_a_slow_peers_own_edits_are_acknowledged(wire: Wire) -> None:
    async with world() as w:
        slow = await w.joined(wire)
        await full(w, slow)
        slow.text.insert(0, "mine")
        await slow.heard(lambda slow: slow.names[-1] == ("update" if wire is YWS else "saved"))
        assert slow.connection is not None
        slow.connection.set_full(False)
        await turns()


async def test_R3_a_joiner_on_a_full_socket_lags_from_its_state_on() -> None:
    async with world() as w:
        ann = await w.joined()
        ann.text.insert(0, "state")
        slow = w.client(HOCUSPOCUS, "bob")
        await full(w, slow)
        await slow.synced()
        said = len(slow.said)
        ann.text.insert(5, " and more")
        await turns()
        assert str(slow.text) == "state"
        assert "update" not in slow.names[said:]
        assert slow.connection is not None
        slow.connection.set_full(True)
        slow.connection.set_full(False)
        await slow.heard(lambda slow: str(slow.text) == "state and more")


async def test_R3_a_peer_that_missed_nothing_or_left_is_sent_nothing() -> None:
    async with world() as w:
        ann, bob = await w.joined(), await w.joined(token="bob")
        for client in (ann, bob):
            await full(w, client)
            assert client.connection is not None
            client.connection.set_full(False)
        bob.disconnect()
        await turns()
        assert "update" not in ann.names
        unsynced = Client(w.hub, HOCUSPOCUS, PAGE, "ann")
        unsynced.connect()
        assert unsynced.connection is not None
        unsynced.connection.set_full(True)
        unsynced.connection.set_full(False)
        await unsynced.synced()
        assert HubConfig().sweep_seconds == 1.0


async def test_R3_a_peer_that_lags_while_its_document_is_rebuilt_gets_all_of_it() -> None:
    async with world() as w:
        ann, slow = await w.joined(client_id=5), await w.joined(YWS, "bob")
        ann.text.insert(0, "all")
        await slow.heard(lambda slow: str(slow.text) == "all")
        room = await w.hub.open(PAGE)
        room._is_rebuilding = True  # pyright: ignore[reportPrivateUsage]
        await full(w, slow)
        room._is_rebuilding = False  # pyright: ignore[reportPrivateUsage]
        assert slow.connection is not None
        slow.connection.set_full(False)
        await slow.heard(lambda slow: "update" in slow.names and slow.said[-2].body == ann.doc.get_update())
