"""Rich texts changed by few edits, and merged with what others did."""

import time
from collections.abc import Hashable, Sequence
from typing import Any

import msgspec
import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks import text_edits
from blocks.edits import change_fragment, key_of
from blocks.markdown_reader import from_markdown
from blocks.markdown_writer import to_markdown
from blocks.matching import Pair, match_items
from blocks.merging import Overlap, merge_change
from blocks.richtext import attributes_of, doc_of, plain_text, read_fragment
from blocks.tree import Element, Mark, Text, document
from tests.blocks.rich_texts import fragment_of, odd_fragments, odd_trees, patiently, trees


def find(doc: "pycrdt.Doc[Any]") -> pycrdt.XmlFragment:
    return doc.get("body", type=pycrdt.XmlFragment)


def doc_with(markdown: str) -> "pycrdt.Doc[Any]":
    doc = pycrdt.Doc[Any]()
    fragment_of(from_markdown(markdown), doc)
    return doc


def copy_of(doc: "pycrdt.Doc[Any]") -> "pycrdt.Doc[Any]":
    copy = pycrdt.Doc[Any]()
    copy.apply_update(doc.get_update())
    return copy


def shown(doc: "pycrdt.Doc[Any]") -> str:
    return to_markdown(read_fragment(find(doc)))


def text_at(doc: "pycrdt.Doc[Any]", *path: int) -> pycrdt.XmlText:
    node: Any = find(doc)
    for index in path:
        node = node.children[index]
    assert isinstance(node, pycrdt.XmlText)
    return node


@given(st.text("abc", max_size=9), st.text("abc", max_size=9))
def test_a_match_is_the_longest_there_is(before: str, after: str):
    pairs = match_items(before, after)
    assert all(before[place] == after[other] for place, other in pairs)
    assert pairs == sorted(pairs)
    assert len({place for place, _ in pairs}) == len({other for _, other in pairs}) == len(pairs)
    longest = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for row, left in enumerate(before):
        for column, right in enumerate(after):
            longest[row + 1][column + 1] = max(
                longest[row][column + 1], longest[row + 1][column], longest[row][column] + (left == right)
            )
    assert len(pairs) == longest[-1][-1]


def edits_of(fragment: pycrdt.XmlFragment, wanted: Element) -> list[bytes]:
    """Return the edits that make a fragment into a wanted document."""
    updates: list[bytes] = []
    subscription = doc_of(fragment).observe(lambda event: updates.append(event.update))
    change_fragment(fragment, wanted)
    subscription.drop()
    return updates


@patiently
@given(trees() | odd_trees(), trees())
def test_any_text_becomes_any_other_and_the_same_again_is_no_edit(before: Element, wanted: Element):
    fragment = fragment_of(before)
    for tree in (wanted, before, wanted):
        edits_of(fragment, tree)
        assert key_of(read_fragment(fragment)) == key_of(tree)
        assert edits_of(fragment, tree) == []
    assert read_fragment(fragment) == wanted


@patiently
@given(odd_fragments(), trees() | odd_trees())
def test_whatever_was_there_becomes_what_is_wanted(fragment: pycrdt.XmlFragment, wanted: Element):
    assert edits_of(fragment, read_fragment(fragment)) == []
    edits_of(fragment, wanted)
    assert key_of(read_fragment(fragment)) == key_of(wanted)
    assert edits_of(fragment, wanted) == []


@patiently
@given(odd_fragments(), trees())
def test_nothing_is_left_that_is_not_wanted(fragment: pycrdt.XmlFragment, wanted: Element):
    change_fragment(fragment, wanted)
    assert read_fragment(fragment) == wanted


