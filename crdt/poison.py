"""Updates that can be read and break the document half-way, and how to tell them from those that meet them.

pycrdt raises while it puts structs in their places, with a part of them placed already, and it does so for
the update that brings what the poisoned one was waiting for. So the one that raised may be honest; trying on
other documents finds out. That is slow, and happens only after a fault (rule R7).
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

import pycrdt

from crdt.waiting import Waiting, read_deletions


def is_fault(error: BaseException) -> bool:
    """Whether an error says that a document broke, not that an update was unreadable or a task ended."""
    # A Rust panic arrives as pyo3's PanicException, a BaseException that no module exports.
    is_panic = type(error).__name__ == "PanicException"
    return is_panic or (isinstance(error, Exception) and not isinstance(error, ValueError))


def find_poison(updates: Sequence[bytes]) -> set[bytes]:
    """Return those of a document's updates, in their order, that no document can take in."""
    poison: set[bytes] = set()
    while True:
        rest = [update for update in updates if update not in poison]
        guilty = _first_guilty(rest) or _first_guilty_together(rest)
        if not guilty:
            return poison
        poison |= guilty


def _first_guilty(updates: Sequence[bytes]) -> set[bytes]:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    waiting = Waiting(doc)
    for index, update in enumerate(updates):
        suspects = _suspects(doc, waiting)
        if _breaks(doc, waiting, update):
            return _blame(updates[:index], suspects, update)
    return set()


def _first_guilty_together(updates: Sequence[bytes]) -> set[bytes]:
    """Find what breaks a document only when it is loaded: all in one transaction.

    What waits already may keep an update from being placed that is placed, and breaks, in one transaction.
    """
    if not _breaks_together(updates):
        return set()
    clean, broken = 0, len(updates)
    while broken - clean > 1:
        middle = (clean + broken) // 2
        if _breaks_together(updates[:middle]):
            broken = middle
        else:
            clean = middle
    *before, update = updates[:broken]
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    waiting = Waiting(doc)
    for other in before:
        _breaks(doc, waiting, other)
    return _blame(before, _suspects(doc, waiting), update)


def _breaks_together(updates: Sequence[bytes]) -> bool:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    waiting = Waiting(doc)
    try:
        with doc.transaction():
            for update in updates:
                with suppress(ValueError):  # unreadable: not this module's business
                    waiting.apply(update)
    except BaseException as error:
        if not is_fault(error):
            raise
        return True
    return False


def _suspects(doc: pycrdt.Doc[Any], waiting: Waiting) -> list[bytes]:
    """Return what waits with structs; whose deletions alone wait has found its place, and breaks nothing."""
    state_vector = doc.get_state()
    return [
        update
        for update in waiting.updates
        if read_deletions(pycrdt.get_update(update, state_vector)) is None
    ]


def _blame(before: Sequence[bytes], suspects: Collection[bytes], update: bytes) -> set[bytes]:
    clean = [other for other in before if other not in suspects]
    if _break(*clean, update):
        return {update}
    return {suspect for suspect in suspects if _break(*clean, update, suspect)} or {update}


def _break(*updates: bytes) -> bool:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    waiting = Waiting(doc)
    return any(_breaks(doc, waiting, update) for update in updates)


def _breaks(doc: pycrdt.Doc[Any], waiting: Waiting, update: bytes) -> bool:
    try:
        waiting.apply(update)
        waiting.settle([update])
    except ValueError:  # unreadable: not this module's business
        return False
    except BaseException as error:
        if not is_fault(error):
            raise
        return True
    return False
