"""Ranges of a block's text: made, encoded, and found again after edits."""

import base64
from typing import Any, cast

import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import UnknownBlockError
from blocks.page import BLOCKS, blocks_of
from blocks.positions import Position, Range, decode, encode, locate, make_range, read_text
from crdt.waiting import read_state_vector

B = "b"


def page_of(*lines: str) -> pycrdt.Doc[Any]:
    """Return a page with one block, a rich text with these paragraphs."""
    doc = pycrdt.Doc[Any]()
    doc.get(BLOCKS, type=pycrdt.Map[Any])[B] = pycrdt.Map(
        {"id": B, "type": "text", "content": pycrdt.Map({"doc": pycrdt.XmlFragment()})}
    )
    for line in lines:
        body_of(doc).children.append(pycrdt.XmlElement("paragraph", contents=[pycrdt.XmlText(line)]))
    return doc


def body_of(doc: pycrdt.Doc[Any]) -> pycrdt.XmlFragment:
    return blocks_of(doc)[B]["content"]["doc"]


def line_of(doc: pycrdt.Doc[Any], number: int) -> pycrdt.XmlText:
    paragraph = cast("pycrdt.XmlElement", body_of(doc).children[number])
    return cast("pycrdt.XmlText", paragraph.children[0])


def edit(doc: pycrdt.Doc[Any], number: int, at: int, taken: int, given: str) -> None:
    """Replace so many characters of a line."""
    text = line_of(doc, number)
    words = str(text)
    start, end = (len(words[:index].encode()) for index in (at, at + taken))
    with doc.transaction():
        if end > start:
            del text[start:end]
        if given:
            text.insert(start, given)


def clocks_of(doc: pycrdt.Doc[Any]) -> dict[int, int]:
    return dict(read_state_vector(doc.get_state()))


def where(doc: pycrdt.Doc[Any], ends: tuple[str, str]) -> Range | None:
    before = doc.get_update()
    found = locate(doc, {"x": (B, *ends)})["x"]
    assert doc.get_update() == before, "the document is as it was"
    return found


@pytest.mark.parametrize(
    "position", [Position("item", (2**53 - 1, 2**40), True), Position("type", (0, 0), False)]
)
def test_positions_come_back_from_their_encoding(position: Position) -> None:
    assert decode(encode(position)) == position


@pytest.mark.parametrize(
    "text", ["", "!", "AA", "ä", "AQFhAA", "A" * 200, "AAECAAAA", "gICAgICAgICA", "AgECgA"]
)
def test_what_is_no_position_in_a_text_is_none(text: str) -> None:
    assert decode(text) is None


@given(st.text(max_size=60))
def test_any_text_is_a_position_or_none(text: str) -> None:
    position = decode(text)
    assert position is None or decode(encode(position)) == position


def test_a_range_is_what_was_chosen() -> None:
    doc = page_of("Hällo 😀 world", "second")
    text = read_text(doc, B)
    assert text == "Hällo 😀 world\nsecond"
    for start, end in ((0, 1), (1, 2), (6, 7), (7, 13), (0, len(text)), (8, 16), (14, 15)):
        assert where(doc, make_range(doc, B, start, end)) == Range(start, end, text[start:end])
    # Between the lines there is no text to hold on to.
    assert where(doc, make_range(doc, B, 12, 14)) == Range(12, 13, "d")


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (4, 3), (0, 100), (6, 7)])
def test_a_range_outside_the_text_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="There is no"):
        make_range(page_of("Hello!", "x"), B, start, end)


def test_a_range_grows_inside_and_not_at_its_edges() -> None:
    doc = page_of("one two three")
    ends = make_range(doc, B, 4, 7)
    edit(doc, 0, 7, 0, "X")
    edit(doc, 0, 4, 0, "Y")
    assert where(doc, ends) == Range(5, 8, "two")
    edit(doc, 0, 6, 0, "-")
    assert where(doc, ends) == Range(5, 9, "t-wo")
    edit(doc, 0, 0, 4, "")
    assert where(doc, ends) == Range(1, 5, "t-wo")


def test_a_range_shrinks_with_its_text_and_is_gone_without_it() -> None:
    doc = page_of("one two three", "other")
    ends = make_range(doc, B, 4, 7)
    edit(doc, 0, 3, 2, "")
    assert where(doc, ends) == Range(3, 5, "wo")
    edit(doc, 0, 3, 1, "W")
    assert where(doc, ends) == Range(3, 5, "Wo")
    edit(doc, 0, 3, 2, "")
    assert where(doc, ends) is None
    edit(doc, 0, 0, 3, "ONE")
    assert where(doc, ends) is None