def test_what_is_embedded_in_a_text_does_not_shift_what_is_edited_behind_it():
    doc = doc_with("one two three")
    text = text_at(doc, 0, 0)
    text.insert_embed(3, b"\0\1", {})
    text.insert_embed(8, {"a": 1}, {})
    wanted = read_fragment(find(doc)).content[0]
    assert isinstance(wanted, Element)
    *before, end = wanted.content
    assert end == Text(" three")
    change_fragment(find(doc), document((Element("paragraph", {}, (*before, Text(" four"))),)))
    assert [chunk for chunk, _ in text.diff()] == ["one", b"\0\1", " two", {"a": 1}, " four"]
    change_fragment(find(doc), document((Element("paragraph", {}, (*before[2:], Text(" four"))),)))
    assert [chunk for chunk, _ in text.diff()] == [" two", {"a": 1}, " four"]
    edits_of(find(doc), document((paragraph := Element("paragraph", {}, (*before, Text("é"))),)))
    assert read_fragment(find(doc)) == document((paragraph,))


def test_marks_of_one_type_stand_side_by_side():
    comments = tuple(Mark("comment", {"id": number}) for number in range(3))
    fragment = fragment_of(document((Text("one", comments[:1]), Text(" two", comments[1:2]))))
    for marks in (comments, comments[1:], comments[:2], comments[:1], ()):
        wanted = document((Text("one", marks), Text(" two", comments[1:2])))
        assert len(edits_of(fragment, wanted)) == 1
        assert read_fragment(fragment) == wanted
    (text,) = fragment.children
    assert isinstance(text, pycrdt.XmlText)
    assert text.diff() == [("one", None), (" two", {"comment": {"id": 1}})]


def test_what_no_database_takes_is_read_as_a_replacement_and_stays():
    doc = pycrdt.Doc[Any]()
    node = find(doc).children.append(pycrdt.XmlElement("paragraph", {"a\0": "b\0"}))
    text = node.children.append(pycrdt.XmlText("one \0\0 two"))
    shown = Element("paragraph", {"a\ufffd": "b\ufffd"}, (Text("one \ufffd\ufffd two"),))
    assert read_fragment(find(doc)) == document((shown,))
    assert edits_of(find(doc), document((shown,))) == []
    change_fragment(find(doc), document((Element("paragraph", {}, (Text("one \ufffd\ufffd 2"),)),)))
    assert (str(text), attributes_of(node)) == ("one \0\0 2", [])


def test_a_text_that_nothing_is_in_stays_where_somebody_may_be_typing():
    doc = pycrdt.Doc[Any]()
    find(doc).children.append(pycrdt.XmlElement("paragraph")).children.append(pycrdt.XmlText(""))
    other = copy_of(doc)
    text_at(other, 0, 0).insert(0, "typed")
    change_fragment(find(doc), from_markdown("&nbsp;\n\nnew"))
    doc.apply_update(other.get_update())
    assert shown(doc) == "typed\n\nnew\n"


def test_a_small_change_is_a_small_edit():
    doc = doc_with("\n\n".join(f"paragraph {number} has some words" for number in range(200)))
    before = doc.get_state()
    tree = from_markdown(shown(doc).replace("paragraph 77 has", "paragraph 77 still has 🙂"))
    change_fragment(find(doc), tree)
    assert len(doc.get_update(before)) < 100
    assert read_fragment(find(doc)) == tree


def test_only_marks_that_differ_are_written():
    doc = doc_with("one **two** three")
    text = text_at(doc, 0, 0)
    text.format(0, 3, {"comment--AbCd12+/": {"id": 1}})
    wanted = read_fragment(find(doc))
    (paragraph,) = wanted.content
    assert isinstance(paragraph, Element)
    last = Text(" three", (Mark("italic"),))
    change_fragment(find(doc), document((Element("paragraph", {}, (*paragraph.content[:-1], last)),)))
    assert text.diff() == [
        ("one", {"comment--AbCd12+/": {"id": 1}}),
        (" ", None),
        ("two", {"bold": {}}),
        (" three", {"italic": {}}),
    ]


def test_edits_of_people_merge_with_a_machines():
    human = doc_with("The quick fox jumps.\n\nSecond.")
    machine = copy_of(human)
    text_at(human, 0, 0).insert(len("The quick fox"), " gladly")
    change_fragment(find(machine), from_markdown("The quick brown fox jumps high.\n\nSecond one."))
    human.apply_update(machine.get_update())
    assert shown(human) == "The quick brown fox gladly jumps high.\n\nSecond one.\n"


