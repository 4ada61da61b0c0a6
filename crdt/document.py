"""The Yjs document behind a room: what pycrdt does for us, and its traps fenced in.

Pure: no loop, no store. One `LiveDocument` is one pycrdt `Doc` that only ever sees whole turns of updates, in
the order in which the log gets them, so that snapshot and log give the same document again (rule D4).
"""

import logging
import weakref
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
import pycrdt

from crdt.content import read_entry
from crdt.errors import DocumentDamaged, ProtocolError
from crdt.poison import find_poison, is_fault
from crdt.protocol import EMPTY_STATE_VECTOR, EMPTY_UPDATE, Reader, encode_bytes
from crdt.waiting import LARGE_BYTES, Waiting, read_deletions

logger = logging.getLogger(__name__)

T = TypeVar("T")


_NONE, _FIRST = frozenset[int](), frozenset((0,))

PART_OF_STATE = 16
"""How small what has changed since must be against an encoded state that is still worth keeping."""


class Applied(msgspec.Struct, frozen=True):
    """What became of one turn's updates."""

    change: bytes | None
    """One update with all that changed; None when nothing did."""

    refused: frozenset[int]
    """Indexes of updates that could not be read; the document has nothing of them."""


class Poisoned(Exception):
    """An update was readable and broke half-way: the document holds a part of it and must be thrown away.

    Which one it was is another question: see `crdt.poison`.
    """


