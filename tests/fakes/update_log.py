"""A place in memory for the rows of the update log, and stores that misbehave on command.

`UpdateLog(MemoryStore("page:1"))` is the real log, with its queue and its committer, on a fake store.
"""

import asyncio
from collections import deque

from storage.errors import SnapshotBeyondLogError, UnknownDocumentError
from storage.stores.ports import Batch, History, LogStore, check_history


class MemoryDocument:
    """What a store keeps of a document; tests may damage it."""

    def __init__(self) -> None:
        self.head = 0
        self.rows: dict[int, tuple[bytes, str]] = {}
        self.snapshots: dict[int, bytes] = {}


class MemoryStore:
    """A LogStore that forgets everything with the process. Several logs may share one."""

    def __init__(self, *documents: str) -> None:
        self.documents = {name: MemoryDocument() for name in documents}
        self.is_open = False

    def create(self, document: str) -> None:
        """Make a document exist."""
        self.documents[document] = MemoryDocument()

    async def open(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False

    async def commit(self, batch: Batch) -> dict[str, int]:
        # Like a real one, it never answers within the turn that asked.
        await asyncio.sleep(0)
        known = {name: self.documents[name] for name in batch if name in self.documents}
        for name, document in known.items():
            for position, row in enumerate(batch[name], start=document.head + 1):
                document.rows[position] = row
            document.head += len(batch[name])
        return {name: document.head for name, document in known.items()}

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

    def _find(self, document: str) -> MemoryDocument:
        if document not in self.documents:
            raise UnknownDocumentError(document)
        return self.documents[document]


class _Around:
    """A store around another one."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    async def open(self) -> None:
        await self._store.open()

    async def close(self) -> None:
        await self._store.close()

    async def commit(self, batch: Batch) -> dict[str, int]:
        return await self._store.commit(batch)

    async def load(self, document: str) -> History:
        return await self._store.load(document)

    async def save_snapshot(self, document: str, position: int, state: bytes) -> None:
        await self._store.save_snapshot(document, position, state)


class HeldStore(_Around):
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


class FailingStore(_Around):
    """Raises the errors in `failures` first, one a commit."""

    def __init__(self, store: LogStore, *failures: Exception) -> None:
        super().__init__(store)
        self.failures = deque(failures)

    async def commit(self, batch: Batch) -> dict[str, int]:
        if self.failures:
            raise self.failures.popleft()
        return await super().commit(batch)
