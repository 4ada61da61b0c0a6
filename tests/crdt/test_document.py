"""The document behind a room: D4, whatever order its updates come in."""

import random
import weakref
from itertools import count
from typing import Any

import pycrdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crdt.document import LiveDocument, Poisoned, brings_all
from crdt.errors import DocumentDamaged, ProtocolError
from crdt.poison import find_poison
from crdt.protocol import EMPTY_UPDATE, encode_bytes
from crdt.structs import read_runs
from crdt.waiting import LARGE_BYTES, Waiting, encode_state_vector, find_missing
from tests.crdt.world import keystrokes, read_text, typed

PANIC = bytes.fromhex("01010501088001f440600000")
TRAP = bytes.fromhex("0101050304000501017800")
"""Waits for client 5's third struct, and then names its text for a parent, which it cannot be."""

Edit = tuple[int, int, int, str]
"""Which of three writers, what it does, where, and with what."""

edits = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 4),
        st.integers(0, 20),
        st.sampled_from(["a", "bc", "é", "🙂", "\n"]),
    ),
    max_size=40,
)


def write(script: list[Edit], exchange: random.Random) -> list[bytes]:
    """Let three people write at once, hearing of each other now and then; return all updates as they came."""
    updates: list[bytes] = []
    docs: list[pycrdt.Doc[Any]] = [pycrdt.Doc(client_id=index + 1) for index in range(3)]
    heard = [0, 0, 0]
    muted = [False, False, False]

    def note(index: int, event: pycrdt.TransactionEvent) -> None:
        if not muted[index] and event.update != b"\x00\x00":
            updates.append(event.update)

    subscriptions = [
        doc.observe(lambda event, index=index: note(index, event)) for index, doc in enumerate(docs)
    ]
    for writer, action, place, text in script:
        doc = docs[writer]
        if exchange.random() < 0.5:
            muted[writer] = True
            with doc.transaction():
                for update in updates[heard[writer] :]:
                    doc.apply_update(update)
            muted[writer] = False
            heard[writer] = len(updates)
        written = doc.get("text", type=pycrdt.Text)
        fields = doc.get("fields", type=pycrdt.Map[object])
        body = doc.get("body", type=pycrdt.XmlFragment)
        if action == 0 or len(written) == 0:
            written.insert(len(written), text)
        elif action == 1:
            written.insert(0, text)
        elif action == 2:
            written.clear()
        elif action == 3:
            fields[f"k{place % 3}"] = pycrdt.Map({"text": text, "list": [place, None, True]})
        else:
            body.children.append(
                pycrdt.XmlElement("paragraph", {"level": str(place)}, [pycrdt.XmlText(text)])
            )
    for subscription in subscriptions:
        subscription.drop()
    return updates


Content = tuple[str, object, str]


def read_back(state: bytes) -> bytes:
    """Return a state as an empty document gives it back.

    Which neighbouring structs pycrdt joins depends on where its transactions ended (1 document in 500).
    """
    doc = pycrdt.Doc[Any]()
    doc.apply_update(state)
    return doc.get_update()


def content(doc: LiveDocument | pycrdt.Doc[Any]) -> Content:
    """Return what people see of a document."""
    if isinstance(doc, LiveDocument):
        state, doc = doc.state(), pycrdt.Doc[Any]()
        doc.apply_update(state)
    text, body = doc.get("text", type=pycrdt.Text), doc.get("body", type=pycrdt.XmlFragment)
    return str(text), doc.get("fields", type=pycrdt.Map[object]).to_py(), str(body)


@given(edits, st.randoms(use_true_random=False), st.integers(1, 7), st.integers(0, 40))
def test_D4_snapshot_and_log_give_the_same_bytes(
    script: list[Edit], chance: random.Random, turn: int, fold_after: int
) -> None:
    updates = write(script, chance)
    room = LiveDocument(None, [])
    snapshot, after = None, list[bytes]()
    for start in range(0, len(updates), turn):
        batch = updates[start : start + turn]
        room.apply(batch)
        after += batch
        if snapshot is None and start >= fold_after:
            snapshot, after = room.snapshot(), []
        reopened = LiveDocument(snapshot, after)
        assert read_back(reopened.state()) == read_back(room.state())


