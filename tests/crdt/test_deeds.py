"""Taking back what one author did to a document, while others' work stays (rule D8)."""

from collections.abc import Callable, Sequence
from typing import Any

import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt import deeds
from crdt.deeds import Deed, deleted_by, inserted_by, past_of, read_deeds, recall, remember, revert, take_back
from crdt.document import read_snapshot
from crdt.errors import DocumentDamaged
from crdt.history import fold

RUN, ANN, BOB, UNDO = 9, 1, 2, 77
Doc = pycrdt.Doc[Any]
LIGHT = frozenset({"paragraph", "order"})


class Story:
    """Several people at one document; every edit is a row of its log."""

    def __init__(self) -> None:
        self.docs: dict[int, Doc] = {}
        self.rows: list[tuple[bytes, int]] = []

    def edit(self, author: int, change: Callable[[Doc], object], *, is_behind: bool = False) -> None:
        """Let somebody edit what they have, which is all there is unless they are offline."""
        doc = self.docs.setdefault(author, pycrdt.Doc(client_id=author))
        if not is_behind:
            self.follow(author)
        rows: list[bytes] = []
        subscription = doc.observe(lambda event: rows.append(event.update))
        with doc.transaction():
            change(doc)
        subscription.drop()
        self.rows += [(row, author) for row in rows]

    def follow(self, author: int) -> None:
        doc = self.docs.setdefault(author, pycrdt.Doc(client_id=author))
        for row, by in self.rows:
            if by != author:
                doc.apply_update(row)

    def deeds(self, author: int = RUN) -> list[Deed]:
        own = [index for index, (_, by) in enumerate(self.rows) if by == author]
        return read_deeds([], [row for row, _ in self.rows], own)

    def undo(self, author: int = RUN, *, before: Sequence[bytes] = ()) -> Doc:
        """Return the document as it is once everything of somebody's was taken back."""
        reverted = revert(
            [*before, *(row for row, _ in self.rows)], self.deeds(author), light=LIGHT, client_id=UNDO
        )
        doc = self.now()
        assert doc.get_state() == reverted.state_vector
        doc.apply_update(reverted.update)
        assert reverted.is_whole
        return doc

    def now(self) -> Doc:
        doc: Doc = pycrdt.Doc()
        for row, _ in self.rows:
            doc.apply_update(row)
        return doc


def text_of(doc: Doc) -> str:
    return str(doc.get("t", type=pycrdt.Text))


def write(at: int, text: str) -> Callable[[Doc], object]:
    return lambda doc: doc.get("t", type=pycrdt.Text).insert(at, text)


def erase(start: int, end: int) -> Callable[[Doc], object]:
    def change(doc: Doc) -> None:
        del doc.get("t", type=pycrdt.Text)[start:end]

    return change


def test_D8_what_an_author_wrote_goes_and_others_words_in_it_stay() -> None:
    story = Story()
    story.edit(ANN, write(0, "Hello world"))
    story.edit(RUN, write(5, " dear big"))
    story.edit(BOB, write(10, "-and-"))
    assert text_of(story.now()) == "Hello dear-and- big world"
    assert text_of(story.undo()) == "Hello-and- world"


def test_D8_what_an_author_deleted_comes_back_where_it_was() -> None:
    story = Story()
    story.edit(ANN, write(0, "Hello world"))
    story.edit(RUN, erase(6, 11))
    story.edit(RUN, write(6, "there"))
    story.edit(BOB, write(11, "!"))
    assert text_of(story.now()) == "Hello there!"
    assert text_of(story.undo()) == "Hello world!"


def test_D8_what_others_deleted_of_it_meanwhile_stays_deleted() -> None:
    story = Story()
    story.edit(ANN, write(0, "abcdef"))
    story.edit(RUN, erase(0, 3))
    story.edit(BOB, erase(0, 2))
    assert text_of(story.undo()) == "abcf"


def blocks(doc: Doc) -> Any:
    return doc.get("blocks", type=pycrdt.Map)


def test_D8_a_key_gets_its_value_back_unless_somebody_has_set_it_since() -> None:
    story = Story()
    story.edit(ANN, lambda doc: blocks(doc).update({"a": "ann", "b": "ann"}))
    story.edit(ANN, lambda doc: blocks(doc).update({"a": "ann 2"}))
    story.edit(RUN, lambda doc: blocks(doc).update({"a": "run", "b": "run", "c": "run"}))
    story.edit(BOB, lambda doc: blocks(doc).update({"b": "bob"}))
    assert blocks(story.undo()).to_py() == {"a": "ann 2", "b": "bob"}


