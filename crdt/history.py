"""What the log's rows say about the past (rule D8): a document at a position, a proof, and the way back.

Pure functions over bytes: no loop, no store. They take as long as the document is large, and hold the
interpreter all the while, so a server runs them in another process.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, cast

import msgspec
import pycrdt

from crdt.content import read_content
from crdt.document import LiveDocument, read_snapshot
from crdt.errors import DocumentDamaged
from crdt.poison import find_poison, is_fault
from crdt.protocol import EMPTY_UPDATE, encode_number
from crdt.rewrite import rewrite
from crdt.waiting import Deletions, Waiting, read_deletions, read_state_vector


class Restored(msgspec.Struct, frozen=True):
    """The edit that brings an earlier content back."""

    update: bytes
    """Empty when there is nothing to do."""

    is_exact: bool
    """Whether undoing was enough; else what still differed was compared and written anew."""


def document_at(snapshot: bytes | None, rows: Sequence[bytes]) -> bytes:
    """Return the state of a document as one update. Raises DocumentDamaged."""
    return LiveDocument(snapshot, rows).state()


def fold(snapshot: bytes | None, rows: Sequence[bytes]) -> bytes:
    """Return a snapshot that stands for an earlier one and the rows after it. Raises DocumentDamaged."""
    return LiveDocument(snapshot, rows).snapshot()


def fold_provably(snapshot: bytes | None, rows: Sequence[bytes]) -> bytes | None:
    """Return a snapshot that has been proven to stand for what it is made of; None when it does not."""
    folded = fold(snapshot, rows)
    return folded if covers(folded, snapshot, rows) else None


def covers(snapshot: bytes, previous: bytes | None, rows: Sequence[bytes]) -> bool:
    """Tell whether a snapshot provably gives what an earlier one and the rows after it give.

    The same bytes when both are read back (structs, deletions and with them the state vector), and the same
    updates waiting for others. Raises DocumentDamaged when the rows themselves make no document.
    """
    expected = fold(previous, rows)
    try:
        found = fold(snapshot, [])
    except DocumentDamaged:
        return False
    state, *waiting = read_snapshot(found)
    expected_state, *expected_waiting = read_snapshot(expected)
    return read_back(state) == read_back(expected_state) and set(waiting) == set(expected_waiting)


def read_back(state: bytes) -> bytes:
    """Return a state as an empty document gives it back.

    Which neighbouring structs pycrdt joins depends on where its transactions ended (1 document in 500).
    """
    return _copy(state).get_update()


def restore(
    snapshot: bytes | None, rows: Sequence[bytes], after: Sequence[bytes], *, client_id: int
) -> Restored:
    """Return the edit that gives a document the content that it had after `rows` again.

    `after` is what was applied since; `client_id` is the edit's Yjs client id, which nothing else may have
    used. The edit deletes what was inserted since and brings back what was deleted, and leaves all else
    alone: so it merges with whatever others do meanwhile. Raises DocumentDamaged.
    """
    before = [*read_snapshot(snapshot), *rows]
    earlier_state, doc, changed = _replay(before, after, client_id)
    state = doc.get_update()
    wanted = read_content(_copy(earlier_state))
    if read_content(_copy(state)) == wanted:
        return Restored(EMPTY_UPDATE, is_exact=True)
    current = _copy(state, client_id)
    update = EMPTY_UPDATE
    try:
        update = _undo(doc, changed)
    except BaseException as error:
        if not is_fault(error):
            raise
    current.apply_update(update)
    if read_content(current) == wanted:
        return Restored(update, is_exact=True)
    # yrs 0.28 does not bring back a key's value that was overwritten before what it is in was deleted.
    with _Recording(current) as recording:
        rewrite(current, _copy(earlier_state))
    return Restored(pycrdt.merge_updates(update, recording.update), is_exact=False)


class _Recording:
    """What a block of code changes in a document, as one update."""

    def __init__(self, doc: pycrdt.Doc[Any]) -> None:
        self._doc = doc
        self._changes: list[bytes] = []

    def __enter__(self) -> "_Recording":
        self._subscription = self._doc.observe(lambda event: self._changes.append(event.update))
        return self

    def __exit__(self, *_: object) -> None:
        self._subscription.drop()

    @property
    def update(self) -> bytes:
        return pycrdt.merge_updates(*self._changes) if self._changes else EMPTY_UPDATE


class _Changed(msgspec.Struct, frozen=True):
    """What happened to a document between two moments."""

    inserted: Deletions
    deleted: Deletions


def _replay(
    before: Sequence[bytes], after: Sequence[bytes], client_id: int, without: Collection[bytes] = ()
) -> tuple[bytes, pycrdt.Doc[Any], _Changed]:
    """Play a log; return the state in the middle, the document at the end with all that it ever had, and
    what changed between the two."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id, skip_gc=True)
    waiting = Waiting(doc)
    try:
        _apply(doc, waiting, [update for update in before if update not in without])
        earlier_state, clocks, deleted = doc.get_update(), read_state_vector(doc.get_state()), _deletions(doc)
        _apply(doc, waiting, [update for update in after if update not in without])
    except BaseException as error:
        if isinstance(error, ValueError):
            raise DocumentDamaged("What is stored of this document is damaged.") from error
        if not is_fault(error):
            raise
        # As a room that loads these rows would leave them out (see `crdt.document`).
        return _replay(before, after, client_id, find_poison([*before, *after]))
    inserted = {
        client: [(clocks.get(client, 0), clock - clocks.get(client, 0))]
        for client, clock in read_state_vector(doc.get_state()).items()
        if clock > clocks.get(client, 0)
    }
    return earlier_state, doc, _Changed(inserted, _without(_without(_deletions(doc), deleted), inserted))