@given(edits, st.randoms(use_true_random=False), st.integers(1, 7), st.integers(0, 40))
def test_D4_no_order_of_arrival_loses_anything(
    script: list[Edit], chance: random.Random, turn: int, fold_after: int
) -> None:
    updates = write(script, chance)
    expected = pycrdt.Doc[Any]()
    for update in updates:
        expected.apply_update(update)
    chance.shuffle(updates)
    room, peer = LiveDocument(None, []), pycrdt.Doc[Any]()
    waiting = Waiting(peer)
    snapshot, after = None, list[bytes]()
    for start in range(0, len(updates), turn):
        batch = updates[start : start + turn]
        change = room.apply(batch).change
        after += batch
        if change is not None:
            peer.apply_update(change)
            waiting.settle([change])
        if start >= fold_after and chance.random() < 0.3:
            snapshot, after = room.snapshot(), []
    # Until everything has come, what is shown behind a gap depends on the order of arrival.
    reopened = LiveDocument(snapshot, after)
    assert content(reopened) == content(room) == content(peer) == content(expected)
    assert waiting.updates == []


@given(edits, st.randoms(use_true_random=False), st.integers(1, 5), st.booleans())
def test_R4_a_state_and_what_came_after_it_are_the_document(
    script: list[Edit], chance: random.Random, turn: int, is_shuffled: bool
) -> None:
    updates = [typed("x" * 1000, client_id=9), *write(script, chance)]
    if is_shuffled:
        chance.shuffle(updates)
    room, other = LiveDocument(None, []), LiveDocument(None, [])
    for start in range(0, len(updates), turn):
        room.apply(updates[start : start + turn])
        other.apply(updates[start : start + turn])
        joiner = pycrdt.Doc[Any]()
        for part in room.parts():
            joiner.apply_update(part or EMPTY_UPDATE)
        assert content(joiner) == content(other)


def test_R4_a_large_state_is_not_encoded_anew_for_a_small_change() -> None:
    writer = keystrokes("a" * 20)
    document = LiveDocument(None, [typed("x" * 2000, client_id=9)])
    state, since = document.parts()
    assert since is None
    for update in writer[:2]:
        document.apply([update])
    again, since = document.parts()
    assert again is state
    assert since is not None
    assert content(LiveDocument(None, [state, since])) == content(document)
    for update in writer[2:]:
        document.apply([update])
    again, since = document.parts()
    assert again is not state
    assert since is None


def test_D4_what_waits_survives_snapshot_after_snapshot() -> None:
    first, second, third = keystrokes("abc")
    document = LiveDocument(None, [])
    document.apply([third])
    for _ in range(3):
        document = LiveDocument(document.snapshot(), [])
        assert document.is_waiting(third)
    document.apply([first, second])
    assert read_text(document.state()) == "abc"
    assert document.contains(third)


def test_D4_a_deletion_that_waits_survives_a_snapshot() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    text = doc.get("text", type=pycrdt.Text)
    text += "hello"
    del text[0:2]
    subscription.drop()
    document = LiveDocument(None, [updates[1]])
    assert document.is_waiting(updates[1])
    reopened = LiveDocument(document.snapshot(), [])
    reopened.apply([updates[0]])
    assert read_text(reopened.state()) == "llo"
    assert reopened.contains(updates[1])


def test_D6_damaged_rows_are_an_error() -> None:
    for snapshot, updates in ((b"\xff\xff", []), (None, [typed("a"), b"\x01"])):
        with pytest.raises(DocumentDamaged):
            LiveDocument(snapshot, updates)


def test_W2_an_update_that_cannot_be_read_is_refused_by_its_index() -> None:
    document = LiveDocument(None, [])
    good, bad = typed("a"), typed("a")[:-1]
    applied = document.apply([bad, good, b""])
    assert applied.refused == {0, 2}
    assert applied.change == good
    assert not document.contains(bad)


def test_R7_an_update_that_breaks_half_way_is_named() -> None:
    document = LiveDocument(None, [typed("hé", 5)])
    with pytest.raises(Poisoned):
        document.apply([typed("fine", 9), PANIC])


