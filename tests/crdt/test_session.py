"""What one socket has said: what is let through, what is held back, what is too much."""

import msgspec
import pytest

from crdt.errors import ProtocolError
from crdt.protocol import (
    Edit,
    Ping,
    QueryPresence,
    SyncStep1,
    Token,
    encode_bytes,
    encode_presence,
    encode_string,
    encode_update,
)
from crdt.session import HOCUSPOCUS, YWS, Session, SessionLimits, Wire

TOKEN = b"\x02\x00" + encode_string("t")
STEP1 = b"\x00\x00\x01\x00"
QUERY = b"\x03"


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


@pytest.mark.parametrize(
    ("limits", "frames", "code"),
    [
        ({"max_frame_bytes": 4}, [on("a", TOKEN)], "frame_too_large"),
        ({"max_presence_bytes": 2}, [on("a", encode_presence(b"\x00\x00\x00"))], "presence_too_large"),
        ({"max_documents": 1}, [on("a", TOKEN), on("b", TOKEN)], "too_many_documents"),
        ({"max_key_characters": 3}, [on("abcd", TOKEN)], "bad_name"),
        ({"max_waiting_bytes": 20}, [on("a", STEP1)] * 4, "too_much_unauthenticated"),
    ],
)
def test_W4_too_much_has_a_code(limits: dict[str, int], frames: list[bytes], code: str) -> None:
    session = Session(HOCUSPOCUS, msgspec.structs.replace(SessionLimits(), **limits))
    for frame in frames[:-1]:
        session.receive(frame)
    with pytest.raises(ProtocolError) as caught:
        session.receive(frames[-1])
    assert caught.value.code == code


def test_W4_what_is_too_much_before_signing_in_is_fine_after_it() -> None:
    session = Session(HOCUSPOCUS, SessionLimits(max_waiting_bytes=20))
    session.receive(on("a", TOKEN))
    session.admit("a")
    edit = on("a", encode_update(b"\x00" * 15))
    assert len(edit) == len(encode_bytes(b"a")) + 18
    for _ in range(3):
        assert len(session.receive(edit)) == 1
