"""Documents that have kept all they ever had, and undoing in them.

An undo deletes what was inserted and brings back what was deleted, wherever it was; it leaves all else alone,
so it merges with whatever others do meanwhile. Pure functions over bytes and documents.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import pycrdt

from crdt.protocol import EMPTY_UPDATE
from crdt.ranges import Ranges, id_set
from crdt.waiting import Waiting, read_deletions


class Recording:
    """What a block of code changes in a document, as one update."""

    def __init__(self, doc: pycrdt.Doc[Any]) -> None:
        self._doc = doc
        self._changes: list[bytes] = []

    def __enter__(self) -> "Recording":
        self._subscription = self._doc.observe(lambda event: self._changes.append(event.update))
        return self

    def __exit__(self, *_: object) -> None:
        self._subscription.drop()

    @property
    def update(self) -> bytes:
        """All of it."""
        return pycrdt.merge_updates(*self._changes) if self._changes else EMPTY_UPDATE


def keeping_doc(client_id: int) -> "tuple[pycrdt.Doc[Any], Waiting]":
    """Return an empty document that keeps what is deleted in it, and what looks after updates for it."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id, skip_gc=True)
    return doc, Waiting(doc)


def play(doc: pycrdt.Doc[Any], waiting: Waiting, updates: Sequence[bytes]) -> None:
    """Apply a part of a log."""
    with doc.transaction():
        for update in updates:
            waiting.apply(update)
    waiting.settle(updates)


def undo(doc: pycrdt.Doc[Any], changes: Iterable[tuple[Ranges, Ranges]]) -> bytes:
    """Undo changes (inserted, deleted), the last one first, in a document that keeps what was deleted.

    Returns the edit.
    """
    # Of which kind the scopes are makes no difference, but a root must have been read as something.
    scopes = [doc.get(name, type=pycrdt.Map[Any]) for name in [*doc.keys()]]
    stack_item = cast("Callable[..., Any]", pycrdt.StackItem)  # its declared types are not those it takes
    stack = [stack_item(doc, id_set(deleted), id_set(inserted)) for inserted, deleted in changes]
    with Recording(doc) as recording:
        manager = pycrdt.UndoManager(scopes=list(scopes), undo_stack=stack)
        while manager.undo():
            pass
    return recording.update


def deletions_of(doc: pycrdt.Doc[Any]) -> Ranges:
    """Return all that is deleted in a document."""
    # Without structs, an update is its delete set: so is what a document lacks of itself.
    return read_deletions(doc.get_update(doc.get_state())) or {}