def test_one_marks_what_another_writes_around():
    human = doc_with("one two three")
    machine = copy_of(human)
    text_at(human, 0, 0).insert(len("one two three"), ", four")
    change_fragment(find(machine), from_markdown("one **two** three"))
    human.apply_update(machine.get_update())
    assert shown(human) == "one **two** three, four\n"


def test_paragraphs_come_and_go_beside_others_that_change():
    lines = [f"line {number}" for number in range(4)]
    one = doc_with("\n\n".join(lines))
    other = copy_of(one)
    change_fragment(find(one), from_markdown("line 0\n\nnew\n\nline 1 changed\n\nline 2\n\nline 3"))
    change_fragment(find(other), from_markdown("line 0\n\nline 1\n\nline 2 too\n\nother\n\nline 3"))
    one.apply_update(other.get_update())
    assert shown(one).split("\n\n") == ["line 0", "new", "line 1 changed", "line 2 too", "other", "line 3\n"]


def test_what_others_wrote_into_a_paragraph_that_is_taken_away_stays():
    base = doc_with("one\n\ntwo three\n\nfour")
    present = copy_of(base)
    text_at(present, 1, 0).insert(3, " HUMAN")
    merge = merge_change(base, present, find, from_markdown("one\n\nfour"))
    present.apply_update(merge.update)
    assert plain_text(read_fragment(find(present))).split() == ["one", "HUMAN", "four"]
    assert merge.overlaps == (Overlap("two three", "", "two HUMAN three"),)


def test_what_is_changed_in_a_paragraph_that_others_took_away_is_written_anew():
    base = doc_with("one\n\ntwo\n\nthree")
    present = copy_of(base)
    del find(present).children[1]
    merge = merge_change(base, present, find, from_markdown("one\n\ntwo and more\n\nthree"))
    present.apply_update(merge.update)
    assert shown(present) == "one\n\ntwo and more\n\nthree\n"
    assert merge.overlaps == (Overlap("two", "two and more", ""),)


def test_what_only_one_changed_is_no_overlap():
    base = doc_with("one\n\ntwo\n\nthree")
    present = copy_of(base)
    text_at(present, 0, 0).insert(0, "HUMAN ")
    merge = merge_change(base, present, find, from_markdown("one\n\ntwo 2\n\nthree"))
    present.apply_update(merge.update)
    assert shown(present) == "HUMAN one\n\ntwo 2\n\nthree\n"
    assert merge.overlaps == ()


_words = st.sampled_from(["alpha", "beta", "gamma", "delta"])
_paragraphs = st.lists(st.lists(_words, min_size=1, max_size=5), min_size=1, max_size=4)


@patiently
@given(_paragraphs, st.data())
def test_nobodys_words_are_lost_whatever_both_do(paragraphs: list[list[str]], data: st.DataObject):
    base = doc_with("\n\n".join(map(" ".join, paragraphs)))
    present = copy_of(base)
    fragment = find(present)
    typed: list[str] = []
    for index in reversed(range(len(fragment.children))):
        action = data.draw(st.sampled_from(["type", "leave", "remove"]))
        if action == "type":
            typed.append(f"HUMAN{index}")
            text = text_at(present, index, 0)
            text.insert(data.draw(st.integers(0, len(text))), f" {typed[-1]} ")
        elif action == "remove":
            del fragment.children[index]
    wanted: list[str] = []
    for index, words in enumerate(paragraphs):
        if data.draw(st.booleans()):
            wanted.append(" ".join([*words[: data.draw(st.integers(0, 5))], f"MACHINE{index}"]))
        elif data.draw(st.booleans()):
            wanted.append(" ".join(words))
    merge = merge_change(base, present, find, from_markdown("\n\n".join(wanted)))
    present.apply_update(merge.update)
    result = plain_text(read_fragment(fragment))
    for word in (*typed, *(word for line in wanted for word in line.split() if word.startswith("MACHINE"))):
        assert word in result


