"""Presence: who owns an entry, and what becomes of it."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt.awareness import Announcement, Awareness, color_of, decode_awareness
from crdt.errors import ProtocolError
from crdt.ports import Principal, PrincipalId
from crdt.protocol import encode_number, encode_string
from tests.crdt.world import user

ANN, BOB = user("ann"), user("bob")


def said(*entries: tuple[int, int, str]) -> bytes:
    parts = [
        encode_number(id_) + encode_number(clock) + encode_string(state) for id_, clock, state in entries
    ]
    return encode_number(len(parts)) + b"".join(parts)


def entry(awareness: Awareness, client_id: int) -> Announcement:
    return decode_awareness(awareness.encode([client_id]))[0]


def test_A5_an_entry_belongs_to_the_peer_that_announced_it() -> None:
    awareness, ann, bob = Awareness(), object(), object()
    assert awareness.apply(ann, ANN, said((1, 1, '{"a":1}')), 0) == [1]
    assert awareness.apply(bob, BOB, said((1, 9, '{"a":2}')), 0) == []
    assert awareness.apply(bob, BOB, said((1, 9, "null")), 0) == []
    state = json.loads(entry(awareness, 1).state or b"")
    assert state["a"] == 1
    assert state["user"]["name"] == "Ann"


def test_A5_a_peer_has_one_entry_whatever_it_repeats_of_others() -> None:
    awareness, ann, bob = Awareness(), object(), object()
    awareness.apply(ann, ANN, said((1, 1, "{}")), 0)
    assert awareness.apply(bob, BOB, said((2, 1, "{}"), (1, 1, "{}"), (3, 1, "{}")), 0) == [2]
    assert awareness.present() == [1, 2]


def test_A5_the_user_field_is_the_servers() -> None:
    awareness = Awareness()
    awareness.apply(object(), ANN, said((1, 1, '{"user":{"name":"Root","id":"user:root"},"x":1.50}')), 0)
    state = entry(awareness, 1).state or b""
    assert b"Root" not in state
    assert b'"x":1.50' in state  # the rest stays to the letter
    assert json.loads(state)["user"] == {
        "id": "user:ann",
        "name": "Ann",
        "kind": "user",
        "color": color_of("user:ann"),
        "colorLight": color_of("user:ann") + "33",
        "avatar_url": None,
    }


def test_A5_the_user_field_says_of_a_run_whom_it_acts_for() -> None:
    awareness = Awareness()
    writer = Principal(
        id=PrincipalId("agent:1"), name="Writer", kind="agent", run_id="7", acts_for=PrincipalId("user:ann")
    )
    awareness.apply(object(), writer, said((1, 1, '{"user":{"acts_for":"user:root"}}')), 0)
    user = json.loads(entry(awareness, 1).state or b"")["user"]
    assert (user["kind"], user["run_id"], user["acts_for"]) == ("agent", "7", "user:ann")


def test_A5_only_a_newer_clock_changes_an_entry() -> None:
    awareness, ann = Awareness(), object()
    awareness.apply(ann, ANN, said((1, 5, "{}")), 0)
    assert awareness.apply(ann, ANN, said((1, 4, "{}")), 0) == []
    assert awareness.apply(ann, ANN, said((1, 5, "{}")), 0) == []
    assert awareness.apply(ann, ANN, said((1, 6, "{}")), 0) == [1]
    assert awareness.apply(ann, ANN, said((1, 6, "null")), 0) == [1]
    assert awareness.present() == []
    assert entry(awareness, 1) == Announcement(1, 6, None)


def test_A5_withdrawing_what_was_never_announced_is_nothing() -> None:
    awareness = Awareness()
    assert awareness.apply(object(), ANN, said((1, 1, "null")), 0) == []
    assert awareness.leave(object(), 0) == []


def test_A5_a_reconnect_takes_its_own_entry_over() -> None:
    awareness, old, new = Awareness(), object(), object()
    awareness.apply(old, ANN, said((1, 3, '{"a":1}')), 0)
    assert awareness.apply(new, ANN, said((1, 3, '{"a":2}')), 1) == [1]
    assert awareness.leave(old, 2) == []
    assert awareness.present() == [1]
    assert awareness.leave(new, 3) == [1]


def test_A5_what_is_gone_comes_back_only_by_its_owner() -> None:
    awareness, ann, bob, again = Awareness(), object(), object(), object()
    awareness.apply(ann, ANN, said((1, 3, "{}")), 0)
    assert awareness.leave(ann, 1) == [1]
    assert awareness.apply(bob, BOB, said((1, 3, "{}")), 2) == []
    assert awareness.apply(again, ANN, said((1, 3, "{}")), 2) == [1]


def test_A5_leaving_after_withdrawing_is_told_once() -> None:
    awareness, ann = Awareness(), object()
    awareness.apply(ann, ANN, said((1, 1, "{}")), 0)
    awareness.apply(ann, ANN, said((1, 2, "null")), 0)
    assert awareness.leave(ann, 0) == []


def test_A5_silence_ends_an_entry_and_its_owner_revives_it() -> None:
    awareness, ann = Awareness(), object()
    awareness.apply(ann, ANN, said((1, 1, "{}")), 0)
    assert awareness.expire(30) == []
    assert awareness.expire(31) == [1]
    assert awareness.expire(60) == []
    assert awareness.apply(ann, ANN, said((1, 2, "{}")), 61) == [1]
    assert awareness.expire(92) == [1]
    assert awareness.expire(200) == []
    assert awareness.encode([1]) == b"\x00"
    assert awareness.apply(ann, ANN, said((1, 2, "{}")), 201) == [1]


@pytest.mark.parametrize("state", ["[]", "1", "{", '"x"', " null", "[" * 60_000, '{"a":' * 10_000])
def test_A5_a_state_that_is_no_object_is_malformed(state: str) -> None:
    awareness, ann = Awareness(), object()
    with pytest.raises(ProtocolError):
        awareness.apply(ann, ANN, said((1, 1, state)), 0)
    assert awareness.leave(ann, 0) == []


def test_W2_bytes_behind_the_end_are_malformed() -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_awareness(said((1, 1, "{}")) + b"\x00")
    assert caught.value.code == "trailing_bytes"


@given(st.binary(max_size=64))
def test_W2_any_bytes_give_entries_or_a_protocol_error(update: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        Awareness().apply(object(), ANN, update, 0)