def test_a_range_is_gone_with_its_line_its_block_and_in_another_document() -> None:
    doc = page_of("one two three", "other")
    ends = make_range(doc, B, 4, 7)
    assert where(page_of("one two three"), ends) is None
    del body_of(doc).children[0]
    assert where(doc, ends) is None
    other = make_range(doc, B, 0, 2)
    blocks_of(doc)[B]["deleted_at"] = "2026-01-01T00:00:00Z"
    assert where(doc, other) is None
    with pytest.raises(UnknownBlockError):
        read_text(doc, B)
    assert locate(doc, {"x": ("nowhere", *other), "y": (B, "!", "!")}) == {"x": None, "y": None}


def test_inline_nodes_count_as_one_character() -> None:
    doc = page_of("Hello ")
    paragraph = cast("pycrdt.XmlElement", body_of(doc).children[0])
    paragraph.children.append(pycrdt.XmlElement("mention"))
    paragraph.children.append(pycrdt.XmlText(" and"))
    paragraph.children.append(pycrdt.XmlElement("hardBreak"))
    paragraph.children.append(pycrdt.XmlText("more"))
    text = read_text(doc, B)
    assert text == "Hello \ufffc and\nmore"
    ends = make_range(doc, B, 4, 10)
    assert where(doc, ends) == Range(4, 10, text[4:10])
    assert where(doc, make_range(doc, B, 6, 9)) == Range(7, 9, " a"), "it holds on to text"


def test_positions_of_anything_at_all_hide_no_other_range() -> None:
    doc = page_of("one two three", "other")
    block = blocks_of(doc)[B]
    block["deleted_at"] = "2026-01-01T00:00:00Z"
    del block["deleted_at"]
    blocks_of(doc)["other"] = pycrdt.Map({"id": "other", "content": pycrdt.Map({"list": pycrdt.Array([1])})})
    ends = make_range(doc, B, 4, 7)
    (clock,) = [clock for client, clock in clocks_of(doc).items() if client == doc.client_id]
    positions = [
        encode(Position(kind, (doc.client_id, at), is_behind))
        for at in range(clock + 1)
        for kind in ("item", "type")
        for is_behind in (True, False)
    ]
    wanted = {one: (block_id, one, one) for one in positions for block_id in (B, "other")}
    for some in (wanted, *({one: wanted[one]} for one in positions)):
        assert locate(doc, {**some, "x": (B, *ends)})["x"] == Range(4, 7, "two")


def test_marks_that_hide_each_other_in_many_levels_are_all_left_out() -> None:
    doc = page_of("one two three")
    within = pycrdt.Map[Any]({"a": 1})
    for _ in range(10):
        within = pycrdt.Map[Any]({"a": within})
    blocks_of(doc)["deep"] = within
    clock = clocks_of(doc)[doc.client_id]
    positions = [encode(Position("item", (doc.client_id, at), True)) for at in range(clock)]
    wanted = {one: ("deep", one, one) for one in positions}
    assert set(locate(doc, {**wanted}).values()) == {None}


def test_a_fragment_in_a_line_counts_as_one_character() -> None:
    doc = page_of("Hello")
    position = encode(Position("type", (doc.client_id, 5), False))
    paragraph = base64.urlsafe_b64decode(position + "=" * (-len(position) % 4))[1:-1]
    # One client, one struct, client 1, clock 0: a type that lies in the paragraph and is a fragment; no more.
    doc.apply_update(b"\x01\x01\x01\x00\x07\x00" + paragraph + b"\x04\x00")
    assert read_text(doc, B) == "\ufffcHello"


_EDITS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(0, 4), st.text("aé😀", max_size=3)),
    max_size=12,
)


@given(st.integers(0, 19), st.integers(1, 20), _EDITS, _EDITS)
def test_a_range_is_where_the_characters_went_whatever_two_people_write(
    start: int, length: int, mine: list[tuple[int, int, int, str]], theirs: list[tuple[int, int, int, str]]
) -> None:
    """Capitals are never written again, so the range is from the first to the last one left of it."""
    doc = page_of("ABCDEFGHIJ", "KLMNOPQRST")
    chosen = read_text(doc, B)[start : start + length]
    if not chosen.strip():
        return
    ends = make_range(doc, B, start, min(start + length, 21))
    other = pycrdt.Doc[Any]()
    other.apply_update(doc.get_update())
    for one, edits in ((doc, mine), (other, theirs)):
        for number, at, taken, words in edits:
            edit(one, number, at, taken, words)
    doc.apply_update(other.get_update())
    text, found = read_text(doc, B), where(doc, ends)
    left = [text.index(letter) for letter in chosen.strip() if letter in text and letter != "\n"]
    if left:
        assert found is not None
        assert found.start <= min(left)
        assert found.end > max(left)
        outside = {*"ABCDEFGHIJKLMNOPQRST"} - {*chosen}
        assert not outside & {*found.text}
    if found is not None:
        assert text[found.start : found.end] == found.text
