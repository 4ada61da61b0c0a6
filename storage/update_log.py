"""The update log: the append-only history of every document, and its snapshots.

Owns the queue of what is not committed yet, the one task that commits it, and what happens while the store
fails. How rows lie in a database is the business of `storage.stores`; what they mean is nobody's here.

Rules: gapless positions per document (D1), acknowledgement after the commit only (D2), one transaction for
all that has gathered over all documents (D3), retries in order with nothing lost or committed twice (D5), and
a damaged document is an error (D6).
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import partial
from time import perf_counter
from types import TracebackType
from typing import Self

import msgspec

from storage.engine import Database
from storage.errors import (
    CorruptDocumentError,
    LogClosedError,
    NotCommittedError,
    StorageError,
    StoreUnavailableError,
    UnknownDocumentError,
)
from storage.histogram import Histogram, HistogramCounts
from storage.stores.ports import Batch, Extent, History, LogStore, Part
from storage.stores.sqlite import SqliteStore

_log = logging.getLogger(__name__)

# What one transaction carries at most, so that it stays short for whoever else waits for the database.
_GROUP_ROWS = 8192
_GROUP_BYTES = 16 * 1024 * 1024

GATHER_SECONDS = 0.016
GATHER_SECONDS_PER_ROW = 0.0005
"""From one commit to the next while edits come all the time, growing with what the last one carried: a
transaction costs about as much as a hundred rows. Whoever waits for one acknowledgement after the other
is not held up, and in a crowd nobody sees that it comes so much later."""

_FIRST_RETRY_SECONDS = 0.05
_LAST_RETRY_SECONDS = 2.0


_PATIENT_TRIES = 6
"""After that, some two seconds, it is found out whether the store is at fault or one document."""

_STUCK_AT_ONCE = 3
"""When so many documents in turn cannot be committed, it is the store."""

REFUSED_SECONDS = 15.0
"""For how long nothing more is taken of a document that cannot be committed, although others can."""

SLOW_SECONDS = 2.0
"""A commit that takes longer is as good as a failing one for whoever waits."""

_COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COMMIT_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class LogStatistics(msgspec.Struct, frozen=True):
    """What the log did and holds. `last_commit_seconds` includes the wait for the write gate."""

    commits: int
    rows: int
    last_commit_seconds: float
    pending_rows: int
    pending_bytes: int
    is_failing: bool
    """The last try to commit failed and is being repeated, or the one under way takes too long."""
    retries: int
    commit_seconds: Histogram
    commit_rows: Histogram


Told = Callable[[int | Exception], object]
"""Takes the position of the last row once it is committed, or why it cannot be; must not raise."""


class _Append(msgspec.Struct, eq=False):
    document: str
    rows: Sequence[tuple[bytes, str]]
    size: int
    told: Told
    is_told: bool = False


ObserveCommit = Callable[[int, int, float], object]
"""Takes a commit's documents, rows and seconds."""


