"""The rows of the update log in Postgres: a connection that only appends, and a few that read.

Locks are taken in the order of the documents' names, so that two processes never wait for each other in a
circle. A connection that is lost during COMMIT leaves open whether it happened; then the server is asked
about the transaction's id, and the log for its rows, before anything else is written.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

import asyncpg
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
from storage.postgres import PostgresConnection
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

LOCK_SECONDS = 2.0
"""How long a commit waits for a document that somebody else holds: all others wait meanwhile."""

_READERS = 4
"""Documents that are read at the same time; more wait."""

# One round trip: lock the documents in order, move their heads, insert the rows at the positions so gained.
_APPEND = """
    WITH wanted AS (
        SELECT name, total, epoch, ordinal
        FROM unnest($1::text[], $2::bigint[], $8::text[])
        WITH ORDINALITY AS wanted(name, total, epoch, ordinal)
    ), locked AS (
        SELECT id FROM documents WHERE name = ANY($1::text[]) ORDER BY name FOR NO KEY UPDATE
    ), moved AS (
        UPDATE documents SET head = documents.head + wanted.total
        FROM locked, wanted
        WHERE documents.id = locked.id AND documents.name = wanted.name
        AND documents.epoch = coalesce(wanted.epoch, documents.epoch)
        RETURNING documents.id, documents.head, wanted.total, wanted.ordinal
    ), written AS (
        INSERT INTO updates (document_id, position, data, author, created_at)
        SELECT moved.id, moved.head - moved.total + row.step, row.data, row.author, $7
        FROM unnest($3::bigint[], $4::bigint[], $5::bytea[], $6::text[]) AS row(ordinal, step, data, author)
        JOIN moved ON moved.ordinal = row.ordinal
    )
    SELECT ordinal, head, pg_current_xact_id()::text AS transaction FROM moved
"""
_HEADS = "SELECT name, epoch, head FROM documents WHERE name = ANY($1::text[])"
_DOCUMENT = """
    SELECT d.id, d.head, s.position, s.state
    FROM documents AS d LEFT JOIN snapshots AS s ON s.document_id = d.id
    WHERE d.name = $1 AND d.epoch = coalesce($2, d.epoch) ORDER BY s.position DESC NULLS LAST LIMIT 1
"""
_ROWS = "SELECT position, data FROM updates WHERE document_id = $1 AND position > $2 ORDER BY position"
_EXTENT = "SELECT id, pruned_to, head FROM documents WHERE name = $1 AND epoch = coalesce($2, epoch)"
_STATE = """
    SELECT position, state FROM snapshots WHERE document_id = $1 AND position <= $2
    ORDER BY position DESC LIMIT 1
"""
_RANGE = """
    SELECT position, data FROM updates WHERE document_id = $1 AND position > $2 AND position <= $3
    ORDER BY position
"""
_PARTS = f"""
    SELECT part.number, updates.data
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY
    AS part(name, epoch, after, upto, number)
    JOIN documents ON documents.name = part.name AND documents.epoch = coalesce(part.epoch, documents.epoch)
    JOIN updates ON updates.document_id = documents.id
    AND updates.position > part.after AND updates.position <= part.upto
    AND length(updates.data) <= {LARGE_BYTES}
    ORDER BY part.number, updates.position
"""
# What must have a snapshot before rows go: the position itself, and versions that are named before it.
_UNCOVERED = """
    SELECT needed.position FROM (
        SELECT $2::bigint AS position
        UNION SELECT position FROM versions WHERE document_id = $1 AND position > 0 AND position < $2
    ) AS needed
    WHERE NOT EXISTS (
        SELECT FROM snapshots WHERE document_id = $1 AND snapshots.position = needed.position
    )
    ORDER BY needed.position LIMIT 1
"""
_PRUNE = "UPDATE documents SET pruned_to = greatest(pruned_to, $2) WHERE id = $1"
_PRUNE_SNAPSHOTS = """
    DELETE FROM snapshots WHERE document_id = $1 AND position < $2 AND position NOT IN (
        SELECT position FROM versions WHERE document_id = $1
    )
"""
_PRUNE_ROWS = """
    WITH gone AS (
        DELETE FROM updates WHERE document_id = $1 AND position IN (
            SELECT position FROM updates WHERE document_id = $1 AND position <= $2 ORDER BY position LIMIT $3
        ) RETURNING position
    )
    SELECT count(*) FROM gone
