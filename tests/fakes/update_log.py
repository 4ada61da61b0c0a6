"""A place in memory for the rows of the update log, and stores that misbehave on command.

`UpdateLog(MemoryStore("page:1"))` is the real log, with its queue and its committer, on a fake store.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from storage.errors import PruneRefusedError, SnapshotBeyondLogError, UnknownDocumentError
from storage.stores.ports import (
    LARGE_BYTES,
    Batch,
    Extent,
    Heads,
    History,
    LogStore,
    Part,
    check_history,
    check_range,
    check_readable,
    check_rows,
    split_address,
)


class MemoryDocument:
    """What a store keeps of a document; tests may damage it."""

    def __init__(self, epoch: str = "") -> None:
        self.epoch = epoch
        self.head = 0
        self.rows: dict[int, tuple[bytes, str]] = {}
        self.snapshots: dict[int, bytes] = {}
        self.pruned_to = 0
        self.versions: set[int] = set()
        """Positions that somebody has named."""


class MemoryStore:
    """A LogStore that forgets everything with the process. Several logs may share one."""

    def __init__(self, *documents: str) -> None:
        self.documents = {name: MemoryDocument() for name in documents}
        self.is_open = False

    def create(self, document: str, epoch: str = "") -> None:
        """Make a document exist, or begin anew."""
        self.documents[document] = MemoryDocument(epoch)

    async def open(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False

    async def commit(self, batch: Batch) -> dict[str, int]:
        # Like a real one, it never answers within the turn that asked.
        await asyncio.sleep(0)
        known = {self._find(address): address for address in batch if self._is_known(address)}
        for document, address in known.items():
            for position, row in enumerate(batch[address], start=document.head + 1):
                document.rows[position] = row
            document.head += len(batch[address])
        return {address: document.head for document, address in known.items()}

    async def heads(self, names: Sequence[str]) -> Heads:
        await asyncio.sleep(0)
        known = {name: self.documents[name] for name in names if name in self.documents}
        return {name: (document.epoch, document.head) for name, document in known.items()}

    async def load(self, document: str) -> History:
        await asyncio.sleep(0)
        found = self._find(document)
        newest = max(found.snapshots, default=None)
        positions = sorted(position for position in found.rows if position > (newest or 0))
        check_history(document, found.head, newest, positions)
        state = None if newest is None else found.snapshots[newest]
        return found.head, state, [found.rows[position][0] for position in positions]

    async def save_snapshot(self, document: str, position: int, state: bytes) -> None:
        await asyncio.sleep(0)
        found = self._find(document)
        if not 0 < position <= found.head:
            raise SnapshotBeyondLogError(document, position, found.head)
        found.snapshots[position] = state

    async def extent(self, document: str) -> Extent:
        await asyncio.sleep(0)
        found = self._find(document)
        return found.pruned_to, found.head

    async def read_at(self, document: str, position: int) -> History:
        await asyncio.sleep(0)
        found = self._find(document)
        newest = max((kept for kept in found.snapshots if kept <= position), default=0)
        check_readable(document, (found.pruned_to, found.head), position, newest)
        rows = self._rows(document, newest, position)
        return position, found.snapshots.get(newest), rows

    async def read_rows(self, document: str, after: int, upto: int) -> list[bytes]:
        await asyncio.sleep(0)
        found = self._find(document)
        check_range(document, (found.pruned_to, found.head), after, upto)
        return self._rows(document, after, upto)

    async def read_parts(self, parts: Sequence[Part]) -> list[list[bytes]]:
        found = [await self.read_rows(*part) for part in parts]
        return [rows if all(len(row) <= LARGE_BYTES for row in rows) else [] for rows in found]

    async def prune(self, document: str, position: int, limit: int) -> int:
        await asyncio.sleep(0)
        found = self._find(document)
        for needed in (position, *sorted(named for named in found.versions if 0 < named < position)):
            if needed not in found.snapshots:
                raise PruneRefusedError(document, position, needed)
        found.pruned_to = max(found.pruned_to, position)
        for kept in [kept for kept in found.snapshots if kept < position and kept not in found.versions]:
            del found.snapshots[kept]
        gone = sorted(row for row in found.rows if row <= position)[:limit]
        for row in gone:
            del found.rows[row]
        return len(gone)

    def _rows(self, document: str, after: int, upto: int) -> list[bytes]:
        rows = self._find(document).rows
        positions = sorted(position for position in rows if after < position <= upto)
        check_rows(document, after, upto, positions)
        return [rows[position][0] for position in positions]

    def _find(self, document: str) -> MemoryDocument:
        if not self._is_known(document):
            raise UnknownDocumentError(document)
        return self.documents[split_address(document)[0]]

    def _is_known(self, address: str) -> bool:
        name, epoch = split_address(address)
        return name in self.documents and epoch in (None, self.documents[name].epoch)


class Around:
    """A store around another one."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    async def open(self) -> None:
        await self._store.open()

    async def close(self) -> None:
        await self._store.close()

    async def commit(self, batch: Batch) -> dict[str, int]:
        return await self._store.commit(batch)

    async def heads(self, names: Sequence[str]) -> Heads:
        return await self._store.heads(names)

    async def load(self, document: str) -> History:
        return await self._store.load(document)

    async def save_snapshot(self, document: str, position: int, state: bytes) -> None:
        await self._store.save_snapshot(document, position, state)

    async def extent(self, document: str) -> Extent:
        return await self._store.extent(document)

    async def read_at(self, document: str, position: int) -> History:
        return await self._store.read_at(document, position)

    async def read_rows(self, document: str, after: int, upto: int) -> list[bytes]:
        return await self._store.read_rows(document, after, upto)

    async def read_parts(self, parts: Sequence[Part]) -> list[list[bytes]]:
        return await self._store.read_parts(parts)

    async def prune(self, document: str, position: int, limit: int) -> int:
        return await self._store.prune(document, position, limit)


class HeldStore(Around):
    """Holds commits back between `hold()` and `release()`, and remembers what each carried."""

    def __init__(self, store: LogStore) -> None:
        super().__init__(store)
        self.batches: list[dict[str, list[tuple[bytes, str]]]] = []
        self.arrived = asyncio.Event()
        """A commit has arrived at the store since the last `hold()`."""
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        """Let no commit through from now on."""
        self.arrived.clear()
        self._open.clear()

    def release(self) -> None:
        """Let all through again."""
        self._open.set()

    async def commit(self, batch: Batch) -> dict[str, int]:
        self.batches.append({name: list(rows) for name, rows in batch.items()})
        self.arrived.set()
        await self._open.wait()
        return await super().commit(batch)


class FailingStore(Around):
    """Raises the errors in `failures` first, one a commit."""

    def __init__(self, store: LogStore, *failures: Exception) -> None:
        super().__init__(store)
        self.failures = deque(failures)

    async def commit(self, batch: Batch) -> dict[str, int]:
        if self.failures:
            raise self.failures.popleft()
        return await super().commit(batch)
