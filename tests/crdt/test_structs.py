"""Whose structs an update brings, compared with what pycrdt says and with bytes that are no update."""

import contextlib
import random
from time import process_time
from typing import Any

import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt.errors import ProtocolError
from crdt.protocol import encode_number
from crdt.structs import is_too_deep, read_needs, read_only_client, read_runs
from crdt.waiting import read_state_vector
from tests.crdt.test_document import Edit, edits, write
from tests.crdt.world import keystrokes, typed


@given(edits, st.randoms(use_true_random=False))
def test_A7_the_writers_of_an_update_are_those_of_its_state_vector(
    script: list[Edit], chance: random.Random
) -> None:
    updates = write(script, chance)
    doc = pycrdt.Doc[Any]()
    for update in updates:
        (run,) = read_runs(update) or [None]
        assert run is None or run[0] == read_only_client(update)
        doc.apply_update(update)
    runs = read_runs(doc.get_update())
    assert {client_id: end for client_id, _, end in runs} == read_state_vector(doc.get_state())
    assert all(first == 0 for _, first, _ in runs)


def test_A7_every_kind_of_content_is_passed_over() -> None:
    doc = pycrdt.Doc[Any](client_id=7)
    text, fields = doc.get("text", type=pycrdt.Text), doc.get("fields", type=pycrdt.Map[Any])
    text.insert(0, "é🙂 text", {"bold": True})
    text.insert_embed(0, b"embed")
    fields["any"] = {
        "a": [1, -5_000_000, 2.5, 0.1, None, True, False, "x", b"y", {"deep": [[[]]]}],
        "b": 2**60,
    }
    fields["binary"] = b"bytes"
    fields["gone"] = 1
    del fields["gone"]
    fields["map"] = pycrdt.Map({"array": pycrdt.Array([1, 2, 3])})
    body = doc.get("body", type=pycrdt.XmlFragment)
    body.children.append(pycrdt.XmlElement("p", {"level": "1"}, [pycrdt.XmlText("hi")]))
    fields["doc"] = pycrdt.Doc[Any]()
    assert read_runs(doc.get_update()) == [(7, 0, read_state_vector(doc.get_state())[7])]


def characters(alphabet: str, count: int) -> bytes:
    """Return an update with characters that were all typed before the one before."""
    doc = pycrdt.Doc[Any](client_id=7)
    chance = random.Random(count)
    with doc.transaction():
        text = doc.get("text", type=pycrdt.Text)
        for _ in range(count):
            text.insert(0, chance.choice(alphabet))
    return doc.get_update()


@pytest.mark.parametrize("alphabet", ["a", "aé", "aé東", "aé東🙂", "🙂"])
@pytest.mark.parametrize("count", [1, 64, 65, 66, 300])
def test_R7_many_characters_are_passed_over_together(alphabet: str, count: int) -> None:
    update = characters(alphabet, count)
    doc = pycrdt.Doc[Any]()
    doc.apply_update(update)
    assert read_runs(update) == [(7, 0, read_state_vector(doc.get_state())[7])]
    for size in range(0, len(update), 97):
        with pytest.raises(ProtocolError):
            read_runs(update[:size])


