"""What one socket has said: what is let through, what is held back, what is too much."""

import pytest

from crdt.errors import ProtocolError, TooMuchHeldBack
from crdt.protocol import (
    Edit,
    OneTooMany,
    OversizedEdit,
    Ping,
    QueryPresence,
    SyncStep1,
    Token,
    encode_bytes,
    encode_step1,
    encode_string,
    encode_update,
)
from crdt.session import HOCUSPOCUS, YWS, Session, SessionLimits, Wire

TOKEN = b"\x02\x00" + encode_string("t")
STEP1 = b"\x00\x00\x01\x00"
QUERY = b"\x03"
LEAVE = b"\x07"


def on(document: str, payload: bytes) -> bytes:
    return encode_string(document) + payload


def fresh(wire: Wire = HOCUSPOCUS) -> Session:
    return Session(wire, SessionLimits())


def test_A1_nothing_is_done_before_the_document_is_decided() -> None:
    session = fresh()
    assert session.receive(on("a", STEP1)) == []
    assert session.receive(on("a", TOKEN)) == [("a", Token("t"))]
    assert session.is_deciding("a")
    assert session.receive(on("a", QUERY)) == []
    assert session.receive(on("a", TOKEN)) == []
    assert session.admit("a") == [SyncStep1(b"\x00"), QueryPresence()]
    assert not session.is_deciding("a")
    assert session.receive(on("a", QUERY)) == [("a", QueryPresence())]


def test_W1_the_documents_of_a_socket_are_apart() -> None:
    session = fresh()
    session.receive(on("a", TOKEN))
    session.admit("a")
    assert session.receive(on("b", QUERY)) == []
    assert session.receive(on("a", QUERY)) == [("a", QueryPresence())]
    assert session.receive(on("a\0session", QUERY)) == []


def test_W1_a_ping_needs_no_document() -> None:
    assert fresh().receive(b"\x09") == [("", Ping())]


def test_W1_a_y_websocket_client_has_one_document_and_no_token() -> None:
    session = fresh(YWS)
    session.begin("")
    assert session.receive(STEP1 + QUERY) == []
    assert session.admit("") == [SyncStep1(b"\x00"), QueryPresence()]


def test_A1_after_a_refusal_another_token_may_come() -> None:
    session = fresh()
    session.receive(on("a", TOKEN))
    session.receive(on("a", encode_update(b"\x00\x00")))
    session.deny("a")
    assert session.receive(on("a", TOKEN)) == [("a", Token("t"))]
    assert session.admit("a") == [Edit(b"\x00\x00", is_answer=False)]


def test_W1_leaving_forgets_a_document() -> None:
    session = fresh()
    session.receive(on("a", TOKEN))
    session.leave("a")
    assert not session.is_deciding("a")
    session.leave("a")


def test_W1_a_renewed_token_of_a_joined_document_comes_out() -> None:
    session = fresh()
    session.receive(on("a", TOKEN))
    session.admit("a")
    assert session.receive(on("a", TOKEN)) == [("a", Token("t"))]


def test_W2_a_name_that_nobody_has_is_malformed() -> None:
    session = Session(HOCUSPOCUS, SessionLimits(max_key_characters=3))
    with pytest.raises(ProtocolError) as caught:
        session.receive(on("abcd", TOKEN))
    assert caught.value.code == "bad_name"


def test_W4_too_much_before_signing_in_ends_the_socket() -> None:
    session = Session(HOCUSPOCUS, SessionLimits(max_waiting_bytes=20))
    for _ in range(3):
        session.receive(on("a", STEP1))
    with pytest.raises(TooMuchHeldBack):
        session.receive(on("a", STEP1))


def test_W4_an_edit_in_too_large_a_frame_comes_out_without_what_is_in_it() -> None:
    session = Session(HOCUSPOCUS, SessionLimits(max_frame_bytes=8))
    session.receive(on("a", TOKEN))
    session.admit("a")
    assert session.receive(on("a", encode_update(b"\0" * 3))) == [("a", Edit(b"\0" * 3, is_answer=False))]
    assert session.receive(on("a", encode_update(b"\0" * 4))) == [("a", OversizedEdit(is_answer=False))]
    assert session.receive(on("a", encode_step1(b"\0" * 4))) == [("a", SyncStep1(b"\0" * 4))]


def test_W4_one_document_too_many_is_refused_alone_until_another_is_left() -> None:
    session = Session(HOCUSPOCUS, SessionLimits(max_documents=2))
    session.receive(on("a", TOKEN))
    session.admit("a")
    session.receive(on("b", QUERY))
    assert session.receive(on("c", TOKEN)) == [("c", OneTooMany())]
    assert session.receive(on("c", QUERY)) == []
    assert session.receive(on("a", QUERY)) == [("a", QueryPresence())]
    assert session.receive(on("b", LEAVE)) == []
    assert session.receive(on("c", TOKEN)) == [("c", Token("t"))]


def test_W4_what_is_too_much_before_signing_in_is_fine_after_it() -> None:
    session = Session(HOCUSPOCUS, SessionLimits(max_waiting_bytes=20))
    session.receive(on("a", TOKEN))
    session.admit("a")
    edit = on("a", encode_update(b"\x00" * 15))
    assert len(edit) == len(encode_bytes(b"a")) + 18
    for _ in range(3):
        assert len(session.receive(edit)) == 1


def test_D7_no_edit_comes_out_before_the_step_1_that_a_document_begins_with() -> None:
    session = fresh()
    session.receive(on("a", TOKEN))
    session.receive(on("a", QUERY))
    session.receive(on("a", encode_update(b"\x00\x00")))
    session.receive(on("a", encode_step1(b"\x00")))
    assert session.admit("a", begins_with_step1=True) == [
        SyncStep1(b"\x00"),
        QueryPresence(),
        Edit(b"\x00\x00", is_answer=False),
    ]
    session.receive(on("b", TOKEN))
    session.receive(on("b", QUERY))
    session.receive(on("b", encode_update(b"\x00\x00")))
    assert session.admit("b", begins_with_step1=True) == [QueryPresence()]
    assert session.receive(on("b", QUERY)) == [("b", QueryPresence())]
    assert session.receive(on("b", encode_update(b"\x00\x01"))) == []
    assert session.receive(on("b", encode_step1(b"\x00"))) == [
        ("b", SyncStep1(b"\x00")),
        ("b", Edit(b"\x00\x00", is_answer=False)),
        ("b", Edit(b"\x00\x01", is_answer=False)),
    ]
    assert session.receive(on("b", encode_update(b"\x00\x02"))) == [("b", Edit(b"\x00\x02", is_answer=False))]


def test_D7_W4_so_does_an_edit_in_too_large_a_frame() -> None:
    session = Session(HOCUSPOCUS, SessionLimits(max_frame_bytes=8))
    session.receive(on("a", TOKEN))
    session.receive(on("a", encode_update(b"\0" * 4)))
    assert session.admit("a", begins_with_step1=True) == []
    assert session.receive(on("a", encode_step1(b"\0"))) == [
        ("a", SyncStep1(b"\0")),
        ("a", OversizedEdit(is_answer=False)),
    ]


def test_W4_what_came_out_or_was_left_counts_no_more() -> None:
    session = Session(HOCUSPOCUS, SessionLimits(max_waiting_bytes=20))
    for number in range(20):
        session.receive(on("a", TOKEN))
        session.receive(on("a", STEP1))
        if number % 2:
            session.admit("a")
        session.leave("a")
