"""What `storage.update_log` needs of a database, and the one judgement that all of them share."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from storage.errors import CorruptDocumentError

Rows = Sequence[tuple[bytes, str]]
"""Raw updates, each with its author, in order."""

Batch = Mapping[str, Rows]
"""What one commit carries: rows by the name of their document, never empty."""

History = tuple[int, bytes | None, list[bytes]]
"""The position of the newest row, the newest snapshot if there is one, and the raw rows after it."""


class LogStore(Protocol):
    """Commits, reads and keeps. Never called before `open` or after `close`, and commits one at a time."""

    async def open(self) -> None:
        """Prepare to work. The database may be unreachable: only the other calls tell."""
        ...

    async def close(self) -> None:
        """Wait for what runs, and let go of everything."""
        ...

    async def commit(self, batch: Batch) -> dict[str, int]:
        """Append everything in one transaction; return the new head of each document.

        Documents that do not exist are left out of the result, and their rows out of the database. Raises
        StoreUnavailableError when it may work later. It may not be known then whether the commit happened:
        the caller comes back with the very same batch before any other, and the store finds out. Any other
        StorageError means that nothing of the batch was or will be committed.
        """
        ...

    async def load(self, document: str) -> History:
        """Read a document's history as of one moment.

        Raises UnknownDocumentError, CorruptDocumentError or StoreUnavailableError.
        """
        ...

    async def save_snapshot(self, document: str, position: int, state: bytes) -> None:
        """Keep a merged state.

        Raises UnknownDocumentError, SnapshotBeyondLogError or StoreUnavailableError.
        """
        ...


def check_history(document: str, head: int, snapshot: int | None, positions: Sequence[int]) -> None:
    """Raise CorruptDocumentError unless snapshot and rows together are everything up to the head (D6)."""
    if snapshot is not None and not 0 < snapshot <= head:
        raise CorruptDocumentError(document, f"a snapshot at {snapshot}, where the log ends at {head}")
    first = (snapshot or 0) + 1
    if list(positions) == list(range(first, head + 1)):
        return
    missing = sorted(set(range(first, head + 1)) - set(positions))
    if missing:
        raise CorruptDocumentError(document, f"{len(missing)} rows are missing, the first at {missing[0]}")
    raise CorruptDocumentError(document, f"rows up to {max(positions)}, where the log ends at {head}")
