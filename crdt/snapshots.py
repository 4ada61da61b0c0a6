"""When a room's log is summed up in a snapshot, and where that is done (D4, D8)."""

import logging
from collections.abc import Awaitable, Callable

import msgspec

from crdt.document import LiveDocument
from crdt.ports import UpdateLog

logger = logging.getLogger(__name__)

LARGE_BYTES = 4 * 1024 * 1024
"""Encoding a state takes a millisecond for every 300 KB, and nothing else runs meanwhile: a document of more
bytes is folded from the log, outside of the loop."""

EVERY_BYTES = 32 * 1024 * 1024
"""Of rows: a snapshot is due then, however few they are, so that what folding has to read stays bounded."""

Folder = Callable[[str, int], Awaitable[int]]
"""Makes and keeps a snapshot of a committed position, wherever it does not hold the loop up; returns its size
in bytes."""


class Due(msgspec.Struct, frozen=True):
    """A snapshot that waits until its turn is committed."""

    state: bytes | None
    """None for one that is to be folded from the log."""


class Snapshots:
    """Keeps the snapshots of one document, one at a time."""

    def __init__(self, document: str, log: UpdateLog, fold_elsewhere: Folder, *, every_updates: int) -> None:
        self._document = document
        self._log = log
        self._fold_elsewhere = fold_elsewhere
        self._every_updates = every_updates
        self._is_busy = False
        self.size_bytes: int = 0
        """About how large the document is: when it was last folded or measured, and the rows after that."""
        self._since_bytes = 0  # of those rows
        self._taken_bytes = 0  # of those rows, what the snapshot under way has
        self._row_bytes = 0  # of the `rows`
        self.rows = 0
        """How many rows a load would have to apply after the newest snapshot, or the one under way."""

    def loaded(self, snapshot: bytes | None, updates: list[bytes]) -> None:
        """Note what a document was loaded from."""
        self.rows = len(updates)
        self._since_bytes = sum(len(update) for update in updates)
        self.size_bytes = len(snapshot or b"") + self._since_bytes
        self._taken_bytes = 0
        self._row_bytes = self._since_bytes

    def added(self, rows: int, size_bytes: int) -> bool:
        """Note what a turn adds to the log; return whether a snapshot is due."""
        self.rows += rows
        self.size_bytes += size_bytes
        self._since_bytes += size_bytes
        self._row_bytes += size_bytes
        return self.rows >= self._every_updates or self._row_bytes >= EVERY_BYTES

    def measure(self, document: LiveDocument, at_least_bytes: int) -> bool:
        """Find out how large the document is, if that many bytes have come since that was known.

        It may be much smaller than its rows, which may all have replaced one value.
        """
        if self._since_bytes < at_least_bytes:
            return False
        self.size_bytes = len(document.state())
        self._since_bytes = self._taken_bytes = 0
        return True

    def take(self, document: LiveDocument, *, at_least: int | None = None) -> Due | None:
        """Return a snapshot of this very moment where one is due, to be kept once its turn is committed.

        Whoever takes one keeps it: there is no other until then.
        """
        is_due = self.rows >= (at_least or self._every_updates) or self._row_bytes >= EVERY_BYTES
        if self._is_busy or not is_due:
            return None
        self._is_busy = True
        self.rows = self._row_bytes = 0
        self._taken_bytes = self._since_bytes
        return Due(None if self.size_bytes > LARGE_BYTES else document.snapshot())

    async def keep(self, due: Due, position: int) -> None:
        """Keep a snapshot at its committed position; where that fails, the rows are still there."""
        try:
            if due.state is None:
                size = await self._fold_elsewhere(self._document, position)
            else:
                await self._log.save_snapshot(self._document, position, due.state)
                size = len(due.state)
            self._since_bytes -= self._taken_bytes
            self.size_bytes = size + self._since_bytes
            self._taken_bytes = 0
        except Exception:  # whatever the store says: a snapshot only saves time
            logger.exception("document %s: no snapshot at position %d", self._document, position)
        finally:
            self._is_busy = False