def add_block(doc: Doc, *lines: str) -> None:
    blocks(doc)["x"] = pycrdt.Map({"type": "text", "order": "a0"})
    blocks(doc)["x"]["content"] = pycrdt.Map()
    blocks(doc)["x"]["content"]["doc"] = pycrdt.XmlFragment()
    for line in lines:
        add_line(doc, line)


def add_line(doc: Doc, line: str, tag: str = "paragraph") -> None:
    children = blocks(doc)["x"]["content"]["doc"].children
    element = children.append(pycrdt.XmlElement(tag))
    if line:
        element.children.append(pycrdt.XmlText(line))


def line_text(doc: Doc, index: int) -> Any:
    return blocks(doc)["x"]["content"]["doc"].children[index].children[0]


def shown(doc: Doc) -> str:
    block = blocks(doc)["x"]
    assert (block["type"], block["order"]) == ("text", "a0")
    return str(block["content"]["doc"])


def test_D8_a_block_goes_whole_where_nobody_has_written_in_it() -> None:
    story = Story()
    story.edit(RUN, lambda doc: add_block(doc, "one", "two"))
    # Editors add empty paragraphs by themselves, and blocks are moved.
    story.edit(BOB, lambda doc: add_line(doc, ""))
    story.edit(BOB, lambda doc: blocks(doc)["x"].update({"order": "a5", "position_x": 5}))
    story.edit(BOB, lambda doc: line_text(doc, 0).format(0, 2, {"bold": {}}))
    assert blocks(story.undo()).to_py() == {}


def test_D8_what_holds_others_words_stays_and_is_emptied_of_the_rest() -> None:
    story = Story()
    story.edit(RUN, lambda doc: add_block(doc, "one", "two"))
    story.edit(BOB, lambda doc: line_text(doc, 1).insert(1, "BOB"))
    assert shown(story.undo()) == "<paragraph>BOB</paragraph>"


@pytest.mark.parametrize("tag", ["image", "hardBreak"])
def test_D8_others_nodes_without_text_stay_too(tag: str) -> None:
    story = Story()
    story.edit(RUN, lambda doc: add_block(doc, "one"))
    story.edit(BOB, lambda doc: add_line(doc, "", tag))
    assert f"<{tag}>" in shown(story.undo())


def test_D8_others_values_keep_what_they_are_in() -> None:
    story = Story()
    story.edit(RUN, lambda doc: blocks(doc).update({"x": pycrdt.Map({"a": "run", "n": 1})}))
    story.edit(RUN, lambda doc: blocks(doc).update({"y": pycrdt.Map({"a": "run"})}))
    story.edit(BOB, lambda doc: blocks(doc)["x"].update({"b": "bob"}))
    story.edit(BOB, lambda doc: blocks(doc)["y"].update({"b": 5}))
    assert blocks(story.undo()).to_py() == {"x": {"a": "run", "n": 1, "b": "bob"}}


def test_D8_a_block_that_was_taken_away_comes_back_with_all_that_was_in_it() -> None:
    story = Story()
    story.edit(ANN, lambda doc: add_block(doc, "one", "two"))
    story.edit(ANN, lambda doc: line_text(doc, 0).insert(0, "number "))
    story.edit(BOB, lambda doc: blocks(doc)["x"].update({"order": "a0"}))
    before = str(blocks(story.now())["x"]["content"]["doc"])

    def replace(doc: Doc) -> None:
        line_text(doc, 1).insert(0, "run")
        del blocks(doc)["x"]

    story.edit(RUN, replace)
    assert shown(story.undo()) == before


def test_D8_undoing_twice_changes_nothing_more_of_what_was_inserted() -> None:
    story = Story()
    story.edit(ANN, write(0, "ab"))
    story.edit(RUN, write(1, "run"))
    undone = story.undo()
    again = revert([undone.get_update()], story.deeds(), client_id=UNDO + 1)
    assert (again.update, again.is_whole) == (b"\0\0", True)


def test_D8_what_was_pruned_is_undone_from_a_kept_past() -> None:
    story = Story()
    story.edit(ANN, write(0, "Hello world"))
    story.edit(RUN, erase(6, 11))
    story.edit(RUN, write(6, "there"))
    pieces = [row for row, _ in story.rows]
    past, done = past_of(pieces), story.deeds()
    folded = read_snapshot(fold(None, pieces))
    story.rows = [(piece, 0) for piece in folded]
    story.edit(BOB, write(11, "!"))
    # The log alone has lost what was deleted.
    pruned = [row for row, _ in story.rows]
    reverted = revert([past, *pruned], done, client_id=UNDO)
    doc = story.now()
    doc.apply_update(reverted.update)
    assert text_of(doc) == "Hello world!"
    lost = story.now()
    lost.apply_update(revert(pruned, done, client_id=UNDO).update)
    assert text_of(lost) == "Hello !"


