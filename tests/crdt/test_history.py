"""The past of a document (D8): read back, proven, and brought back without harm to anybody's present."""

import random
from collections.abc import Callable
from typing import Any, cast

import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt import history
from crdt.content import describe, read_content
from crdt.document import LiveDocument, read_snapshot
from crdt.errors import DocumentDamaged
from crdt.history import Restored, covers, document_at, fold, fold_provably, restore
from crdt.protocol import EMPTY_UPDATE
from crdt.rewrite import rewrite
from tests.crdt.test_document import Edit, edits, write
from tests.crdt.world import keystrokes, read_text, typed

RESTORER = 999

Doc = pycrdt.Doc[Any]
Step = tuple[int, int, int, str]
"""What somebody does, where, how much, with what."""

steps = st.lists(
    st.tuples(
        st.integers(0, 13),
        st.integers(0, 30),
        st.integers(1, 4),
        st.sampled_from(["a", "bc", "é", "🙂", "x\ny"]),
    ),
    max_size=30,
)


class Writer:
    """Somebody who edits a document of every kind of content; `updates` are their edits."""

    def __init__(self, client_id: int = 1) -> None:
        self.doc: Doc = pycrdt.Doc(client_id=client_id)
        self.updates: list[bytes] = []
        self._subscription = self.doc.observe(self._note)

    def _note(self, event: pycrdt.TransactionEvent) -> None:
        if event.update != EMPTY_UPDATE:
            self.updates.append(event.update)

    @property
    def text(self) -> pycrdt.Text:
        return self.doc.get("text", type=pycrdt.Text)

    @property
    def fields(self) -> pycrdt.Map[Any]:
        return fields_of(self.doc)

    def play(self, script: list[Step]) -> None:
        for step in script:
            with self.doc.transaction():
                self._take(*step)

    def _take(self, action: int, place: int, count: int, word: str) -> None:
        text, fields = self.text, self.fields
        items = self.doc.get("items", type=pycrdt.Array[Any])
        body = self.doc.get("body", type=pycrdt.XmlFragment)
        offsets = [len(str(text)[:index].encode()) for index in range(len(str(text)) + 1)]
        start = place % len(offsets)
        end = min(start + count, len(offsets) - 1)
        children = len(body.children)
        if action == 0:
            text.insert(offsets[start], word)
        elif action == 1 and end > start:
            del text[offsets[start] : offsets[end]]
        elif action == 2 and end > start:
            text.format(offsets[start], offsets[end], {"bold": True if count % 2 else None})
        elif action == 3:
            fields[f"k{place % 3}"] = word
        elif action == 4:
            inner = {"text": pycrdt.Text(word), "list": pycrdt.Array([word, count])}
            fields[f"k{place % 3}"] = pycrdt.Map[Any](inner)
        elif action == 5:
            fields.pop(f"k{place % 3}", None)
        elif action == 6 and isinstance(nested := fields.get(f"k{place % 3}"), pycrdt.Map):
            nested = cast("pycrdt.Map[Any]", nested)
            nested["text"].insert(0, word)
            nested["list"].append(pycrdt.Map({"word": word}))
        elif action == 7:
            items.insert(place % (len(items) + 1), pycrdt.Map({"w": word}) if count == 1 else word)
        elif action == 8 and len(items):
            del items[place % len(items)]
        elif action == 9:
            paragraph = pycrdt.XmlElement("paragraph", {"level": str(place)}, [pycrdt.XmlText(word)])
            body.children.insert(place % (children + 1), paragraph)
        elif action == 10 and children:
            del body.children[place % children]
        elif action == 11 and children:
            paragraph = body.children[place % children]
            paragraph.attributes["level"] = word
            paragraph.children[0].insert(0, word, {"em": {}} if count % 2 else None)
        elif action == 12 and children:
            body.children[place % children].children.append(pycrdt.XmlElement("br"))
        elif action == 13 and len(fields):
            fields.clear()


def fields_of(doc: Doc) -> pycrdt.Map[Any]:
    return doc.get("fields", type=pycrdt.Map[Any])


