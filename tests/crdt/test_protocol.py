"""The codec of both wires: total, bounded, and the same as lib0's."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt import protocol
from crdt.errors import ProtocolError
from crdt.protocol import (
    MAX_SAFE_INTEGER,
    Edit,
    Leave,
    Message,
    Ping,
    Pong,
    Presence,
    QueryPresence,
    Reader,
    Stateless,
    SyncStep1,
    Token,
    decode_hocuspocus,
    decode_yws,
    document_of,
    encode_bytes,
    encode_number,
    encode_string,
)

SHARED: list[tuple[bytes, Message]] = [
    (b"\x00\x00\x01\x00", SyncStep1(b"\x00")),
    (b"\x00\x01\x02\x00\x00", Edit(b"\x00\x00", is_answer=True)),
    (b"\x00\x02\x02\x00\x00", Edit(b"\x00\x00", is_answer=False)),
    (b"\x01\x01\x00", Presence(b"\x00")),
    (b"\x03", QueryPresence()),
]
HOCUSPOCUS_ONLY: list[tuple[bytes, Message]] = [
    (b"\x02\x00" + encode_string("tökén"), Token("tökén")),
    (b"\x02\x00\x01t" + encode_string("4.8.0"), Token("t")),
    (b"\x05" + encode_string("hi"), Stateless("hi")),
    (b"\x07", Leave()),
]


@pytest.mark.parametrize(("payload", "message"), SHARED)
def test_W1_y_websocket_messages(payload: bytes, message: Message) -> None:
    assert decode_yws(payload) == [message]


def test_W1_a_y_websocket_frame_may_carry_several_messages() -> None:
    assert decode_yws(b"".join(payload for payload, _ in SHARED)) == [message for _, message in SHARED]


@pytest.mark.parametrize(("payload", "message"), SHARED + HOCUSPOCUS_ONLY)
def test_W1_hocuspocus_messages_follow_their_routing_key(payload: bytes, message: Message) -> None:
    key = "page:1\0session"
    assert decode_hocuspocus(encode_string(key) + payload) == (key, message)
    assert document_of(key) == "page:1"


def test_W1_pings_and_pongs_are_one_byte_without_a_key() -> None:
    assert decode_hocuspocus(b"\x09") == ("", Ping())
    assert decode_hocuspocus(b"\x0a") == ("", Pong())


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", "truncated"),
        (b"\x00", "truncated"),
        (b"\x00\x02\x05abc", "truncated"),
        (b"\x80", "truncated"),
        (b"\xff" * 9, "number_too_large"),
        (b"\x80" * 9 + b"\x00", "number_too_large"),
        (b"\x00\x03\x00", "unknown_message"),
        (b"\x02\x00\x00", "unknown_message"),
        (b"\x63", "unknown_message"),
    ],
)
def test_W2_a_malformed_y_websocket_frame_has_a_code(frame: bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_yws(frame)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", "truncated"),
        (b"\x05", "truncated"),
        (b"\x02\xc3\x28\x03", "bad_utf8"),
        (b"\x01p\x02\x02\x00", "unknown_message"),
        (b"\x01p\x06\x00", "unknown_message"),
        (b"\x01p\x08\x01", "unknown_message"),
        (b"\x01p\x03\x00", "trailing_bytes"),
    ],
)
def test_W2_a_malformed_hocuspocus_frame_has_a_code(frame: bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_hocuspocus(frame)
    assert caught.value.code == code


@given(st.binary(max_size=64))
def test_W2_any_bytes_give_messages_or_a_protocol_error(frame: bytes) -> None:
    for decode in (decode_yws, decode_hocuspocus):
        with contextlib.suppress(ProtocolError):
            decode(frame)


@given(st.integers(0, MAX_SAFE_INTEGER), st.binary(max_size=300), st.text(max_size=300))
def test_W2_numbers_bytes_and_strings_come_back(number: int, data: bytes, text: str) -> None:
    try:
        encoded = encode_number(number) + encode_bytes(data) + encode_string(text)
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    reader = Reader(encoded)
    assert (reader.read_number(), reader.read_bytes(), reader.read_string()) == (number, data, text)
    assert reader.is_done


@given(st.binary(max_size=300), st.sampled_from(["", "page:1"]), st.binary(max_size=3))
def test_W2_an_update_is_read_at_once_or_not_at_all(update: bytes, key: str, noise: bytes) -> None:
    prefix = (encode_string(key) if key else b"") + protocol.UPDATE
    frame = prefix + encode_bytes(update)
    assert protocol.read_update(frame, prefix) == update
    assert protocol.read_update(b"x" + frame, prefix) is None
    if noise:
        assert protocol.read_update(frame + noise, prefix) is None
        assert protocol.read_update(frame[: -len(noise)], prefix) is None


def test_W2_a_length_without_an_end_is_no_update() -> None:
    assert protocol.read_update(protocol.UPDATE + b"\xff" * 20, protocol.UPDATE) is None


def test_W1_what_the_server_says() -> None:
    assert protocol.encode_step1(b"\x00") == b"\x00\x00\x01\x00"
    assert protocol.encode_step2(b"\x00\x00") == b"\x00\x01\x02\x00\x00"
    assert protocol.encode_update(b"\x00\x00") == b"\x00\x02\x02\x00\x00"
    assert protocol.encode_presence(b"\x00") == protocol.NO_PRESENCE == b"\x01\x01\x00"
    assert protocol.encode_denied("nö") == b"\x02\x01\x03n\xc3\xb6"
    assert protocol.encode_yws_denied("nö") == b"\x02\x00\x03n\xc3\xb6"
    assert protocol.encode_scope(can_write=True) == b"\x02\x02\x0aread-write"
    assert protocol.encode_scope(can_write=False) == b"\x02\x02\x08readonly"
    assert protocol.encode_sync_status(is_saved=True) == b"\x08\x01"
    assert protocol.encode_sync_status(is_saved=False) == b"\x08\x00"
    assert encode_number(300) == b"\xac\x02"
