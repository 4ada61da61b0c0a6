"""Bounds how much of the past is kept (rule D8): what is older goes, once a snapshot is proven to cover it.

Works through the documents one after another, in small transactions, with the heavy part in the child; any
number of processes may do so at once. What is named is never lost: it keeps a snapshot of its own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from crdt import history
from crdt.document import read_snapshot
from crdt.errors import DocumentDamaged
from server.background.pacing import again_and_again
from server.offload import Offload, size_of
from server.run_undo import as_deed, remember
from storage.engine import Database
from storage.errors import CorruptDocumentError, PruneRefusedError, UnknownPositionError
from storage.models import Document
from storage.update_log import UpdateLog

logger = logging.getLogger(__name__)

EVERY_SECONDS = 6 * 3600.0
"""A document whose history moves on costs one snapshot in this time."""

STEP_ROWS = 5000
"""Rows that one snapshot takes the place of; a longer past goes in several steps."""

DELETED_ROWS = 500
"""Rows that one transaction deletes, while all others who write wait."""

_PAGE = 100


class Retention:
    """Prunes every document's log up to some days ago."""

    def __init__(
        self,
        database: Database,
        log: UpdateLog,
        offload: Offload,
        *,
        history_days: int,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._log = log
        self._offload = offload
        self._age = timedelta(days=history_days)
        self._sleep = sleep

    async def run(self) -> None:
        """Prune again and again, until the task is cancelled."""
        await again_and_again(
            self.prune_all,
            EVERY_SECONDS,
            "history could not be pruned; it will be tried again",
            sleep=self._sleep,
        )

    async def prune_all(self) -> int:
        """Prune every document once; return how many rows were deleted."""
        pruned = document_id = 0
        while True:
            async with self._database.read() as uow:
                documents = await uow.documents.list_after(document_id, _PAGE)
            if not documents:
                return pruned
            document_id = documents[-1].id
            for document in documents:
                pruned += await self._prune_document(document.name)

    async def _prune_document(self, document: str) -> int:
        """Prune one document; one that cannot be is left as it is, and logged (R7)."""
        pruned = 0
        try:
            while step := await self._take_step(document):
                pruned += step
        except UnknownPositionError:
            pass  # another process was faster
        except (CorruptDocumentError, DocumentDamaged, PruneRefusedError) as error:
            logger.error("document %s: its history is not pruned: %s", document, error)  # noqa: TRY400
        if pruned:
            logger.info("document %s: %d rows of its history were pruned", document, pruned)
        return pruned

    async def _take_step(self, document: str) -> int:
        """Replace the oldest rows, so far as they are old enough, by a snapshot; return how many went."""
        async with self._database.read() as uow:
            found = await uow.documents.get(document)
            if found is None:
                return 0
            pruned_to = found.pruned_to
            position = await uow.versions.written_before(found, uow.now - self._age, STEP_ROWS)
            named = await uow.versions.positions_up_to(found, position)
            if position == pruned_to:
                return 0
            runs = await uow.run_deeds.between(found.id, pruned_to, position)
        _, base, _ = await self._log.read_at(document, pruned_to)
        if runs:
            await self._remember(found, base, position, runs)
        for kept in sorted({position, *(place for place in named if place > pruned_to)}):
            rows = await self._log.read_rows(document, pruned_to, kept)
            size = size_of(base, rows)
            # From what was proven before, never from a snapshot that a room has made meanwhile.
            folded = await self._offload.run(size, history.fold_provably, base, rows)
            if folded is None:
                logger.error("document %s: a snapshot at %d does not give its rows", document, kept)
                return 0
            await self._log.save_snapshot(document, kept, folded)
        return await self._delete(document, position)

    async def _remember(
        self, document: Document, base: bytes | None, position: int, runs: dict[str, list[int]]
    ) -> None:
        """Keep what runs of agents did in rows that are going, so that it can still be undone."""
        after = document.pruned_to
        rows = await self._log.read_rows(document.name, after, position)
        own = {author: [place - after - 1 for place in places] for author, places in runs.items()}
        size = size_of(base, rows)
        done = await self._offload.run(size, remember, read_snapshot(base), rows, own)
        async with self._database.transaction() as uow:
            for one in done:
                await uow.run_deeds.keep(as_deed(document.id, position, one))

    async def _delete(self, document: str, position: int) -> int:
        pruned = 0
        while True:
            deleted = await self._log.prune(document, position, limit=DELETED_ROWS)
            pruned += deleted
            if deleted < DELETED_ROWS:
                return pruned