def doc_of(*updates: bytes) -> Doc:
    doc: Doc = pycrdt.Doc()
    for update in updates:
        doc.apply_update(update)
    return doc


@given(steps, st.integers(0, 30), st.integers(0, 30))
def test_D8_what_is_restored_is_what_was(script: list[Step], position: int, folded: int) -> None:
    writer = Writer()
    writer.play(script)
    updates = writer.updates
    position = min(position, len(updates))
    folded = min(folded, position)
    snapshot = fold(None, updates[:folded]) if folded else None
    restored = restore(snapshot, updates[folded:position], updates[position:], client_id=RESTORER)
    assert read_content(doc_of(*updates, restored.update)) == read_content(doc_of(*updates[:position]))


@given(edits, st.randoms(use_true_random=False), st.data())
def test_D8_a_log_of_several_writers_is_restored(
    script: list[Edit], chance: random.Random, data: st.DataObject
) -> None:
    updates = write(script, chance)
    position = data.draw(st.integers(0, len(updates)))
    restored = restore(None, updates[:position], updates[position:], client_id=RESTORER)
    assert restored.is_exact
    assert read_content(doc_of(*updates, restored.update)) == read_content(doc_of(*updates[:position]))


@given(steps, st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_D8_restoring_again_and_again_still_gives_what_was(script: list[Step], targets: list[int]) -> None:
    writer = Writer()
    writer.play(script)
    log = writer.updates
    for number, target in enumerate(targets):
        position = min(target, len(log))
        restored = restore(None, log[:position], log[position:], client_id=RESTORER + number)
        log = [*log, restored.update]
        assert read_content(doc_of(*log)) == read_content(doc_of(*log[:position]))


def test_D8_a_value_overwritten_in_what_was_deleted_later_is_written_anew() -> None:
    writer = Writer()
    body = writer.doc.get("body", type=pycrdt.XmlFragment)
    body.children.append(pycrdt.XmlElement("paragraph", {"level": "1"}, [pycrdt.XmlText("text")]))
    earlier = len(writer.updates)
    body.children[0].attributes["level"] = "2"
    del body.children[0]
    restored = restore(None, writer.updates[:earlier], writer.updates[earlier:], client_id=RESTORER)
    assert not restored.is_exact, "pycrdt does it by itself now: a rewrite less"
    now = doc_of(*writer.updates, restored.update).get("body", type=pycrdt.XmlFragment)
    assert str(now) == '<paragraph level="1">text</paragraph>'


@given(steps, st.integers(0, 30), steps)
def test_D8_what_others_do_meanwhile_merges_and_survives(
    script: list[Step], position: int, meanwhile: list[Step]
) -> None:
    writer = Writer()
    writer.text.insert(0, "start")
    writer.play(script)
    updates = list(writer.updates)
    position = min(position + 1, len(updates))
    other = Writer(client_id=2)
    other.doc.apply_update(writer.doc.get_update())
    other.updates.clear()
    other.text.insert(0, "«»")
    other.play([step for step in meanwhile if step[0] == 3])
    restored = restore(None, updates[:position], updates[position:], client_id=RESTORER)
    one = doc_of(*updates, restored.update, *other.updates)
    two = doc_of(*updates, *other.updates, restored.update)
    assert read_content(one) == read_content(two)
    then = str(doc_of(*updates[:position]).get("text", type=pycrdt.Text))
    assert str(one.get("text", type=pycrdt.Text)).replace("«»", "") == then
    assert "«»" in str(one.get("text", type=pycrdt.Text))
    # Of two who set one key at once, one wins: for both the same.
    for key in {f"k{step[1] % 3}" for step in meanwhile if step[0] == 3}:
        theirs, earlier = other.fields.get(key), fields_of(doc_of(*updates[:position])).get(key)
        assert describe(fields_of(one).get(key)) in (describe(theirs), describe(earlier))


@given(steps, steps)
def test_D8_a_document_is_rewritten_into_any_other(script: list[Step], other: list[Step]) -> None:
    one, two = Writer(1), Writer(2)
    one.play(script)
    two.play(other)
    rewrite(one.doc, two.doc)
    assert read_content(doc_of(one.doc.get_update())) == read_content(doc_of(two.doc.get_update()))


def test_D8_a_position_is_read_back_as_it_was() -> None:
    updates = keystrokes("abcdef")
    assert read_text(document_at(None, updates[:2])) == "ab"
    assert read_text(document_at(fold(None, updates[:3]), updates[3:4])) == "abcd"
    with pytest.raises(DocumentDamaged):
        document_at(None, [b"\x01"])


@given(edits, st.randoms(use_true_random=False), st.integers(0, 40))
def test_D8_a_snapshot_is_proven_against_the_rows_it_replaces(
    script: list[Edit], chance: random.Random, folded: int
) -> None:
    updates = write(script, chance)
    previous = fold(None, updates[:folded]) if folded else None
    live = LiveDocument(None, [])
    for update in updates:
        live.apply([update])
    assert covers(live.snapshot(), previous, updates[folded:])
    # Without the last row the proof fails, unless that row changed nothing: two may delete the same.
    shorter = LiveDocument(None, updates[:-1])
    if len(updates) > folded and shorter.apply(updates[-1:]).change is not None:
        assert not covers(fold(previous, updates[folded:-1]), previous, updates[folded:])


def test_D8_a_snapshot_that_forgets_what_waits_proves_nothing() -> None:
    first, _, third = keystrokes("abc")
    assert covers(fold(None, [first, third]), None, [first, third])
    assert not covers(fold(None, [first]), None, [first, third])


def test_D8_a_damaged_snapshot_proves_nothing() -> None:
    rows = keystrokes("abc")
    assert not covers(b"\x05abc", None, rows)
    with pytest.raises(DocumentDamaged):
        covers(fold(None, rows), None, [b"\x01"])


def test_D8_where_nothing_has_changed_there_is_nothing_to_restore() -> None:
    writer = Writer()
    writer.text.insert(0, "ab")
    writer.text.insert(2, "c")
    del writer.text[2:3]
    updates = writer.updates
    assert restore(None, updates, [], client_id=RESTORER) == Restored(EMPTY_UPDATE, is_exact=True)
    assert restore(None, updates[:1], updates[1:], client_id=RESTORER) == Restored(
        EMPTY_UPDATE, is_exact=True
    )


def test_D8_what_was_pruned_between_two_snapshots_comes_back_from_the_older() -> None:
    writer = Writer()
    writer.text.insert(0, "kept lost")
    version = fold(None, writer.updates)
    del writer.text[4:9]
    base = fold(None, writer.updates)
    writer.text.insert(0, "now ")
    restored = restore(version, [], [*read_snapshot(base), writer.updates[-1]], client_id=RESTORER)
    assert restored.is_exact
    assert read_text(doc_of(*writer.updates, restored.update).get_update()) == "kept lost"


def test_D8_damaged_rows_are_not_restored() -> None:
    with pytest.raises(DocumentDamaged):
        restore(None, [b"\x01"], [], client_id=RESTORER)


def test_D8_a_poisoned_update_is_left_out_as_a_room_does() -> None:
    updates = [typed("hé", 5), bytes.fromhex("01010501088001f440600000"), typed("fine", 9)]
    restored = restore(None, updates[:2], updates[2:], client_id=RESTORER)
    live = LiveDocument(None, [*updates, restored.update])
    assert read_text(live.state()) == "hé"


class Panic(BaseException):
    pass


Panic.__name__ = "PanicException"


def nothing(doc: Doc, changes: object) -> bytes:
    return EMPTY_UPDATE


def panic(doc: Doc, changes: object) -> bytes:
    raise Panic


@pytest.mark.parametrize("undo", [nothing, panic])
def test_D8_what_cannot_be_undone_is_written_anew(
    monkeypatch: pytest.MonkeyPatch, undo: Callable[[Doc, object], bytes]
) -> None:
    monkeypatch.setattr(history, "undo", undo)
    updates = keystrokes("abc")
    restored = restore(None, updates[:2], updates[2:], client_id=RESTORER)
    assert not restored.is_exact
    assert read_text(doc_of(*updates, restored.update).get_update()) == "ab"


def test_cancellation_is_no_fault_of_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    updates = keystrokes("abc")
    for name in ("undo", "play"):
        monkeypatch.setattr(history, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            restore(None, updates[:2], updates[2:], client_id=RESTORER)


def test_D8_rewriting_keeps_what_is_equal_and_goes_into_what_is_alike() -> None:
    docs: list[Doc] = []
    for number in (1, 2):
        writer = Writer(client_id=number)
        writer.text.insert(0, "a🙂b" if number == 1 else "a🙂c")
        if number == 2:
            writer.text.insert_embed(1, {"image": "x"})
        writer.fields["same"] = pycrdt.Map({"a": number, "b": pycrdt.Array([1, pycrdt.Map({"n": number})])})
        attributes = {"level": str(number), "same": "s", ("gone" if number == 1 else "new"): "x"}
        paragraph = pycrdt.XmlElement("p", attributes, [pycrdt.XmlText(f"text {number}")])
        body = writer.doc.get("body", type=pycrdt.XmlFragment)
        body.children.append(pycrdt.XmlElement("hr"))
        body.children.append(paragraph)
        if number == 2:
            body.children[1].children[0].attributes["lang"] = "en"
        else:
            writer.doc.get("only here", type=pycrdt.Array[Any]).append(1)
        docs.append(writer.doc)
    current, wanted = docs
    other = Writer(client_id=3)
    other.doc.apply_update(current.get_update())
    other.doc.get("body", type=pycrdt.XmlFragment).children[1].children[0].insert(0, "meanwhile ")
    rewrite(current, wanted)
    assert read_content(doc_of(current.get_update())) == read_content(wanted)
    current.apply_update(other.doc.get_update())
    assert "meanwhile text 2" in str(current.get("body", type=pycrdt.XmlFragment))


def test_D8_rewriting_puts_one_kind_in_the_place_of_another() -> None:
    docs: list[Doc] = []
    for number, items in enumerate((["a", pycrdt.Map({"n": 1}), "z"], [pycrdt.Map({"n": 2}), "b"]), start=1):
        writer = Writer(client_id=number)
        writer.doc.get("items", type=pycrdt.Array[Any]).extend(items)
        body = writer.doc.get("body", type=pycrdt.XmlFragment)
        body.children.append(pycrdt.XmlElement(f"h{number}", {}, [pycrdt.XmlText(f"title {number}")]))
        writer.fields[f"only in {number}"] = number
        writer.fields["same in both"] = "same"
        writer.fields["kind"] = pycrdt.Text("text") if number == 2 else "plain"
        docs.append(writer.doc)
    current, wanted = docs
    # A root that had something once, and has nothing in either.
    emptied = current.get("emptied", type=pycrdt.Text)
    emptied += "gone"
    emptied.clear()
    rewrite(current, wanted)
    assert read_content(doc_of(current.get_update())) == read_content(wanted)


def disprove(*_: object) -> bool:
    return False


def test_D8_a_snapshot_that_proves_wrong_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = keystrokes("abc")
    folded = fold_provably(None, rows)
    assert folded is not None
    assert read_text(document_at(folded, [])) == "abc"
    monkeypatch.setattr(history, "covers", disprove)
    assert fold_provably(None, rows) is None


def test_D8_text_is_the_same_however_it_is_cut() -> None:
    one, two = Writer(1), Writer(2)
    one.text.insert(0, "abcd")
    two.doc.apply_update(one.doc.get_update())
    one.text.format(1, 3, {"bold": True})
    two.text.format(0, 4, {"bold": True})
    one.doc.apply_update(two.doc.get_update())
    assert [chunk for chunk, _ in one.text.diff()] == ["a", "bc", "d"]
    plain = Writer(3)
    plain.text.insert(0, "abc", {"bold": True})
    plain.text.insert(3, "d", {})
    assert read_content(one.doc) == read_content(plain.doc)