class UpdateLog:
    """Appends in groups, reads and keeps snapshots. Open between `async with` and its end.

    A document is given by its name, or by `NAME#EPOCH`: then nothing is read of, or written into, another
    epoch, and once that has begun the document is unknown (D7).

    Leaving the block commits what has been appended, for up to `close_seconds` if the store fails; what is
    not committed by then fails with LogClosedError, and nothing of it has been acknowledged.
    """

    def __init__(
        self,
        store: LogStore,
        *,
        close_seconds: float = 5.0,
        gather_seconds: float = GATHER_SECONDS,
        slow_seconds: float = SLOW_SECONDS,
        refused_seconds: float = REFUSED_SECONDS,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        observe_commit: ObserveCommit | None = None,
    ) -> None:
        self._store = store
        self._observe_commit = observe_commit
        self._close_seconds = close_seconds
        self._gather_seconds = gather_seconds
        self._slow_seconds = slow_seconds
        self._refused_seconds = refused_seconds
        self._sleep = sleep
        self._pending: deque[_Append] = deque()
        self._wake = asyncio.Event()
        self._refused: dict[
            str, float
        ] = {}  # what could not be committed, and until when nothing of it is taken
        self._last_commit_at = 0.0
        self._last_rows = 0
        self._is_closing = False
        self._is_failing = False
        self._commits = 0
        self._rows = 0
        self._last_commit_seconds = 0.0
        self._try_started_at: float | None = None
        self._retries = 0
        self._commit_seconds = HistogramCounts(_COMMIT_SECONDS)
        self._commit_rows = HistogramCounts(_COMMIT_ROWS)
        self._pending_rows = 0
        self._pending_bytes = 0
        self.on_commit: list[Callable[[Collection[str]], object]] = []
        """Called with the addresses of the documents that a commit of this process has moved."""

    @classmethod
    def of(
        cls, database: Database, *, close_seconds: float = 5.0, observe_commit: ObserveCommit | None = None
    ) -> Self:
        """Return the log that lies in a database."""
        if database.kind == "sqlite":
            store = SqliteStore(database)
        else:
            from storage.stores.postgres import PostgresStore  # here: its driver is of no use to SQLite

            store = PostgresStore(database)
        return cls(store, close_seconds=close_seconds, observe_commit=observe_commit)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._store.open()
        self._committer = self._loop.create_task(self._run(), name="update-log")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_closing = True
        self._wake.set()
        try:
            await asyncio.wait({self._committer}, timeout=self._close_seconds)
        finally:
            self._committer.cancel()
            await asyncio.wait({self._committer})
            self._abandon()
            await self._store.close()

    def append(self, document: str, rows: Sequence[tuple[bytes, str]]) -> asyncio.Future[int]:
        """Do what `submit` does; the future gives what would be told. Cancelling it takes no rows back."""
        done: asyncio.Future[int] = self._loop.create_future()
        self.submit(document, rows, partial(_settle, done))
        return done

    def submit(self, document: str, rows: Sequence[tuple[bytes, str]], told: Told) -> None:
        """Queue raw updates, each with its author, and return at once.

        `told` is called once, never within this call: with the position of the last of these rows when all of
        them are committed (D2), or with UnknownDocumentError, CorruptDocumentError or LogClosedError. While
        the store fails they wait; where only this document cannot be committed, it is NotCommittedError.
        Appends to one document keep their order.
        """
        if not rows:
            raise ValueError("nothing to append")
        size = 0
        for data, author in rows:
            size += len(data)
            if not author.isascii() or "\0" in author:
                # One row that a database cannot store would fail a whole group.
                raise ValueError(f"an author is printable ASCII, not {author!r}")
        if self._refused and self._refused.get(document, 0.0) > self._loop.time():
            error = NotCommittedError(f"the document {document!r} cannot be committed now")
            self._loop.call_soon(told, error)
            return
        if self._is_closing:
            self._loop.call_soon(told, LogClosedError("the update log is closed"))
            return
        if not self._pending:
            self._wake.set()
        self._pending.append(_Append(document, rows, size, told))
        self._pending_rows += len(rows)
        self._pending_bytes += size

    async def heads(self, documents: Collection[str]) -> dict[str, tuple[str, int]]:
        """Return the epoch and the newest position of each of these documents that exists, by their names.

        Raises StoreUnavailableError.
        """
        return await self._store.heads(list(documents))

    async def load(self, document: str) -> History:
        """Return (position of the newest row, newest snapshot or None, the raw rows after it in order).

        All of one moment. Raises UnknownDocumentError (a LookupError), CorruptDocumentError if the rows do
        not reach gapless from the snapshot to the head (D6), StoreUnavailableError.
        """
        return await self._store.load(document)

    async def save_snapshot(self, document: str, position: int, state: bytes) -> None:
        """Keep a merged state that covers every row up to `position`.

        The rows and older snapshots stay, for the history (D8). Saving again at the same position replaces
        the state. Raises UnknownDocumentError, SnapshotBeyondLogError, StoreUnavailableError.
        """
        await self._store.save_snapshot(document, position, state)

    async def extent(self, document: str) -> Extent:
        """Return the positions up to which a document's log is pruned (0: nowhere) and written.

        Raises UnknownDocumentError, StoreUnavailableError.
        """
        return await self._store.extent(document)

    async def read_at(self, document: str, position: int) -> History:
        """Return (position, newest snapshot up to it or None, the raw rows after that) of a position (D8).

        Raises UnknownPositionError where that is not kept any more, or not committed yet; else as `load`.
        """
        return await self._store.read_at(document, position)

    async def read_rows(self, document: str, after: int, upto: int) -> list[bytes]:
        """Return the raw rows behind one position up to and with another; raises what `read_at` raises."""
        return await self._store.read_rows(document, after, upto)

    async def read_parts(self, parts: Sequence[Part]) -> list[list[bytes]]:
        """Return rows of several logs, each part as (document, after, upto); none where any is missing, or
        larger than `storage.stores.ports.LARGE_BYTES`.

        Raises StoreUnavailableError.
        """
        return await self._store.read_parts(parts) if parts else []

    async def prune(self, document: str, position: int, *, limit: int) -> int:
        """Let the log begin behind a position whose snapshot is proven to stand for all before it (D8).

        A short transaction that deletes at most `limit` rows; returns how many it deleted: fewer than `limit`
        when it is done. Named versions keep their snapshots. Raises PruneRefusedError where a snapshot that
        is needed is missing, UnknownDocumentError, StoreUnavailableError.
        """
        return await self._store.prune(document, position, limit)

    def statistics(self) -> LogStatistics:
        """Return the present numbers; pending is what has not been committed, wherever it waits."""
        return LogStatistics(
            commits=self._commits,
            rows=self._rows,
            last_commit_seconds=self._last_commit_seconds,
            pending_rows=self._pending_rows,
            pending_bytes=self._pending_bytes,
            is_failing=self._is_overdue,
            retries=self._retries,
            commit_seconds=self._commit_seconds.value(),
            commit_rows=self._commit_rows.value(),
        )

    def backlog(self) -> tuple[bool, int]:
        """Return whether the store fails or takes too long, and how many bytes wait for their commit."""
        return self._is_overdue, self._pending_bytes

    @property
    def _is_overdue(self) -> bool:
        is_slow = (
            self._try_started_at is not None and perf_counter() - self._try_started_at > self._slow_seconds
        )
        return self._is_failing or is_slow

    async def _run(self) -> None:
        """Commit what gathers, a group at a time, until the log closes and nothing is left (D3)."""
        while self._pending or not self._is_closing:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                await self._gather()
                group, rows, size = self._next_group()
                self._last_rows = rows
                try:
                    if self._refused and any(append.document in self._refused for append in group):
                        await self._commit_apart(group)
                        continue
                    await self._commit(group, _PATIENT_TRIES)
                except NotCommittedError:
                    await self._commit_apart(self._next_group()[0])
                    continue
                except Exception as error:  # noqa: BLE001 - it is logged
                    # The edge of the task: it must live on for the other documents (R7).
                    _log.exception("the update log could not commit %d appends", len(group))
                    _fail(group, error)
                # Cancelled here, the group is still in the queue, where closing finds it.
                for _ in group:
                    self._pending.popleft()
                self._pending_rows -= rows
                self._pending_bytes -= size

    def _let_go(self, group: Sequence[_Append]) -> None:
        done = set(map(id, group))
        self._pending = deque(append for append in self._pending if id(append) not in done)
        self._pending_rows -= sum([len(append.rows) for append in group])
        self._pending_bytes -= sum([append.size for append in group])

    async def _commit_apart(self, group: list[_Append]) -> None:
        """Try a group's documents one by one: a document that cannot be committed holds no other up (R7).

        It is given up where others can be committed, and taken again after a while. Where none can, the store
        is at fault, and nothing is given up.
        """
        documents: dict[str, list[_Append]] = {}
        for append in group:
            documents.setdefault(append.document, []).append(append)
        stuck: dict[str, NotCommittedError] = {}
        has_committed = False
        for document, its_appends in documents.items():
            try:
                await self._commit(its_appends, 1)
            except NotCommittedError as error:
                stuck[document] = error
                if len(stuck) == _STUCK_AT_ONCE and not has_committed:
                    break
            else:
                has_committed = True
                self._refused.pop(document, None)
                self._let_go(its_appends)
        for document, error in stuck.items():
            if has_committed or document in self._refused:
                _log.error("document %r: cannot be committed, as others can: %s", document, error)
                self._refused[document] = self._loop.time() + self._refused_seconds
                _fail(documents[document], error)
                self._let_go(documents[document])

    async def _gather(self) -> None:
        """Let edits gather, unless the log was quiet: then the one that waits is committed at once."""
        rest = min(self._last_rows * GATHER_SECONDS_PER_ROW, self._gather_seconds)
        wait = self._last_commit_at + rest - self._loop.time()
        if wait > 0 and not self._is_closing:
            await asyncio.sleep(wait)
        self._last_commit_at = self._loop.time()

    def _next_group(self) -> tuple[list[_Append], int, int]:
        """Return the oldest appends, as many as fit a transaction, and their rows and bytes.

        They stay in the queue until they are done.
        """
        if self._pending_rows <= _GROUP_ROWS and self._pending_bytes <= _GROUP_BYTES:
            return list(self._pending), self._pending_rows, self._pending_bytes
        group: list[_Append] = []
        rows = size = 0
        for append in self._pending:
            if group and (rows + len(append.rows) > _GROUP_ROWS or size + append.size > _GROUP_BYTES):
                break
            rows += len(append.rows)
            size += append.size
            group.append(append)
        return group, rows, size

    async def _commit(self, group: list[_Append], tries: float) -> None:
        """Commit a group and resolve its futures, however long the store fails meanwhile.

        Raises NotCommittedError when the store has refused it so many times.
        """
        batch: dict[str, list[tuple[bytes, str]]] = {}
        for append in group:
            batch.setdefault(append.document, []).extend(append.rows)
        try:
            heads = await self._commit_insistently(batch, tries)
        except StoreUnavailableError:
            raise
        except StorageError as error:
            # The database refuses something of it for good: find out what, and commit the rest (R7).
            if len(batch) > 1:
                for document in batch:
                    await self._commit([append for append in group if append.document == document], math.inf)
                return
            (document,) = batch
            _log.error("document %r: the database refuses its rows: %s", document, error)
            refused = CorruptDocumentError(document, f"its rows do not fit its head: {error}")
            refused.__cause__ = error
            _fail(group, refused)
            return
        self._resolve(group, {name: head - len(batch[name]) for name, head in heads.items()})

    async def _commit_insistently(self, batch: Batch, tries: float) -> dict[str, int]:
        delay = _FIRST_RETRY_SECONDS
        while True:
            self._try_started_at = started = perf_counter()
            try:
                heads = await self._store.commit(batch)
            except StoreUnavailableError as error:
                self._retries += 1
                if not self._is_failing:
                    self._is_failing = True
                    _log.error("the update log cannot commit and keeps trying: %s", error)
                if isinstance(error, NotCommittedError):
                    tries -= 1
                    if tries <= 0:
                        raise
                await self._sleep(delay)
                delay = min(delay * 2, _LAST_RETRY_SECONDS)
            else:
                break
            finally:
                self._try_started_at = None
        if self._is_failing:
            self._is_failing = False
            _log.warning("the update log commits again, %d rows have waited", self._pending_rows)
        self._commits += 1
        rows = sum(len(rows) for name, rows in batch.items() if name in heads)
        self._rows += rows
        self._last_commit_seconds = perf_counter() - started
        self._commit_rows.add(rows)
        self._commit_seconds.add(self._last_commit_seconds)
        if self._observe_commit is not None:
            self._observe_commit(len(batch), rows, self._last_commit_seconds)
        for tell in self.on_commit:
            tell(heads.keys())
        return heads

    def _resolve(self, group: list[_Append], positions: dict[str, int]) -> None:
        """Tell each append the position of its last row, given each document's position before the group."""
        for append in group:
            position = positions.get(append.document)
            if position is None:
                _fail([append], UnknownDocumentError(append.document))
                continue
            positions[append.document] = position = position + len(append.rows)
            _tell(append, position)

    def _abandon(self) -> None:
        if self._pending:
            _log.error("the update log closes with %d rows not committed", self._pending_rows)
        _fail(self._pending, LogClosedError("the update log closed before this could be committed"))
        self._pending.clear()
        self._pending_rows = self._pending_bytes = 0


def _fail(group: Iterable[_Append], error: Exception) -> None:
    for append in group:
        _tell(append, error)


def _tell(append: _Append, outcome: int | Exception) -> None:
    if append.is_told:
        return
    append.is_told = True
    try:
        append.told(outcome)
    except Exception:  # noqa: BLE001 - others of the same commit are to be told, whatever becomes of one
        _log.exception("document %r: what was committed could not be told", append.document)


def _settle(done: asyncio.Future[int], outcome: int | Exception) -> None:
    if done.done():
        return
    if isinstance(outcome, int):
        done.set_result(outcome)
    else:
        done.set_exception(outcome)