def test_R7_a_typed_character_that_breaks_half_way_is_told_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("as pycrdt does where it cannot go on")

    document = LiveDocument(None, keystrokes("a"))
    monkeypatch.setattr(document, "_apply_update", break_down)
    with pytest.raises(Poisoned):
        document.apply_strokes([keystrokes("ab")[1]])


@pytest.mark.parametrize(
    ("known", "update"),
    [("", keystrokes("a")[0]), ("ab", keystrokes("ab")[1]), ("a", keystrokes("abc")[2]), ("a", b"\x00\x00")],
    ids=["the first of a text", "known already", "ahead", "no character"],
)
def test_R1_only_a_new_character_next_to_others_is_a_stroke(known: str, update: bytes) -> None:
    document = LiveDocument(None, keystrokes(known))
    before = document.state()
    assert document.apply_strokes([update]) is None
    assert document.state() == before


def test_R1_characters_of_one_turn_are_joined_into_one_update_that_says_the_same() -> None:
    """Typists who type on behind their own and each other's characters, in turns of any size."""
    chance = random.Random(4)
    ids = [3, 7, 300, 70_000]
    typists = {client_id: keystrokes("begun", client_id=client_id) for client_id in ids}
    beginning = [update for updates in typists.values() for update in updates]
    document, told = LiveDocument(None, beginning), LiveDocument(None, beginning)
    docs: dict[int, pycrdt.Doc[Any]] = {}
    typed_now: list[bytes] = []
    for client_id in ids:
        doc = docs[client_id] = pycrdt.Doc(client_id=client_id)
        for update in beginning:
            doc.apply_update(update)

    def press(client_id: int) -> bytes:
        doc = docs[client_id]
        text = doc.get("text", type=pycrdt.Text)
        pressed: list[bytes] = []
        subscription = doc.observe(lambda event: pressed.append(event.update))
        text.insert(chance.randint(1, len(str(text)) - 1), chance.choice("abc"))
        subscription.drop()
        return pressed[0]

    joined = 0
    for _ in range(300):
        typed_now = [press(chance.choice(ids)) for _ in range(chance.randint(1, 9))]
        change = document.apply_strokes(typed_now)
        if change is None:  # between two characters that do not lie beside each other for this typist, say
            change = document.apply(typed_now).change
        else:
            joined += len(typed_now) > 1
        assert change is not None
        told.apply([change])
        for doc in docs.values():
            if chance.random() < 0.7:
                doc.apply_update(document.state())
        assert read_text(told.state()) == read_text(document.state())
    for doc in docs.values():
        doc.apply_update(document.state())
        assert str(doc.get("text", type=pycrdt.Text)) == read_text(document.state())
    assert joined > 200


def test_R1_what_depends_on_another_writers_character_of_the_same_turn_is_not_joined() -> None:
    first, second, third = keystrokes("abc", client_id=1)
    other: pycrdt.Doc[Any] = pycrdt.Doc(client_id=2)
    for update in (first, second, third):
        other.apply_update(update)
    behind: list[bytes] = []
    subscription = other.observe(lambda event: behind.append(event.update))
    text = other.get("text", type=pycrdt.Text)
    text += "d"
    subscription.drop()
    document = LiveDocument(None, [first])
    assert document.apply_strokes([second]) == second  # from here on it is known exactly what is here
    assert document.apply_strokes([third, *behind]) is None
    assert document.apply([third, *behind]).change is not None
    assert read_text(document.state()) == "abcd"


def test_R1_a_character_that_comes_twice_in_a_turn_is_there_once() -> None:
    first, second, third = keystrokes("abc", client_id=1)
    theirs, theirs_behind = keystrokes("xy", client_id=2)
    document = LiveDocument(None, [first])
    # What is here is read anew for the other writer, in the midst of the turn.
    document.apply([theirs])
    assert document.apply_strokes([second, theirs_behind, second]) is None
    document.apply([second, theirs_behind, second, third])
    assert sorted(read_text(document.state())) == ["a", "b", "c", "x", "y"]