@pytest.mark.parametrize(
    "struct",
    [b"\x00\x75", b"\x0a\x75", b"\x41\x07\x00\x75", b"\x81\x07\x00\x75", b"\xc1\x07\x00\x07\x01\x75"],
    ids=["garbage", "gaps", "before", "after", "between"],
)
def test_R7_what_holds_nothing_costs_no_time(struct: bytes) -> None:
    update = b"\x01" + encode_number(1_000_000) + b"\x07\x00" + struct * 1_000_000 + b"\x00"
    began = process_time()
    assert not is_too_deep(update)
    assert is_too_deep(update[: len(update) // 2])
    assert process_time() - began < 1.0  # a struct at a time takes a second or two


def test_R7_single_characters_cost_no_time() -> None:
    def seconds(update: bytes) -> float:
        began = process_time()
        read_runs(update)
        return process_time() - began

    assert seconds(characters("a", 50_000)) * 5 < seconds(characters("🙂", 50_000))


@pytest.mark.parametrize(
    ("update", "runs"),
    [
        (b"\x00\x00", []),
        (b"\x01\x02\x05\x03\x00\x04\x0a\x02\x00", [(5, 3, 9)]),  # garbage and a gap
        (b"\x01\x01\x05\x00\x02\x01\x01t\x02\x0111\x00".replace(b"11", b"1\x011"), [(5, 0, 2)]),  # JSON
        (
            b"\x01\x01\x05\x00\x28\x00\x05\x01\x01k\x02\x7d\x7f\x7d\xff\x01\x00",
            [(5, 0, 2)],
        ),  # a key of an item
        (
            b"\x01\x01\x05\x00\xc8\x05\x00\x05\x01\x01\x7c\x00\x00\x00\x00\x00",
            [(5, 0, 1)],
        ),  # between two items
    ],
)
def test_A7_structs_that_are_rarely_seen(update: bytes, runs: list[tuple[int, int, int]]) -> None:
    assert read_runs(update) == runs


@pytest.mark.parametrize(
    "update",
    [
        b"",
        typed("abc")[:-4],
        b"\x01\x01\x05\x00\x0c\x01\x01t",  # no such content
        b"\x01\x01\x05\x00\x08\x01\x01t\x01\x01",  # no such value
        b"\x01\x01\x05\x00\x08\x01\x01t\xff\xff\xff\xff\x0f\x75",  # more values than bytes
    ],
)
def test_W2_what_is_no_update_is_a_protocol_error(update: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_runs(update)


@given(st.binary(max_size=60), st.sampled_from(keystrokes("aé🙂")), st.integers(0, 40))
def test_W2_any_bytes_give_runs_or_a_protocol_error(noise: bytes, update: bytes, place: int) -> None:
    for data in (noise, update[:place] + noise + update[place:]):
        with contextlib.suppress(ProtocolError):
            read_runs(data)
        read_only_client(data)


@pytest.mark.parametrize("size", [0, 1, 2, 4, 8])
def test_A7_half_an_update_has_no_only_writer(size: int) -> None:
    update = bytes([1, 0x81, 1]) + b"\xff" * 5 + b"\x01\x00"
    assert read_only_client(update) == 2**36 - 1
    assert read_only_client(update[:size]) is None
    assert read_only_client(bytes([1]) + b"\xff" * 40) is None


def nested(level: bytes, depth: int) -> bytes:
    """Return an update that puts a value of so many levels into an array."""
    head = bytes([1, 1, 5, 0])
    return head + b"\x08\x01\x01a\x01" + level * depth + b"\x7e" + b"\x00"


@pytest.mark.parametrize(
    "level", [b"\x75\x01", b"\x76\x01\x01k", b"\x75\x02\x7e"], ids=["array", "object", "pair"]
)
def test_R7_what_is_nested_too_deeply_is_told_before_pycrdt_sees_it(level: bytes) -> None:
    assert is_too_deep(nested(level, 100_000))
    assert is_too_deep(nested(level, 1001))
    assert not is_too_deep(nested(level, 900))
    # Only the nesting counts.
    assert not is_too_deep(typed("u" * 5000))
    doc = pycrdt.Doc[Any]()
    doc.apply_update(nested(b"\x75\x01", 900))
    assert len(doc.get("a", type=pycrdt.Array[Any])) == 1


def test_A7_several_writers_are_not_one() -> None:
    doc = pycrdt.Doc[Any]()
    for client_id in (3, 4):
        doc.apply_update(typed("x", client_id))
    assert read_only_client(doc.get_update()) is None
    assert read_only_client(typed("x", 3)) == 3
    assert sorted(read_runs(doc.get_update())) == [(3, 0, 1), (4, 0, 1)]


def test_W2_a_struct_that_ends_early_is_a_protocol_error() -> None:
    float64 = typed("a")[:4] + b"\x08\x01\x01t\x01\x7b\x00"
    with pytest.raises(ProtocolError) as caught:
        read_runs(float64)
    assert caught.value.code == "truncated"


def test_what_an_update_goes_on_from_counts_its_own_gaps() -> None:
    characters = keystrokes("x" * 200, 5)
    assert read_needs(pycrdt.merge_updates(*characters)) == [(5, 0)]
    assert read_needs(characters[7]) == [(5, 7)]
    torn = pycrdt.merge_updates(
        *characters[3:90], *characters[95:97], *characters[100:], keystrokes("ab", 6)[1]
    )
    assert sorted(read_needs(torn)) == [(5, 3), (5, 95), (5, 100), (6, 1)]
    assert read_needs(b"\x00\x01\x05\x01\x00\x01") == []
