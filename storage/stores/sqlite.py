"""The rows of the update log in SQLite: plain connections, each in a thread of its own.

A commit is one hop to the writing thread. What is done there uses as few calls of the driver as possible, and
never one a row: each call gives the interpreter's lock away and has to win it back from a busy event loop,
which takes up to `sys.getswitchinterval()` (measured with a loop that is always busy: 200 rows in 1.5 s with
`executemany`, in 0.05 s as here).
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC
from typing import TypeVar

import msgspec

from storage.engine import Database
from storage.errors import (
    NotCommittedError,
    PruneRefusedError,
    SnapshotBeyondLogError,
    StoreUnavailableError,
    UnknownDocumentError,
)
from storage.failures import translated
from storage.sqlite_thread import SqliteThread
from storage.stores.ports import (
    LARGE_BYTES,
    Batch,
    Extent,
    Heads,
    History,
    Part,
    check_history,
    check_range,
    check_readable,
    check_rows,
    split_address,
    whole_parts,
)

T = TypeVar("T")

# One row a document: (address, name, epoch) in, (address, id, old head) out, both as JSON to be one value.
_FIND = """
    SELECT json_group_array(json_array(j.value ->> 0, d.id, d.head))
    FROM json_each(?) AS j CROSS JOIN documents AS d
    ON d.name = j.value ->> 1 AND d.epoch = coalesce(j.value ->> 2, d.epoch)
"""
_MOVE = """
    UPDATE documents SET head = j.value ->> 1
    FROM json_each(?) AS j WHERE documents.id = j.value ->> 0
"""
_HEADS = """
    SELECT json_group_array(json_array(d.name, d.epoch, d.head))
    FROM json_each(?) AS j CROSS JOIN documents AS d ON d.name = j.value
"""
_INSERT = "INSERT INTO updates (document_id, position, data, author, created_at) VALUES "
_DOCUMENT = """
    SELECT d.id, d.head, s.position, s.state
    FROM documents AS d LEFT JOIN snapshots AS s ON s.document_id = d.id
    WHERE d.name = ? AND d.epoch = coalesce(?, d.epoch) ORDER BY s.position DESC LIMIT 1
"""
# All small rows as one value: the position keeps the order, which an aggregate need not. As hexadecimal
# digits, in a value and then apart, a row takes seven times its bytes, so large ones come as they are.
_ROWS = f"""
    SELECT group_concat(iif(length(data) <= {LARGE_BYTES}, position || ':' || hex(data), NULL), ' '),
        max(length(data)) > {LARGE_BYTES}
    FROM updates WHERE document_id = ? AND position > ? AND position <= ?
"""
_LARGE_ROWS = f"""
    SELECT position, data FROM updates
    WHERE document_id = ? AND position > ? AND position <= ? AND length(data) > {LARGE_BYTES}
"""
# Likewise of several documents, each (name, epoch, after, upto); without those that have large rows.
_PARTS = f"""
    SELECT j.key,
        group_concat(iif(length(u.data) <= {LARGE_BYTES}, u.position || ':' || hex(u.data), NULL), ' ')
    FROM json_each(?) AS j
    CROSS JOIN documents AS d ON d.name = j.value ->> 0 AND d.epoch = coalesce(j.value ->> 1, d.epoch)
    CROSS JOIN updates AS u
    ON u.document_id = d.id AND u.position > j.value ->> 2 AND u.position <= j.value ->> 3
    GROUP BY j.key HAVING max(length(u.data)) <= {LARGE_BYTES}
"""
# The snapshot up to a position: the newest, unless it is asked for the past.
_PAST = """
    SELECT d.id, d.pruned_to, d.head, s.position, s.state
    FROM documents AS d LEFT JOIN snapshots AS s ON s.document_id = d.id AND s.position <= ?
    WHERE d.name = ? AND d.epoch = coalesce(?, d.epoch) ORDER BY s.position DESC LIMIT 1
