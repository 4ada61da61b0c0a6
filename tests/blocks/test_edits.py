"""Rich texts changed by few edits, and merged with what others did."""

import time
from typing import Any

import pycrdt
from hypothesis import given
from hypothesis import strategies as st

from blocks.edits import change_fragment
from blocks.markdown_reader import from_markdown
from blocks.markdown_writer import to_markdown
from blocks.matching import match_items
from blocks.merging import Overlap, merge_change
from blocks.richtext import plain_text, read_fragment
from blocks.tree import Element, Mark, Text, document
from tests.blocks.rich_texts import fragment_of, odd_fragments, patiently, trees


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


@patiently
@given(trees(), trees())
def test_a_fragment_becomes_what_is_wanted(before: Element, wanted: Element):
    fragment = fragment_of(before)
    change_fragment(fragment, wanted)
    assert read_fragment(fragment) == wanted


@patiently
@given(odd_fragments(), trees())
def test_whatever_was_there_becomes_what_is_wanted(fragment: pycrdt.XmlFragment, wanted: Element):
    change_fragment(fragment, wanted)
    assert read_fragment(fragment) == wanted


@patiently
@given(trees())
def test_what_stays_the_same_is_not_touched(tree: Element):
    doc = pycrdt.Doc[Any]()
    fragment = fragment_of(tree, doc)
    state = doc.get_state()
    change_fragment(fragment, read_fragment(fragment))
    assert doc.get_state() == state


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