class LiveDocument:
    """A document rebuilt from a snapshot and the raw updates after it.

    Raises DocumentDamaged when they do not make one (rule D6).
    """

    def __init__(
        self,
        snapshot: bytes | None,
        updates: Sequence[bytes],
        *,
        without: Collection[bytes] = (),
        marker: Sequence[bytes] = (),
    ) -> None:
        """Rebuild a document.

        `without` names updates in it that are known to be poisoned; `marker` is its epoch's, which is no row
        of the log (D7).
        """
        self._full: bytes | None = None
        self._since: list[bytes] = []  # what has changed since `_full` was encoded
        self._since_bytes = 0
        self._changes: list[bytes] = []
        self._stop_watching: Callable[[], object] | None = None
        try:
            state, *early = read_snapshot(snapshot) or [EMPTY_UPDATE]
            if state in without:
                raise DocumentDamaged("The snapshot of this document breaks it.")
            rows = [*marker, *early, *updates]
            self._build(state, [update for update in rows if update not in without])
        except (ProtocolError, ValueError) as error:
            raise DocumentDamaged("What is stored of this document is damaged.") from error

    def _watch(self) -> None:
        """Have pycrdt tell what transactions change, which costs it as much as applying a small edit."""
        # A subscription holds its callback and the document, hidden from the garbage collector: it would keep
        # all of this for ever, so the callback does not hold it, and the subscription ends with it.
        subscription = self._native.observe(partial(_observe, weakref.ref(self)))
        self._stop_watching = weakref.finalize(self, subscription.drop)
        self._stop_watching.atexit = False

    def _look_away(self) -> None:
        assert self._stop_watching is not None
        self._stop_watching()
        self._stop_watching = None

    def _build(self, state: bytes, updates: list[bytes], suspects: Sequence[bytes] = ()) -> None:
        if self._stop_watching is not None:
            self._look_away()
        self._doc: pycrdt.Doc[Any] = pycrdt.Doc()
        self._native: Any = vars(self._doc)["_doc"]
        # What `Doc.apply_update` comes to, without the transaction that it would enter once more.
        self._apply_update: Any = self._native.apply_update
        self._begin: Any = self._native.create_transaction
        self._waiting = Waiting(self._doc)
        for update in suspects:
            self._waiting.suspect(update)
        try:
            with self._doc.transaction():
                self._doc.apply_update(state)
                for update in updates:
                    self._waiting.apply(update)
            # What waits in the state stands beside it too: kept with it, each snapshot would hold the last.
            self._waiting.settle(updates)
        except BaseException as error:
            if not is_fault(error):
                raise
            # It waited for something when it was taken, and nothing can take it in: it would keep everybody
            # out of the document for ever (R7).
            poison = find_poison([state, *updates])
            logger.exception("%d updates in the log break their document", len(poison))
            if state in poison:
                raise DocumentDamaged("The snapshot of this document breaks it.") from error
            self._build(state, [update for update in updates if update not in poison], suspects)
        if not suspects and (suspected := self._partial(updates)):
            self._build(state, updates, suspected)

    def apply(self, updates: Sequence[bytes]) -> Applied:
        """Apply one turn's updates in one transaction (rule R1).

        Raises Poisoned when one of them broke half-way; this object is of no use after that.
        """
        if (strokes := self.apply_strokes(updates)) is not None:
            return Applied(strokes, _NONE)
        if max(map(len, updates), default=0) <= LARGE_BYTES:
            return self._apply(updates)
        before, waiting = self.state(), self._waiting.updates
        applied = self._apply(updates)
        suspects = self._partial(updates)
        if not suspects:
            return applied
        # By now the document may show what is behind a gap in one of them.
        self._forget_state()
        self._build(before, waiting, suspects)
        return self._apply(updates)

    def _partial(self, updates: Sequence[bytes]) -> list[bytes]:
        """Return those large updates that were applied, and not taken in whole."""
        waiting = self._waiting
        return [
            update
            for update in updates
            if len(update) > LARGE_BYTES and update in waiting.updates and not waiting.is_ahead(update)
        ]

    def apply_strokes(self, updates: Sequence[bytes]) -> bytes | None:
        """Apply one turn's updates where each is one typed character, and so they are all that changes.

        Returns them as one update; None, with nothing done, if any of them is anything else. Raises Poisoned
        as `apply` does.
        """
        if self._waiting.updates or not updates:
            return None
        change = self._waiting.join_news(updates)
        if change is None:
            return None
        if self._stop_watching is not None:
            self._look_away()
        try:
            is_applied = not self._apply_one(change)
        except BaseException as error:
            _check_poisoned(error)
            raise
        if is_applied and self._full is not None:
            self._note_change(change)
        return change if is_applied else None

    def _apply(self, updates: Sequence[bytes]) -> Applied:
        self._changes.clear()
        if self._stop_watching is None:
            self._watch()
        try:
            if len(updates) != 1:
                refused = self._apply_together(updates)
            else:
                refused = _NONE if self._waiting.is_ahead(updates[0]) else self._apply_one(updates[0])
            is_partial = refused or self._waiting.updates
            if is_partial or (self._waiting.is_in_doubt and not self._is_taken_whole(updates)):
                self._waiting.settle([update for index, update in enumerate(updates) if index not in refused])
            else:
                self._waiting.taken()
        except BaseException as error:
            _check_poisoned(error)
            raise
        change = self._changes[0] if self._changes else None
        if len(self._changes) > 1:
            change = pycrdt.merge_updates(*self._changes)
        return Applied(change, refused)

    def _apply_together(self, updates: Sequence[bytes]) -> frozenset[int]:
        """Apply updates in one transaction; return the indexes of those that cannot be read."""
        refused: set[int] = set()
        is_ahead = self._waiting.is_ahead
        with self._doc.transaction() as transaction:
            native: Any = vars(transaction)["_txn"]
            for index, update in enumerate(updates):
                if is_ahead(update):
                    continue
                try:
                    self._apply_update(native, update)
                except ValueError:  # pycrdt reads an update whole before it applies it
                    self._waiting.refused()
                    refused.add(index)
        return frozenset(refused)

    def _apply_one(self, update: bytes) -> frozenset[int]:
        """Do the same for one update, without what `Doc.transaction` does for others to take part."""
        transaction = self._begin()
        try:
            self._apply_update(transaction, update)
        except ValueError:
            self._waiting.refused()
            return _FIRST
        else:
            transaction.commit()
            return _NONE
        finally:
            transaction.drop()

    def _is_taken_whole(self, updates: Sequence[bytes]) -> bool:
        # What comes out as it went in has been taken in whole, and nothing waited for it.
        if len(updates) > 1 and len(self._changes) == 1:
            return self._changes[0] == pycrdt.merge_updates(*updates)
        return self._changes == updates

    def is_waiting(self, update: bytes) -> bool:
        """Whether an update that was applied waits for others, in part or whole."""
        return update in self._waiting.updates

    def contains(self, update: bytes) -> bool:
        """Whether an update that was not applied would change nothing."""
        state_vector = self.state_vector()
        try:
            missing = pycrdt.get_update(update, state_vector)
        except ValueError:  # not an update
            return False
        if missing == EMPTY_UPDATE:
            return True
        deletions = read_deletions(missing)
        if deletions is None:
            return False
        # Without structs, an update is its delete set: so is what a document lacks of itself.
        deleted = read_deletions(self._doc.get_update(state_vector)) or {}
        return all(
            any(
                start <= clock and clock + length <= start + size
                for start, size in deleted.get(client_id, [])
            )
            for client_id, ranges in deletions.items()
            for clock, length in ranges
        )

    def state_vector(self) -> bytes:
        """Return the encoded state vector: how much of every client is here."""
        return self._doc.get_state()

    def diff(self, state_vector: bytes) -> bytes:
        """Return what somebody with this state vector lacks; raises ProtocolError when it is malformed."""
        if state_vector == EMPTY_STATE_VECTOR:
            return self.state()
        try:
            return self._doc.get_update(state_vector)
        except ValueError:
            raise ProtocolError("bad_state_vector", "The state vector cannot be read.") from None

    def state(self) -> bytes:
        """Return the whole document; encoded once for all who ask before the next change (rule R4)."""
        if self._full is None or self._since:
            self._forget_state()
            self._full = self._doc.get_update()
        return self._full

    def parts(self) -> tuple[bytes, bytes | None]:
        """Return the whole document as a state of some time ago, and one update with what came after it.

        A large document takes its time to encode, which few changes are not worth. Where something waits, the
        state is of now: what changes behind a gap is in no update until the gap is filled.
        """
        if self._full is None or self._waiting.updates:
            return self.state(), None
        if len(self._since) > 1:
            self._since = [pycrdt.merge_updates(*self._since)]
        return self._full, self._since[0] if self._since else None

    def snapshot(self) -> bytes:
        """Fold everything into bytes that give this document again.

        They are the state and, each by itself, the updates that wait for others: merged into the state, they
        would hold back what is visible behind them.
        """
        return b"".join(encode_bytes(update) for update in self.pieces())

    def pieces(self) -> list[bytes]:
        """Return updates that give this document again: its state, then those that wait for others."""
        return [self.state(), *self._waiting.updates]

    def read(self, reader: Callable[["pycrdt.Doc[Any]"], T]) -> T:
        """Return what a function reads in the document; it must not change it."""
        return reader(self._doc)

    def entry(self, root: str, key: str) -> dict[str, object]:
        """Return one entry of a root that is a map, as plain values; nothing where there is none."""
        return read_entry(self._doc, root, key)

    def observe(self, event: pycrdt.TransactionEvent) -> None:
        """Note what a transaction changed."""
        update = event.update
        self._changes.append(update)
        if self._full is not None:
            self._note_change(update)

    def _note_change(self, update: bytes) -> None:
        assert self._full is not None, "only what came after a state is noted"
        self._since.append(update)
        self._since_bytes += len(update)
        is_small = self._since_bytes * PART_OF_STATE <= len(self._full)
        if self._waiting.updates or not is_small:
            self._forget_state()

    def _forget_state(self) -> None:
        self._full = None
        self._since.clear()
        self._since_bytes = 0


def brings_all(change: bytes | None, updates: Sequence[bytes]) -> bool:
    """Whether a change is known to bring all that is in these updates."""
    if change is None:
        return False
    if len(updates) == 1 and updates[0] == change:
        return True
    try:
        return pycrdt.merge_updates(change, *updates) == change
    except BaseException as error:
        if not isinstance(error, ValueError) and not is_fault(error):
            raise
        return False


def _check_poisoned(error: BaseException) -> None:
    """Raise Poisoned for what says that the document broke."""
    if is_fault(error):
        raise Poisoned from error


def _observe(document: "weakref.ref[LiveDocument]", event: pycrdt.TransactionEvent) -> None:
    observer = document()
    assert observer is not None, "its subscription ends with it"
    observer.observe(event)


def read_snapshot(snapshot: bytes | None) -> list[bytes]:
    """Return the updates in a snapshot: the state first, then those that wait. Raises ProtocolError."""
    reader = Reader(snapshot or b"")
    updates: list[bytes] = []
    while not reader.is_done:
        updates.append(reader.read_bytes())
    return updates