def test_R7_the_honest_update_that_meets_a_poisoned_one_is_not_blamed() -> None:
    honest = typed("abc", 5)
    assert find_poison([honest, typed("d", 9), b"unreadable", PANIC]) == {PANIC}
    assert find_poison([TRAP, honest, typed("d", 9)]) == {TRAP}
    assert find_poison([honest, typed("d", 9)]) == set()


def test_R7_a_trap_that_springs_only_when_all_is_loaded_at_once_is_found() -> None:
    # It waits for somebody's character, and deletes the one that the trap is in.
    waits = bytes.fromhex("01010900844d0001780105010101")
    trap = bytes.fromhex("0101050204000501017800")
    honest = [typed("hé", 5), waits]
    assert find_poison([*honest, b"unreadable", trap]) == {trap}
    assert LiveDocument(None, [*honest, trap]).state() == LiveDocument(None, honest).state()
    assert find_poison([*honest, trap, b"unreadable", typed("d", 9)]) == {trap}


def torn(size: int = 1) -> tuple[bytes, bytes, bytes]:
    """Return what client 7 wrote first, the last of what is left of it, and all of it.

    The last begins with garbage, which in all of it is a part of a longer piece: where pycrdt 0.14 has shown
    it behind its gap, and then takes in the whole, it makes states that end there for Yjs.
    """
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=7)
    fields = doc.get("fields", type=pycrdt.Map[Any])
    fields["first"] = "a" * size
    first = doc.get_update()
    fields["second"] = pycrdt.Map({"x": 1, "y": 2, "z": 3})
    del fields["second"]
    fields["third"] = "c" * size
    return first, doc.get_update(encode_state_vector({7: 4})), doc.get_update()


@pytest.mark.parametrize("size", [1, LARGE_BYTES])
def test_D4_what_goes_on_from_what_is_not_here_is_not_shown_before_that_has_come(size: int) -> None:
    first, last, whole = torn(size)
    document = LiveDocument(None, [first])
    assert document.apply([last]).change is None
    assert document.is_waiting(last)
    assert document.state_vector() == LiveDocument(None, [first]).state_vector()
    reopened = LiveDocument(document.snapshot(), [])
    assert reopened.is_waiting(last)
    for each in (document, reopened, LiveDocument(None, [first, last])):
        assert each.apply([whole]).change is not None
        assert read_runs(each.state()) == read_runs(whole)
        assert not each.is_waiting(last)


def test_W2_an_update_from_ahead_that_cannot_be_read_is_refused() -> None:
    second = keystrokes("ab", client_id=7)[1]
    assert LiveDocument(None, []).apply([second[:-1]]).refused == {0}