"""
_EXTENT = "SELECT id, pruned_to, head FROM documents WHERE name = ? AND epoch = coalesce(?, epoch)"
# What must have a snapshot before rows go: the position itself, and versions that are named before it.
_UNCOVERED = """
    SELECT needed.position FROM (
        SELECT :position AS position
        UNION SELECT position FROM versions
        WHERE document_id = :id AND position > 0 AND position < :position
    ) AS needed
    WHERE NOT EXISTS (
        SELECT 1 FROM snapshots WHERE document_id = :id AND snapshots.position = needed.position
    )
    ORDER BY needed.position LIMIT 1
"""
_PRUNE = "UPDATE documents SET pruned_to = max(pruned_to, :position) WHERE id = :id"
_PRUNE_SNAPSHOTS = """
    DELETE FROM snapshots WHERE document_id = :id AND position < :position AND position NOT IN (
        SELECT position FROM versions WHERE document_id = :id
    )
"""
_PRUNE_ROWS = """
    DELETE FROM updates WHERE document_id = :id AND position IN (
        SELECT position FROM updates WHERE document_id = :id AND position <= :position
        ORDER BY position LIMIT :limit
    )
"""
_SNAPSHOT = """
    INSERT INTO snapshots (document_id, position, state, created_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (document_id, position) DO UPDATE SET state = excluded.state, created_at = excluded.created_at
"""

# No position is beyond it.
_END = 2**63 - 1

_Found = msgspec.json.Decoder(list[tuple[str, int, int]])
_Positions = msgspec.json.Decoder(list[tuple[str, str, int]])

# Statements for the powers of two up to this: few enough for the driver's cache of prepared ones.
_ROWS_PER_INSERT = 512

_ROWS_PER_PART = 256


WAL_BYTES = 64 * 1024 * 1024
"""How far the WAL grows before it is begun anew, or before that is tried again."""

_WAL_BYTES_PER_DOCUMENT = 12 * 1024
"""About what each document takes there in a commit: pages of its row, of its newest rows, and a new one."""

TRUNCATE_SECONDS = 0.5
"""How long a commit may wait for readers when it begins the WAL anew."""


class SqliteStore:
    """A LogStore in a SQLite file."""

    def __init__(self, database: Database, *, wal_bytes: int = WAL_BYTES) -> None:
        self._database = database
        self._writer = SqliteThread(database.connect_sqlite, "update-log-writer")
        self._reader = SqliteThread(database.connect_sqlite, "update-log-reader")
        self._wal_bytes = wal_bytes
        self._truncate_at = wal_bytes
        self._measured_ago_bytes = 0  # of the WAL, about: what has been committed since it was measured

    async def open(self) -> None:
        """Do nothing: the connections are opened by their threads, and again after a failure."""

    async def close(self) -> None:
        """Wait for both threads to end."""
        await self._writer.close()
        await self._reader.close()

    async def commit(self, batch: Batch) -> dict[str, int]:
        """Append a batch, holding the write gate."""
        now = self._now()
        async with self._database.write_gate():
            try:
                heads, size = await self._write(lambda connection: _commit(connection, batch, now))
            except StoreUnavailableError as error:
                raise NotCommittedError(str(error)) from error
            self._measured_ago_bytes += 2 * size + (len(batch) + 2) * _WAL_BYTES_PER_DOCUMENT
            if self._measured_ago_bytes >= self._wal_bytes // 16:
                await self._bound_wal()
        return heads

    async def heads(self, names: Sequence[str]) -> Heads:
        """Tell where documents are, beside whatever is being written."""
        return await self._read(lambda connection: _read_heads(connection, names))

    async def load(self, document: str) -> History:
        """Read a document, beside whatever is being written."""
        return await self._read(lambda connection: _load(connection, document))

    async def save_snapshot(self, document: str, position: int, state: bytes) -> None:
        """Keep a snapshot, holding the write gate."""
        now = self._now()
        async with self._database.write_gate():
            await self._write(lambda connection: _save(connection, document, position, state, now))

    async def extent(self, document: str) -> Extent:
        """Tell where a log begins and ends."""
        return await self._read(lambda connection: _find(connection, document)[1:])

    async def read_at(self, document: str, position: int) -> History:
        """Read a document's past, beside whatever is being written."""
        return await self._read(lambda connection: _read_at(connection, document, position))

    async def read_rows(self, document: str, after: int, upto: int) -> list[bytes]:
        """Read rows, beside whatever is being written."""
        return await self._read(lambda connection: _read_range(connection, document, after, upto))

    async def read_parts(self, parts: Sequence[Part]) -> list[list[bytes]]:
        """Read rows of several logs in one query."""
        return await self._read(lambda connection: _read_parts(connection, parts))

    async def prune(self, document: str, position: int, limit: int) -> int:
        """Delete some rows, holding the write gate."""
        async with self._database.write_gate():
            return await self._write(lambda connection: _prune(connection, document, position, limit))

    async def _write(self, action: Callable[[sqlite3.Connection], T]) -> T:
        with translated(str(self._database)):
            return await self._writer.run(action)

    async def _read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        with translated(str(self._database)):
            return await self._reader.run(action)

    async def _bound_wal(self) -> None:
        self._measured_ago_bytes = 0
        # By itself SQLite writes on at the end of its WAL while anybody reads, and somebody always may.
        size = wal_bytes(self._database)
        if size < self._truncate_at:
            return
        with suppress(StoreUnavailableError):  # what was committed is: the next commit tells of a real fault
            await self._write(lambda connection: _truncate_wal(connection, self._database.busy_seconds))
        self._truncate_at = wal_bytes(self._database) + self._wal_bytes

    def _now(self) -> str:
        # As SQLAlchemy writes times into SQLite, so that both read each other's.
        return self._database.clock().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def wal_bytes(database: Database) -> int:
    """Return how large the file beside the database is that commits go into first."""
    try:
        return os.stat(f"{database.path}-wal").st_size
    except FileNotFoundError:
        return 0


def _commit(connection: sqlite3.Connection, batch: Batch, now: str) -> tuple[dict[str, int], int]:
    """Append a batch; return the heads, and how many bytes of updates it has."""
    wanted = msgspec.json.encode([(address, *split_address(address)) for address in batch]).decode()
    connection.execute("BEGIN IMMEDIATE")
    ((found,),) = connection.execute(_FIND, (wanted,)).fetchall()
    heads: dict[str, int] = {}
    moved: dict[int, int] = {}
    values: list[object] = []
    size = 0
    for address, document_id, head in _Found.decode(found):
        if document_id in moved:
            continue
        for data, author in batch[address]:
            head += 1
            size += len(data)
            values += (document_id, head, data, author, now)
        heads[address] = moved[document_id] = head
    connection.execute(_MOVE, (msgspec.json.encode([*moved.items()]).decode(),))
    _insert(connection, values)
    connection.execute("COMMIT")
    return heads, size


def _truncate_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Write what is in the WAL into the database and begin it anew, unless readers do not end in time."""
    connection.execute(f"PRAGMA busy_timeout = {int(TRUNCATE_SECONDS * 1000)}")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")


def _insert(connection: sqlite3.Connection, values: list[object]) -> None:
    start, left = 0, len(values) // 5
    while left:
        count = min(_ROWS_PER_INSERT, 1 << (left.bit_length() - 1))
        statement = _INSERT + ",".join(["(?,?,?,?,?)"] * count)
        connection.execute(statement, values[start : start + 5 * count])
        start += 5 * count
        left -= count


def _read_heads(connection: sqlite3.Connection, names: Sequence[str]) -> Heads:
    wanted = msgspec.json.encode(names).decode()
    ((found,),) = connection.execute(_HEADS, (wanted,)).fetchall()
    return {name: (epoch, head) for name, epoch, head in _Positions.decode(found)}


def _load(connection: sqlite3.Connection, document: str) -> History:
    connection.execute("BEGIN")
    found = connection.execute(_DOCUMENT, split_address(document)).fetchall()
    if not found:
        raise UnknownDocumentError(document)
    ((document_id, head, position, state),) = found
    # To the end, for a row behind the head is a fault that must be seen.
    rows = _read_rows(connection, document_id, position or 0, _END)
    connection.execute("COMMIT")
    check_history(document, head, position, [row[0] for row in rows])
    return head, state, [row[1] for row in rows]


def _read_at(connection: sqlite3.Connection, document: str, wanted: int) -> History:
    connection.execute("BEGIN")
    found = connection.execute(_PAST, (wanted, *split_address(document))).fetchall()
    if not found:
        raise UnknownDocumentError(document)
    ((document_id, pruned_to, head, position, state),) = found
    check_readable(document, (pruned_to, head), wanted, position or 0)
    rows = _read_past(connection, document_id, position or 0, wanted)
    connection.execute("COMMIT")
    check_rows(document, position or 0, wanted, [row[0] for row in rows])
    return wanted, state, [row[1] for row in rows]


def _read_range(connection: sqlite3.Connection, document: str, after: int, upto: int) -> list[bytes]:
    connection.execute("BEGIN")
    document_id, *extent = _find(connection, document)
    check_range(document, (extent[0], extent[1]), after, upto)
    rows = _read_past(connection, document_id, after, upto)
    connection.execute("COMMIT")
    check_rows(document, after, upto, [row[0] for row in rows])
    return [row[1] for row in rows]


def _read_parts(connection: sqlite3.Connection, parts: Sequence[Part]) -> list[list[bytes]]:
    wanted = [(*split_address(address), after, upto) for address, after, upto in parts]
    found = connection.execute(_PARTS, (msgspec.json.encode(wanted).decode(),)).fetchall()
    rows = {index: [data for _, data in sorted(map(_split, joined.split(" ")))] for index, joined in found}
    return whole_parts(parts, rows)


def _read_past(
    connection: sqlite3.Connection, document_id: int, after: int, upto: int
) -> list[tuple[int, bytes]]:
    # In parts, for a past may be long, and taking a value apart keeps the interpreter from all others.
    rows: list[tuple[int, bytes]] = []
    for start in range(after, upto, _ROWS_PER_PART):
        rows += _read_rows(connection, document_id, start, min(start + _ROWS_PER_PART, upto))
    return rows


def _read_rows(
    connection: sqlite3.Connection, document_id: int, after: int, upto: int
) -> list[tuple[int, bytes]]:
    ((joined, has_large),) = connection.execute(_ROWS, (document_id, after, upto)).fetchall()
    rows = [_split(row) for row in joined.split(" ")] if joined else []
    if has_large:
        rows += connection.execute(_LARGE_ROWS, (document_id, after, upto)).fetchall()
    return sorted(rows)


def _find(connection: sqlite3.Connection, document: str) -> tuple[int, int, int]:
    found = connection.execute(_EXTENT, split_address(document)).fetchone()
    if found is None:
        raise UnknownDocumentError(document)
    return found


def _prune(connection: sqlite3.Connection, document: str, position: int, limit: int) -> int:
    connection.execute("BEGIN IMMEDIATE")
    values = {"id": _find(connection, document)[0], "position": position, "limit": limit}
    uncovered = connection.execute(_UNCOVERED, values).fetchone()
    if uncovered is not None:
        raise PruneRefusedError(document, position, uncovered[0])
    connection.execute(_PRUNE, values)
    connection.execute(_PRUNE_SNAPSHOTS, values)
    pruned = connection.execute(_PRUNE_ROWS, values).rowcount
    connection.execute("COMMIT")
    return pruned


def _split(row: str) -> tuple[int, bytes]:
    position, _, data = row.partition(":")
    return int(position), bytes.fromhex(data)


def _save(connection: sqlite3.Connection, document: str, position: int, state: bytes, now: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    document_id, _, head = _find(connection, document)
    if not 0 < position <= head:
        raise SnapshotBeyondLogError(document, position, head)
    connection.execute(_SNAPSHOT, (document_id, position, state, now))
    connection.execute("COMMIT")