def _apply(doc: pycrdt.Doc[Any], waiting: Waiting, updates: Sequence[bytes]) -> None:
    with doc.transaction():
        for update in updates:
            doc.apply_update(update)
    waiting.settle(updates)


def _undo(doc: pycrdt.Doc[Any], changed: _Changed) -> bytes:
    """Undo changes in a document that has kept what was deleted; return the edit."""
    # Of which kind the scopes are makes no difference, but a root must have been read as something.
    scopes = [doc.get(name, type=pycrdt.Map[Any]) for name in [*doc.keys()]]
    stack_item = cast("Callable[..., Any]", pycrdt.StackItem)  # its declared types are not those it takes
    item = stack_item(doc, _id_set(changed.deleted), _id_set(changed.inserted))
    with _Recording(doc) as recording:
        pycrdt.UndoManager(scopes=list(scopes), undo_stack=[item]).undo()
    return recording.update


def _copy(state: bytes, client_id: int | None = None) -> pycrdt.Doc[Any]:
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
    doc.apply_update(state)
    return doc


def _deletions(doc: pycrdt.Doc[Any]) -> Deletions:
    # Without structs, an update is its delete set: so is what a document lacks of itself.
    return read_deletions(doc.get_update(doc.get_state())) or {}


def _without(ranges: Deletions, others: Deletions) -> Deletions:
    """Return what of some ranges is in no other ones."""
    left: Deletions = {}
    for client_id, own in ranges.items():
        cuts = sorted(others.get(client_id, []))
        for clock, length in own:
            end = clock + length
            for cut, size in cuts:
                if cut + size > clock and cut < end:
                    if cut > clock:
                        left.setdefault(client_id, []).append((clock, cut - clock))
                    clock = cut + size
            if clock < end:
                left.setdefault(client_id, []).append((clock, end - clock))
    return left


def _id_set(ranges: Deletions) -> pycrdt.IdSet:
    encoded = encode_number(len(ranges))
    for client_id, own in ranges.items():
        encoded += encode_number(client_id) + encode_number(len(own))
        encoded += b"".join(encode_number(clock) + encode_number(length) for clock, length in own)
    return pycrdt.IdSet.decode(encoded)