def behind_a_gap(value: object) -> bytes:
    """Return client 3's second edit, of a root that needs nothing before it."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=3)
    fields = doc.get("fields", type=pycrdt.Map[Any])
    fields["first"] = 1
    before = doc.get_state()
    fields["second"] = value
    return doc.get_update(before)


def test_D4_one_update_tells_of_all_that_a_turn_brought_to_light() -> None:
    first, second = keystrokes("ab", client_id=1)
    # A map with something in it, behind a gap: pycrdt tells of it only when it is tried again.
    nested = bytes.fromhex(
        "010301032701066669656c6473026b3101280001030474657874017702626328000103046c6973740175037c418000007e7800"
    )
    document = LiveDocument(None, [])
    for early in (second, nested):
        assert document.apply([early]).change is None
    change = document.apply([first]).change
    assert change is not None
    assert content(LiveDocument(None, [change])) == content(document)
    assert read_text(change) == "ab"


def test_R4_a_state_that_a_change_behind_a_gap_made_old_is_not_given_again() -> None:
    document = LiveDocument(None, [typed("a" * 1000)])
    document.state()
    assert document.apply([behind_a_gap("x")]).change is None
    assert document.parts() == (document.state(), None)


def test_D6_a_snapshot_that_breaks_is_an_error_and_never_left_out() -> None:
    state = pycrdt.merge_updates(typed("abc", 5), TRAP)
    with pytest.raises(DocumentDamaged):
        LiveDocument(encode_bytes(state), [typed("d", 9)])
    with pytest.raises(DocumentDamaged):
        LiveDocument(encode_bytes(state), [typed("d", 9)], without={state})


def test_D4_a_snapshot_of_what_waits_does_not_grow_by_being_read() -> None:
    early_deletion = bytes([0, 1, 7, 1, 0, 1])
    snapshot = LiveDocument(None, [typed("a", 5), early_deletion]).snapshot()
    document = LiveDocument(snapshot, [])
    assert document.snapshot() == snapshot
    document.apply([typed("bc", 7)])
    assert "b" not in read_text(document.state())


def test_R7_poison_in_the_log_keeps_nobody_out(caplog: pytest.LogCaptureFixture) -> None:
    assert read_text(LiveDocument(None, [TRAP, typed("abc", 5)]).state()) == "abc"
    assert "1 updates in the log break" in caplog.text
    assert read_text(LiveDocument(None, [TRAP], without={TRAP}).state()) == ""


def test_R1_an_update_known_already_is_no_change() -> None:
    document = LiveDocument(None, [typed("a")])
    assert document.apply([typed("a")]).change is None
    assert document.contains(typed("a"))


def test_R5_a_document_that_nobody_holds_any_more_is_gone() -> None:
    document = LiveDocument(None, [typed("a")])
    document.apply([typed("b", 9)])
    gone, behind = weakref.ref(document), weakref.ref(vars(document)["_doc"])
    del document
    assert gone() is None
    assert behind() is None


def test_W2_a_malformed_state_vector_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        LiveDocument(None, []).diff(b"\x05")


def test_cancellation_is_no_fault_of_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(pycrdt.Doc[Any]):
        def apply_update(self, update: bytes) -> None:
            raise KeyboardInterrupt

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    document = LiveDocument(None, [])
    monkeypatch.setattr(document, "_apply_update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        document.apply([typed("a")])
    writing = LiveDocument(None, keystrokes("a"))
    monkeypatch.setattr(writing, "_apply_update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        writing.apply_strokes([keystrokes("ab")[1]])
    monkeypatch.setattr(pycrdt, "Doc", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        LiveDocument(None, [typed("a")])
    with pytest.raises(KeyboardInterrupt):
        find_poison([typed("a")])


def test_cancellation_while_all_is_loaded_at_once_is_no_fault_of_the_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    applied = count()

    class InterruptedLater(pycrdt.Doc[Any]):
        def apply_update(self, update: bytes) -> None:
            if next(applied):
                raise KeyboardInterrupt
            super().apply_update(update)

    monkeypatch.setattr(pycrdt, "Doc", InterruptedLater)
    with pytest.raises(KeyboardInterrupt):
        find_poison([typed("a")])


def type_together(places: list[tuple[int, int, str]], exchange: random.Random) -> list[bytes]:
    """Let three people type single characters anywhere in one text; return their updates as they came."""
    docs = [pycrdt.Doc[Any](client_id=client_id) for client_id in (10, 11, 3_000_000_000)]
    updates: list[bytes] = []
    heard = [0, 0, 0]
    for writer, place, character in places:
        doc = docs[writer]
        if exchange.random() < 0.5:
            for update in updates[heard[writer] :]:
                doc.apply_update(update)
            heard[writer] = len(updates)
        before = doc.get_state()
        text = doc.get("text", type=pycrdt.Text)
        ends = [len(str(text)[:end].encode()) for end in range(len(str(text)) + 1)]
        text.insert(ends[place % len(ends)], character)
        updates.append(doc.get_update(before))
    return updates


places = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 60), st.sampled_from(["a", "\n", "é", "한", "🙂", "bc"])),
    min_size=10,
    max_size=60,
)


@settings(max_examples=400)
@given(places, st.randoms(use_true_random=False), st.integers(1, 9), st.integers(0, 6), st.integers(0, 6))
def test_D4_a_typed_character_counts_as_here_only_where_it_is(
    script: list[tuple[int, int, str]], chance: random.Random, turn: int, swaps: int, repeats: int
) -> None:
    updates = type_together(script, chance)
    expected = LiveDocument(None, updates)
    for _ in range(swaps):
        one, other = chance.randrange(len(updates)), chance.randrange(len(updates))
        updates[one], updates[other] = updates[other], updates[one]
    for _ in range(repeats):  # as clients send what they have typed meanwhile: once more, in one piece
        place = chance.randrange(len(updates))
        until = chance.randint(place, min(place + 6, len(updates)))
        known = LiveDocument(None, updates[:place]).state_vector()
        updates.insert(place, LiveDocument(None, updates[:until]).diff(known))
    room, peer = LiveDocument(None, []), LiveDocument(None, [])
    for start in range(0, len(updates), turn):
        before = room.state()
        change = room.apply(updates[start : start + turn]).change
        assert (change is None) == (room.state() == before)
        if change is not None:
            peer.apply([change])
        known = room.state_vector()
        for update in updates[: start + turn]:
            assert room.is_waiting(update) == (find_missing(update, known) is not None)
    assert content(room) == content(peer) == content(expected) == content(LiveDocument(None, updates))


@pytest.mark.parametrize(
    ("next_to", "missing"),
    [("84 0100", 1), ("44 0200", 2), ("c4 0100 0200", 1), ("c4 0100 0200", 2), ("c4 0100 0200", 3)],
)
def test_D4_a_typed_character_waits_for_what_it_goes_on_from(next_to: str, missing: int) -> None:
    begun = {client_id: typed(str(client_id), client_id) for client_id in (1, 2, 3)}
    late = begun.pop(missing)
    character = bytes.fromhex(f"01 01 03 01 {next_to} 01 7c 00")
    room = LiveDocument(None, list(begun.values()))
    assert room.apply([character]).change is None
    assert room.is_waiting(character)
    room.apply([late])
    assert {*read_text(room.state())} == {*"123|"}
    assert not room.is_waiting(character)


def test_R1_a_character_that_came_with_others_is_no_news() -> None:
    begun, *more = keystrokes("abcd")
    document = LiveDocument(None, [begun])
    together = LiveDocument(None, [begun, *more]).diff(document.state_vector())
    assert document.apply([together]).change == together
    before = document.state()
    assert [document.apply([update]).change for update in more] == [None, None, None]
    assert document.state() == before


def test_D4_a_log_of_what_many_typed_is_read_without_a_look_at_the_document_for_each_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = count()

    class Watched(pycrdt.Doc[Any]):
        def get_state(self) -> bytes:
            next(looks)
            return super().get_state()

    writers = [keystrokes("what I have to say", client_id=client_id) for client_id in range(1, 9)]
    updates = [update for together in zip(*writers, strict=True) for update in together]
    monkeypatch.setattr(pycrdt, "Doc", Watched)
    document = LiveDocument(None, updates)
    for update in keystrokes("and so on", client_id=9):
        document.apply([update])
    # For each writer's first character, which is behind nothing, and for the next of theirs.
    assert next(looks) <= 2 * (len(writers) + 1) + 1


def test_D4_what_still_waits_after_it_was_tried_again_is_kept() -> None:
    first, second = keystrokes("ab", client_id=1)
    theirs, theirs_behind, theirs_last = keystrokes("xyz", client_id=2)
    document = LiveDocument(None, [])
    document.apply([theirs_last, second])
    document.apply([first])
    assert document.is_waiting(theirs_last)
    document.apply([theirs, theirs_behind])
    assert not document.is_waiting(theirs_last)
    assert {*read_text(document.state())} == {*"abxyz"}


def test_D4_a_reader_is_given_the_document_as_it_is() -> None:
    document = LiveDocument(None, [typed("here")])
    assert document.read(lambda doc: str(doc.get("text", type=pycrdt.Text))) == "here"


def test_D2_what_a_change_brings_is_told_however_it_is_put_together() -> None:
    first, second, third = keystrokes("abc")
    document = LiveDocument(None, [first])
    change = document.apply([first, second, third]).change
    assert change is not None
    assert brings_all(change, [second, third])
    assert brings_all(change, [change])
    assert not brings_all(change, [first, second, third])
    assert not brings_all(change, [b"\xff" * 20])
    assert not brings_all(None, [second])


def test_cancellation_is_no_answer_to_what_a_change_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: bytes) -> bytes:
        raise KeyboardInterrupt

    first, second = keystrokes("ab")
    monkeypatch.setattr(pycrdt, "merge_updates", interrupt)
    with pytest.raises(KeyboardInterrupt):
        brings_all(first, [second])
