"""The Yjs document behind a room: what pycrdt does for us, and its traps fenced in.

Pure: no loop, no store. One `LiveDocument` is one pycrdt `Doc` that only ever sees whole turns of updates, in
the order in which the log gets them, so that snapshot and log give the same document again (rule D4).
"""

from collections.abc import Sequence

import msgspec
import pycrdt

from crdt.errors import DocumentUnavailable, ProtocolError
from crdt.protocol import EMPTY_STATE_VECTOR, EMPTY_UPDATE, Reader


class Applied(msgspec.Struct, frozen=True):
    """What became of one turn's updates."""

    change: bytes | None
    """One update with all that changed; None when nothing did."""

    refused: frozenset[int]
    """Indexes of updates that could not be read; the document has nothing of them."""


class Poisoned(Exception):
    """An update was readable and broke half-way: the document holds a part of it and must be thrown away."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class LiveDocument:
    """A document rebuilt from a snapshot and the raw updates after it.

    Raises DocumentUnavailable when they do not make one (rule D6).
    """

    def __init__(self, snapshot: bytes | None, updates: Sequence[bytes]) -> None:
        self._doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
        self._change: bytes | None = None
        self._full: bytes | None = None
        # Every update that the next snapshot must be shown to contain: pycrdt leaves structs whose
        # dependencies are missing out of `get_update()`, so the raw bytes are what keeps them.
        self._unfolded = [snapshot] if snapshot is not None else []
        self._unfolded += updates
        self._rows_since_snapshot = len(updates)
        try:
            with self._doc.transaction():
                for update in self._unfolded:
                    self._doc.apply_update(update)
        except BaseException as error:
            if not _is_pycrdt_fault(error):
                raise
            raise DocumentUnavailable(f"What the log holds is damaged: {error}") from error
        self._subscription = self._doc.observe(self._observe)

    @property
    def rows_since_snapshot(self) -> int:
        """How many updates a load would have to apply after the newest snapshot."""
        return self._rows_since_snapshot

    def apply(self, updates: Sequence[bytes]) -> Applied:
        """Apply one turn's updates in one transaction (rule R1).

        Raises Poisoned when one of them broke half-way; this object is of no use after that.
        """
        self._change = None
        refused: set[int] = set()
        index = 0
        try:
            with self._doc.transaction():
                for index, update in enumerate(updates):
                    try:
                        self._doc.apply_update(update)
                    except ValueError:  # not decodable: pycrdt reads an update whole before it applies it
                        refused.add(index)
        except BaseException as error:
            if not _is_pycrdt_fault(error):
                raise
            raise Poisoned(index) from error
        return Applied(self._change, frozenset(refused))

    def keep(self, update: bytes) -> None:
        """Note an update that goes to the log, so that the next snapshot accounts for it."""
        self._unfolded.append(update)
        self._rows_since_snapshot += 1

    def contains(self, update: bytes) -> bool:
        """Whether all that an update inserts and deletes is known here, so that it changes nothing.

        For an update that has been applied, the opposite means that it waits for others.
        """
        try:
            return _is_covered(update, self.state_vector())
        except ValueError:  # not an update
            return False

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
        if self._full is None:
            self._full = self._doc.get_update()
        return self._full

    def snapshot(self) -> bytes:
        """Fold everything into one update that gives this document again, pending structs included."""
        state_vector = self.state_vector()
        pending = [
            pycrdt.get_update(update, state_vector)
            for update in self._unfolded
            if not _is_covered(update, state_vector)
        ]
        state = self.state()
        if pending:
            state = pycrdt.merge_updates(state, *pending)
        self._unfolded = [state] if pending else []
        self._rows_since_snapshot = 0
        return state

    def _observe(self, event: pycrdt.TransactionEvent) -> None:
        # Structs behind a gap in their writer's clock change the document and tell nobody until it is filled:
        # the event comes then too, with an empty update.
        self._full = None
        if event.update != EMPTY_UPDATE:
            self._change = event.update


def _is_covered(update: bytes, state_vector: bytes) -> bool:
    rest = Reader(pycrdt.get_update(update, state_vector))
    if rest.read_number() != 0:
        return False
    # Without structs, what is left is the delete set: clients, each with (clock, length) ranges.
    deletions = [
        (rest.read_number(), [(rest.read_number(), rest.read_number()) for _ in range(rest.read_number())])
        for _ in range(rest.read_number())
    ]
    if not deletions:
        return True
    clocks = _read_state_vector(state_vector)
    return all(
        clock + length <= clocks.get(client_id, 0)
        for client_id, ranges in deletions
        for clock, length in ranges
    )


def _read_state_vector(encoded: bytes) -> dict[int, int]:
    reader = Reader(encoded)
    return {reader.read_number(): reader.read_number() for _ in range(reader.read_number())}


def _is_pycrdt_fault(error: BaseException) -> bool:
    # A Rust panic arrives as pyo3's PanicException, a BaseException that no module exports.
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