"""
_SNAPSHOT = """
    INSERT INTO snapshots (document_id, position, state, created_at)
    SELECT id, $3::bigint, $4, $5 FROM documents
    WHERE name = $1 AND epoch = coalesce($2, epoch) AND $3::bigint BETWEEN 1 AND head
    ON CONFLICT (document_id, position) DO UPDATE SET state = excluded.state, created_at = excluded.created_at
    RETURNING position
"""
# Which of these rows are in the log.
_THERE = """
    SELECT count(*) FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::text[])
    AS row(name, position, data, author)
    JOIN documents ON documents.name = row.name
    JOIN updates ON updates.document_id = documents.id AND updates.position = row.position
    AND updates.data = row.data AND updates.author = row.author
"""
# The session that was lost to us may live on at the server, holding its locks.
_END_SESSION = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xid = $1::text::xid8::xid
"""


class _Doubt(msgspec.Struct, frozen=True):
    """A commit that was asked for and not answered."""

    batch: Batch
    transaction: str
    heads: dict[str, int]


class PostgresStore:
    """A LogStore in Postgres."""

    def __init__(self, database: Database, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self._database = database
        self._begin = f"BEGIN; SET LOCAL lock_timeout = {int(lock_seconds * 1000)}"
        self._writer: PostgresConnection | None = None
        self._doubt: _Doubt | None = None
        self._idle: list[PostgresConnection] = []
        self._readers = asyncio.Semaphore(_READERS)

    async def open(self) -> None:
        """Do nothing: connections are opened when they are needed, and again after a failure."""

    async def close(self) -> None:
        """Close the connections; one that does not answer is dropped."""
        connections = [*self._idle, *([self._writer] if self._writer is not None else [])]
        self._idle, self._writer = [], None
        for connection in connections:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=2)

    async def commit(self, batch: Batch) -> dict[str, int]:
        """Append a batch in one transaction of three round trips."""
        try:
            with translated(str(self._database)):
                if self._writer is None or self._writer.is_closed():
                    self._writer = await self._database.connect_postgres()
                if self._doubt is not None:
                    assert self._doubt.batch is batch, "another batch, before the doubtful one is settled"
                    heads = await self._settle(self._writer, self._doubt)
                    self._doubt = None
                    if heads is not None:
                        return heads
                return await self._append(self._writer, batch)
        except BaseException as error:
            if self._writer is not None:
                self._writer.terminate()
                self._writer = None
            if isinstance(error, StoreUnavailableError) and self._doubt is None:
                raise NotCommittedError(str(error)) from error
            raise

    async def heads(self, names: Sequence[str]) -> Heads:
        """Tell where documents are, in one statement."""
        async with self._reader() as connection:
            found = await connection.fetch(_HEADS, names)
        return {row["name"]: (row["epoch"], row["head"]) for row in found}

    async def load(self, document: str) -> History:
        """Read a document in a snapshot of its own."""
        async with self._reader() as connection:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            found = await connection.fetchrow(_DOCUMENT, *split_address(document))
            if found is None:
                raise UnknownDocumentError(document)
            rows = await connection.fetch(_ROWS, found["id"], found["position"] or 0)
            await connection.execute("COMMIT")
        check_history(document, found["head"], found["position"], [row["position"] for row in rows])
        return found["head"], found["state"], [row["data"] for row in rows]

    async def save_snapshot(self, document: str, position: int, state: bytes) -> None:
        """Keep a snapshot in one statement."""
        async with self._reader() as connection:
            now = self._database.clock()
            address = split_address(document)
            if await connection.fetchval(_SNAPSHOT, *address, position, state, now) is not None:
                return
            _, _, head = await self._find(connection, document)
        raise SnapshotBeyondLogError(document, position, head)

    async def extent(self, document: str) -> Extent:
        """Tell where a log begins and ends."""
        async with self._reader() as connection:
            _, pruned_to, head = await self._find(connection, document)
        return pruned_to, head

    async def read_at(self, document: str, position: int) -> History:
        """Read a document's past in a snapshot of its own."""
        async with self._reader() as connection:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            document_id, *extent = await self._find(connection, document)
            found = await connection.fetchrow(_STATE, document_id, position)
            snapshot, state = (found["position"], found["state"]) if found is not None else (0, None)
            check_readable(document, (extent[0], extent[1]), position, snapshot)
            rows = await connection.fetch(_RANGE, document_id, snapshot, position)
            await connection.execute("COMMIT")
        check_rows(document, snapshot, position, [row["position"] for row in rows])
        return position, state, [row["data"] for row in rows]

    async def read_rows(self, document: str, after: int, upto: int) -> list[bytes]:
        """Read rows in a snapshot of its own."""
        async with self._reader() as connection:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            document_id, *extent = await self._find(connection, document)
            check_range(document, (extent[0], extent[1]), after, upto)
            rows = await connection.fetch(_RANGE, document_id, after, upto)
            await connection.execute("COMMIT")
        check_rows(document, after, upto, [row["position"] for row in rows])
        return [row["data"] for row in rows]

    async def read_parts(self, parts: Sequence[Part]) -> list[list[bytes]]:
        """Read rows of several logs in one query."""
        wanted = [(*split_address(address), after, upto) for address, after, upto in parts]
        async with self._reader() as connection:
            rows = await connection.fetch(_PARTS, *map(list, zip(*wanted, strict=True)))
        found: dict[int, list[bytes]] = {}
        for row in rows:
            found.setdefault(row["number"] - 1, []).append(row["data"])
        return whole_parts(parts, found)

    async def prune(self, document: str, position: int, limit: int) -> int:
        """Delete some rows. The document's row is locked meanwhile, as an append does."""
        async with self._reader() as connection:
            await connection.execute("BEGIN")
            document_id, _, _ = await self._find(connection, document, f"{_EXTENT} FOR NO KEY UPDATE")
            uncovered = await connection.fetchval(_UNCOVERED, document_id, position)
            if uncovered is not None:
                raise PruneRefusedError(document, position, uncovered)
            await connection.execute(_PRUNE, document_id, position)
            await connection.execute(_PRUNE_SNAPSHOTS, document_id, position)
            pruned = await connection.fetchval(_PRUNE_ROWS, document_id, position, limit)
            await connection.execute("COMMIT")
        return pruned

    async def _find(
        self, connection: PostgresConnection, document: str, query: str = _EXTENT
    ) -> tuple[int, int, int]:
        found = await connection.fetchrow(query, *split_address(document))
        if found is None:
            raise UnknownDocumentError(document)
        return found["id"], found["pruned_to"], found["head"]

    async def _append(self, connection: PostgresConnection, batch: Batch) -> dict[str, int]:
        addresses = sorted(batch)
        rows = [
            (ordinal, step, data, author)
            for ordinal, address in enumerate(addresses, start=1)
            for step, (data, author) in enumerate(batch[address], start=1)
        ]
        totals = [len(batch[address]) for address in addresses]
        names, epochs = zip(*map(split_address, addresses), strict=True)
        columns = [list(column) for column in zip(*rows, strict=True)]
        await connection.execute(self._begin)
        moved = await connection.fetch(_APPEND, names, totals, *columns, self._database.clock(), epochs)
        heads: dict[str, int] = {addresses[row["ordinal"] - 1]: row["head"] for row in moved}
        if not heads:
            await connection.execute("ROLLBACK")
            return heads
        self._doubt = _Doubt(batch=batch, transaction=moved[0]["transaction"], heads=heads)
        await connection.execute("COMMIT")
        self._doubt = None
        return heads

    async def _settle(self, connection: PostgresConnection, doubt: _Doubt) -> dict[str, int] | None:
        """Return the heads if the doubtful commit happened, None if it never will; raise while unsure."""
        try:
            fate = await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", doubt.transaction)
        except asyncpg.InvalidParameterValueError:
            # An id from the future: another server has taken over, which never saw the transaction.
            return None
        if fate == "aborted":
            return None
        # The server forgets the fate of old transactions, and one that has taken over from another may have
        # committed something else under this id: the rows tell.
        if fate in ("committed", None):
            return doubt.heads if await self._are_there(connection, doubt) else None
        await connection.fetch(_END_SESSION, doubt.transaction)
        raise StoreUnavailableError(
            f"the database {self._database} does not tell yet whether it committed (it says {fate!r})"
        )

    async def _are_there(self, connection: PostgresConnection, doubt: _Doubt) -> bool:
        """Tell whether a batch is in the log: some row of it, at the position that it would have."""
        rows = [
            (split_address(address)[0], head, *doubt.batch[address][-1])
            for address, head in doubt.heads.items()
        ]
        return await connection.fetchval(_THERE, *(list(column) for column in zip(*rows, strict=True))) > 0

    @asynccontextmanager
    async def _reader(self) -> AsyncGenerator[PostgresConnection]:
        async with self._readers:
            with translated(str(self._database)):
                while self._idle and self._idle[-1].is_closed():
                    self._idle.pop()
                connection = self._idle.pop() if self._idle else await self._database.connect_postgres()
                try:
                    yield connection
                except BaseException:
                    connection.terminate()
                    raise
                self._idle.append(connection)
