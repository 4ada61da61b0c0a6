"""What `storage.update_log` needs of a database, and the one judgement that all of them share."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from storage.errors import CorruptDocumentError, UnknownPositionError

Rows = Sequence[tuple[bytes, str]]
"""Raw updates, each with its author, in order."""

Batch = Mapping[str, Rows]
"""What one commit carries: rows by the address of their document, never empty; one address a document."""

History = tuple[int, bytes | None, list[bytes]]
"""A position (of the newest row, if nothing else is said), the newest snapshot up to it if there is one, and
the raw rows after that."""

Extent = tuple[int, int]
"""The positions up to which a document's log is pruned (0: nowhere) and written."""


Heads = dict[str, tuple[str, int]]
"""The epoch and the newest position of documents, by their names."""


LARGE_BYTES = 16 * 1024
"""Of a row that is not read with those of other documents."""

Part = tuple[str, int, int]
"""Of a log: the document's address, and the rows behind one position up to and with another."""


def whole_parts(parts: Sequence[Part], rows: Mapping[int, Sequence[bytes]]) -> list[list[bytes]]:
    """Return the rows that were found of each part by its index, where they are all of them."""
    return [
        found if len(found := list(rows.get(index, ()))) == upto - after else []
        for index, (_, after, upto) in enumerate(parts)
    ]


def split_address(address: str) -> tuple[str, str | None]:
    """Return the name and the epoch in a document's address, `NAME` or `NAME#EPOCH`.

    With an epoch it is the address of nothing once another epoch has begun (D7).
    """
    name, _, epoch = address.partition("#")
    return name, epoch or None


class LogStore(Protocol):
    """Commits, reads and keeps. Never called before `open` or after `close`, and commits one at a time.

    Documents are given by their addresses: see `split_address`.
    """

    async def open(self) -> None:
        """Prepare to work. The database may be unreachable: only the other calls tell."""
        ...

    async def close(self) -> None:
        """Wait for what runs, and let go of everything."""
        ...

    async def commit(self, batch: Batch) -> dict[str, int]:
        """Append everything in one transaction; return the new head of each document, by its address.

        Documents that do not exist are left out of the result, and their rows out of the database. Raises
        StoreUnavailableError when it may work later. It may not be known then whether the commit happened:
        the caller comes back with the very same batch before any other, and the store finds out; only after
        NotCommittedError may it try another. Any other StorageError means that nothing of the batch was or
        will be committed.
        """
        ...

    async def heads(self, names: Sequence[str]) -> Heads:
        """Tell where documents are; those that do not exist are left out. Raises StoreUnavailableError."""
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

    async def extent(self, document: str) -> Extent:
        """Tell where a document's log begins and ends. Raises UnknownDocumentError, StoreUnavailableError."""
        ...

    async def read_at(self, document: str, position: int) -> History:
        """Read what a document was at a position (D8); 0 is before its first row.

        Raises UnknownPositionError where that is not kept any more, or not written yet; and what `load`
        raises.
        """
        ...

    async def read_rows(self, document: str, after: int, upto: int) -> list[bytes]:
        """Read the raw rows behind one position up to and with another; raises what `read_at` raises."""
        ...

    async def read_parts(self, parts: Sequence[Part]) -> list[list[bytes]]:
        """Read rows of several logs at once, as `read_rows`; none of a part that is not there as a whole.

        Nor of one with a row of more than `LARGE_BYTES`: such are read by themselves. Only that there are as
        many as there should be is checked. Raises StoreUnavailableError.
        """
        ...

    async def prune(self, document: str, position: int, limit: int) -> int:
        """Let a log begin behind a position at which there is a snapshot, proven by the caller (D8).

        One short transaction, which deletes at most `limit` of the rows that are not needed any more, and
        snapshots with them unless a version is named there. Returns how many rows it deleted: fewer than
        `limit` when it is done. Raises PruneRefusedError, UnknownDocumentError or StoreUnavailableError.
        """
        ...


def check_readable(document: str, extent: Extent, position: int, snapshot: int) -> None:
    """Raise UnknownPositionError unless the log is kept from a snapshot (0: none) to a position."""
    pruned_to, head = extent
    if not 0 <= position <= head or (snapshot < pruned_to and snapshot != position):
        raise UnknownPositionError(document, position)


def check_range(document: str, extent: Extent, after: int, upto: int) -> None:
    """Raise UnknownPositionError unless the rows from one position to another are kept."""
    pruned_to, head = extent
    if after < pruned_to or not after <= upto <= head:
        raise UnknownPositionError(document, after if after < pruned_to else upto)


def check_history(document: str, head: int, snapshot: int | None, positions: Sequence[int]) -> None:
    """Raise CorruptDocumentError unless snapshot and rows together are everything up to the head (D6)."""
    if snapshot is not None and not 0 < snapshot <= head:
        raise CorruptDocumentError(document, f"a snapshot at {snapshot}, where the log ends at {head}")
    check_rows(document, snapshot or 0, head, positions)


def check_rows(document: str, after: int, upto: int, positions: Sequence[int]) -> None:
    """Raise CorruptDocumentError unless the rows reach gapless from one position to another (D6)."""
    wanted = range(after + 1, upto + 1)
    if list(positions) == list(wanted):
        return
    missing = sorted(set(wanted) - set(positions))
    if missing:
        raise CorruptDocumentError(document, f"{len(missing)} rows are missing, the first at {missing[0]}")
    raise CorruptDocumentError(document, f"rows up to {max(positions)}, where the log ends at {upto}")