def test_D8_what_is_typed_is_taken_back_from_a_state_alone() -> None:
    story = Story()
    story.edit(RUN, lambda doc: add_block(doc, "one", "two"))
    story.edit(BOB, lambda doc: line_text(doc, 1).insert(1, "BOB"))
    doc = story.now()
    doc.apply_update(take_back(doc.get_update(), inserted_by(story.deeds()), LIGHT))
    assert shown(doc) == "<paragraph>BOB</paragraph>"
    assert take_back(doc.get_update(), {}) == b"\0\0"


def test_D8_what_deletes_nothing_is_one_deed() -> None:
    story = Story()
    story.edit(ANN, write(0, "Hello"))
    for text in "abc":
        story.edit(RUN, write(0, text))
    story.edit(RUN, erase(0, 5))
    story.edit(RUN, write(0, "d"))
    found = story.deeds()
    assert [(*deed.inserted.values(),) for deed in found] == [([(0, 3)],), (), ([(3, 1)],)]
    assert deleted_by(found) == {ANN: [(0, 2)]}


class Panic(BaseException):
    pass


Panic.__name__ = "PanicException"


@pytest.mark.parametrize("error", [Panic, KeyboardInterrupt])
def test_D8_what_cannot_be_brought_back_keeps_nothing_else(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def fail(*_: object) -> bytes:
        raise error

    story = Story()
    story.edit(ANN, write(0, "Hello world"))
    story.edit(RUN, erase(6, 11))
    story.edit(RUN, write(6, "there"))
    pieces = [row for row, _ in story.rows]
    monkeypatch.setattr(deeds, "undo", fail)
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            revert(pieces, story.deeds(), client_id=UNDO)
        return
    reverted = revert(pieces, story.deeds(), client_id=UNDO)
    doc = story.now()
    doc.apply_update(reverted.update)
    assert (text_of(doc), reverted.is_whole) == ("Hello ", False)


@pytest.mark.parametrize("error", [Panic, KeyboardInterrupt])
def test_D8_an_update_that_breaks_the_document_is_left_out(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    story = Story()
    story.edit(RUN, write(0, "run"))
    poison = b"\x01poison"
    play = deeds.play

    def break_(doc: Doc, waiting: Any, updates: Sequence[bytes]) -> None:
        if poison in updates:
            raise error
        play(doc, waiting, updates)

    def find(pieces: Sequence[bytes]) -> Sequence[bytes]:
        return [poison]

    monkeypatch.setattr(deeds, "play", break_)
    monkeypatch.setattr(deeds, "find_poison", find)
    pieces = [*(row for row, _ in story.rows), poison]
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            past_of(pieces)
        return
    assert text_of(story.now()) == "run"
    assert pycrdt.get_state(past_of(pieces)) == story.now().get_state()


def test_D8_what_others_had_deleted_is_no_deed_of_who_says_it_again() -> None:
    story = Story()
    story.edit(ANN, write(0, "Hello world"))
    story.edit(ANN, erase(0, 6))
    story.edit(RUN, erase(0, 1))
    doc = story.docs[RUN]
    before = doc.get_state()
    doc.get("t", type=pycrdt.Text).insert(0, "run")
    # As a peer says it that has been away: with all that it knows to be deleted.
    story.rows.append((doc.get_update(before), RUN))
    assert deleted_by(story.deeds()) == {ANN: [(6, 1)]}
    ann = [row for row, by in story.rows if by == ANN]
    own = [row for row, by in story.rows if by == RUN]
    assert deleted_by(read_deeds(ann, own, [0, 1])) == {ANN: [(6, 1)]}


def test_D8_what_is_kept_of_rows_is_enough_to_undo_them() -> None:
    story = Story()
    story.edit(ANN, write(0, "Hello world"))
    story.edit(RUN, erase(6, 11))
    story.edit(RUN, lambda doc: blocks(doc).update({"x": "made", "y": pycrdt.Map({"inner": 1})}))
    rows = [row for row, _ in story.rows]
    kept, past, entries = remember(rows[:1], rows[1:], [0, 1])
    assert sorted(entries) == ["blocks/x", "blocks/y"]
    assert past is not None
    state = story.now().get_update()
    reverted = revert([past, state], recall(kept), client_id=UNDO)
    doc = story.now()
    doc.apply_update(reverted.update)
    assert (text_of(doc), blocks(doc).to_py()) == ("Hello world", {})
    # Who deletes nothing of others needs no past.
    assert remember([], rows[:1], [0])[1] is None


def test_D8_a_gap_in_a_row_is_no_deed() -> None:
    story = Story()
    for text in "abc":
        story.edit(RUN, write(0, text))
    rows = [row for row, _ in story.rows]
    assert inserted_by(read_deeds([], [pycrdt.merge_updates(rows[0], rows[2])], [0])) == {
        RUN: [(0, 1), (2, 1)]
    }


def test_D8_damaged_rows_are_told() -> None:
    for damaged in (b"\xff", b"\x01\x01"):
        with pytest.raises(DocumentDamaged):
            read_deeds([], [damaged], [0])
        with pytest.raises(DocumentDamaged):
            read_deeds([damaged], [], [])
        with pytest.raises(DocumentDamaged):
            revert([damaged], [], client_id=UNDO)


AUTHORS = (RUN, ANN, BOB)
LETTERS = {RUN: "R", ANN: "a", BOB: "b"}

steps = st.lists(
    st.tuples(
        st.sampled_from(AUTHORS),
        st.booleans(),
        st.sampled_from(("write", "erase")),
        st.integers(0, 30),
        st.integers(1, 5),
    ),
    min_size=1,
    max_size=25,
)


@given(steps)
def test_D8_undoing_an_author_leaves_everybody_elses_characters(
    story_steps: list[tuple[int, bool, str, int, int]],
) -> None:
    story = Story()
    count = 0
    for author, is_behind, what, at, length in story_steps:
        doc = story.docs.setdefault(author, pycrdt.Doc(client_id=author))
        if not is_behind:
            story.follow(author)
        size = len(text_of(doc))
        at = min(at, size)
        if what == "write":
            text = "".join(chr(0x4E00 + count + n) for n in range(length))
            count += length
            index = len(text_of(doc)[:at].encode())
            story.edit(author, write(index, text), is_behind=is_behind)
        else:
            now = text_of(doc)
            start, end = len(now[:at].encode()), len(now[: at + length].encode())
            if start < end:
                story.edit(author, erase(start, end), is_behind=is_behind)
    with_run = text_of(story.now())
    undone = text_of(story.undo())
    written = {author: _written(story, author) for author in AUTHORS}
    erased_by_others = set[str]()
    for author in (ANN, BOB):
        erased_by_others |= _erased(story, author)
    expected = {
        character
        for author in (ANN, BOB)
        for character in written[author]
        if character not in erased_by_others
    }
    assert set(undone) == expected
    assert len(undone) == len(expected)
    # What was there all the while stands in the order in which it stood.
    stayed = [character for character in with_run if character in expected]
    assert [character for character in undone if character in set(with_run)] == stayed


keys = st.lists(
    st.tuples(
        st.sampled_from(AUTHORS),
        st.sampled_from(("make", "set", "set", "remove")),
        st.sampled_from("xy"),
        st.sampled_from("pq"),
    ),
    min_size=1,
    max_size=14,
)


@given(keys)
def test_D8_undoing_an_author_leaves_what_others_have_set(steps: list[tuple[int, str, str, str]]) -> None:
    story = Story()
    expected: dict[str, dict[str, str]] = {}
    made_by_run: set[str] = set()
    for number, (author, what, block, key) in enumerate(steps):
        value = f"{author}.{number}"
        is_there = block in blocks(story.now())
        if what == "make" and not is_there:
            fields = {"p": value, "t": value}
            story.edit(author, lambda doc: blocks(doc).update({block: pycrdt.Map(fields)}))  # noqa: B023
            if author == RUN:
                made_by_run.add(block)
            else:
                expected[block] = fields
        elif what == "set" and is_there:
            story.edit(author, lambda doc: blocks(doc)[block].update({key: value}))  # noqa: B023
            if author != RUN and block in expected:
                expected[block][key] = value
        elif what == "remove" and is_there:
            story.edit(author, lambda doc: blocks(doc).pop(block))  # noqa: B023
            if author != RUN:
                expected.pop(block, None)
    undone = blocks(story.undo()).to_py()
    # What the run has made is there only for what others have set in it, which is another test's.
    theirs = [found.keys() - made_by_run for found in (undone, expected)]
    assert theirs[0] == theirs[1]
    assert all(undone[block] == expected[block] for block in theirs[0])


def _written(story: Story, author: int) -> set[str]:
    doc: Doc = pycrdt.Doc(skip_gc=True)
    found: set[str] = set()
    for row, by in story.rows:
        before = set(text_of(doc))
        doc.apply_update(row)
        if by == author:
            found |= set(text_of(doc)) - before
    return found


def _erased(story: Story, author: int) -> set[str]:
    doc: Doc = pycrdt.Doc(skip_gc=True)
    found: set[str] = set()
    for row, by in story.rows:
        before = set(text_of(doc))
        doc.apply_update(row)
        if by == author:
            found |= before - set(text_of(doc))
    return found
