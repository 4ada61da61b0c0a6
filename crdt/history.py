"""What the log's rows say about the past (rule D8): a document at a position, a proof, and the way back.

Pure functions over bytes: no loop, no store. They take as long as the document is large, and hold the
interpreter all the while, so a server runs them in another process.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import pycrdt

from crdt.content import read_content
from crdt.document import LiveDocument, read_snapshot
from crdt.errors import DocumentDamaged
from crdt.poison import find_poison, is_fault
from crdt.protocol import EMPTY_UPDATE
from crdt.ranges import Ranges, without
from crdt.replay import Recording, deletions_of, keeping_doc, play, undo
from crdt.rewrite import rewrite
from crdt.waiting import read_state_vector


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
        update = undo(doc, [(changed.inserted, changed.deleted)])
    except BaseException as error:
        if not is_fault(error):
            raise
    current.apply_update(update)
    if read_content(current) == wanted:
        return Restored(update, is_exact=True)
    # yrs 0.28 does not bring back a key's value that was overwritten before what it is in was deleted.
    with Recording(current) as recording:
        rewrite(current, _copy(earlier_state))
    return Restored(pycrdt.merge_updates(update, recording.update), is_exact=False)


class _Changed(msgspec.Struct, frozen=True):
    """What happened to a document between two moments."""

    inserted: Ranges
    deleted: Ranges


def _replay(
    before: Sequence[bytes], after: Sequence[bytes], client_id: int, poison: Collection[bytes] = ()
) -> tuple[bytes, pycrdt.Doc[Any], _Changed]:
    """Play a log; return the state in the middle, the document at the end with all that it ever had, and
    what changed between the two."""
    doc, waiting = keeping_doc(client_id)
    try:
        play(doc, waiting, [update for update in before if update not in poison])
        earlier_state, clocks, deleted = (
            doc.get_update(),
            read_state_vector(doc.get_state()),
            deletions_of(doc),
        )
        play(doc, waiting, [update for update in after if update not in poison])
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
    return earlier_state, doc, _Changed(inserted, without(without(deletions_of(doc), deleted), inserted))


def _copy(state: bytes, client_id: int | None = None) -> pycrdt.Doc[Any]:
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
    doc.apply_update(state)
    return doc