@patiently
@given(_paragraphs, st.data())
def test_what_others_type_meanwhile_survives_where_a_paragraph_goes_on(
    paragraphs: list[list[str]], data: st.DataObject
):
    names = ["elephants", "mountains", "whirlwind", "pumpkins"]
    human = doc_with(
        "\n\n".join(" ".join([name, *words]) for name, words in zip(names, paragraphs, strict=False))
    )
    machine = copy_of(human)
    for index in range(len(paragraphs)):
        text = text_at(human, index, 0)
        text.insert(data.draw(st.integers(0, len(text))), f" HUMAN{index} ")
    wanted = [
        " ".join([names[index], *(word if data.draw(st.booleans()) else f"MACHINE{index}" for word in words)])
        for index, words in enumerate(paragraphs)
    ]
    change_fragment(find(machine), from_markdown("\n\n".join(wanted)))
    update = machine.get_update()
    machine.apply_update(human.get_update())
    human.apply_update(update)
    assert shown(human) == shown(machine)
    lines = plain_text(read_fragment(find(human))).split("\n")
    assert len(lines) == len(paragraphs)
    for index, line in enumerate(lines):
        assert f"HUMAN{index}" in line
        assert line.count(f"MACHINE{index}") == wanted[index].count(f"MACHINE{index}")


def test_ten_writers_with_one_stale_base_lose_nobodys_words():
    base = doc_with("\n\n".join(f"paragraph {number} has its words" for number in range(5)))
    present = copy_of(base)
    for writer in range(10):
        text_at(present, writer % 5, 0).insert(9, f"HUMAN{writer} ")
        wanted = from_markdown(
            shown(base).replace(f"{writer % 5} has", f"{writer % 5} WRITER{writer} has") + f"\nNEW{writer}"
        )
        present.apply_update(merge_change(base, present, find, wanted).update)
    result = shown(present)
    for writer in range(10):
        for word in (f"HUMAN{writer}", f"WRITER{writer}", f"NEW{writer}"):
            assert word in result


def test_a_small_change_of_a_million_characters_looks_at_few_words(monkeypatch: pytest.MonkeyPatch):
    looked_at: list[int] = []

    def match(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Pair]:
        looked_at.extend((len(before), len(after)))
        return match_items(before, after)

    monkeypatch.setattr(text_edits, "match_items", match)
    words = "word " * 100_000
    bold = Text(words + "end", (Mark("bold"),))
    fragment = fragment_of(document((Element("paragraph", {}, (Text(words), bold)),)))
    state = doc_of(fragment).get_state()
    changed = (Text(words + "a new "), msgspec.structs.replace(bold, text=words + "END"))
    wanted = document((Element("paragraph", {}, changed),))
    change_fragment(fragment, wanted)
    assert read_fragment(fragment) == wanted
    assert len(doc_of(fragment).get_update(state)) < 100
    # Each "word " is two words: those between the two changes are looked through, the ends are not.
    assert max(looked_at) < 200_020
    looked_at.clear()
    wanted = document((Element("paragraph", {}, (changed[0], Text(words + "END.", bold.marks))),))
    change_fragment(fragment, wanted)
    assert read_fragment(fragment) == wanted
    assert looked_at == [1, 2]


@given(st.text("ab \U0001f642", max_size=30), st.text("ab \U0001f642", max_size=30))
def test_words_are_changed_alike_however_long_they_may_be(before: str, after: str):
    """What both begin and end with is left alone by whole words, or by parts of very long ones."""
    for long_word in (text_edits.LONG_WORD, 3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_edits, "LONG_WORD", long_word)
            fragment = fragment_of(document((Text(before), Element("end"))))
            change_fragment(fragment, document((Text(after), Element("end"))))
            assert plain_text(read_fragment(fragment)) == plain_text(document((Text(after),)))


def test_large_texts_are_changed_in_bounded_time():
    blocks = [f"paragraph {number} of many" for number in range(3000)]
    million = "word " * 200_000
    doc = doc_with("\n\n".join([*blocks, million]))
    start = time.process_time()
    change_fragment(
        find(doc), from_markdown("\n\n".join([*(block + "!" for block in blocks), "x " + million]))
    )
    assert time.process_time() - start < 60
    assert shown(doc).count("!") == 3000
