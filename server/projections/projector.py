"""Brings the rows of one document up to its log, and tells what happened in it (events).

A document is read beside the event loop and compared with the digests of its rows; only what differs is
written, in transactions that claim the document first. So any number of processes may do this at once, be
killed in between, and begin again: each row and each event is written once. Within a process those who write
rows of a document wait for each other: whoever is overtaken has read for nothing.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence, Set
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec
from anyio import BrokenWorkerProcess, sleep

from blocks.rows import Changes
from crdt.errors import DocumentDamaged
from server.offload import SMALL_BYTES, Offload, size_of
from server.projections.archived import ARCHIVIST
from server.projections.channels import ChannelRows
from server.projections.comments import CommentRows
from server.projections.kept import KeptDocuments
from server.projections.pages import PageRows
from server.projections.ports import Happening, Moment, R, Rows
from storage.engine import Database
from storage.errors import (
    CorruptDocumentError,
    StorageError,
    UnknownDocumentError,
    UnknownPositionError,
    UnknownWorkspaceError,
)
from storage.events import NewEvent
from storage.repositories.projections import TOLD_EVERY, Overtaken, Standing
from storage.stores.ports import History, Part
from storage.unit_of_work import UnitOfWork
from storage.update_log import UpdateLog

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 200
"""Rows that one transaction writes, while all others who write may wait."""

ROWS_READ_AT_ONCE = 4
"""Rows of a log that are applied to a document that is kept, or more where they are small."""

ROWS_READ_TOGETHER = 100
"""Of the log of each page that is followed together with others."""

FORGOTTEN_AT_ONCE = 100
"""Rows of each table that one transaction removes."""

OVERTAKEN_SECONDS = 0.05
"""How long somebody else is let write before all is read once more."""

_UNREADABLE = (UnknownPositionError, CorruptDocumentError, DocumentDamaged, BrokenWorkerProcess)
"""What says that a document cannot be read at a position."""

_MAX_AUTHORS = 50
"""Of an edit that an event tells of."""


class Projector:
    """Works on documents by name."""

    def __init__(self, database: Database, log: UpdateLog, offload: Offload) -> None:
        self._database = database
        self._log = log
        self._offload = offload
        self._pages = PageRows()
        self._channels = ChannelRows()
        self._comments = CommentRows()
        self._kept = KeptDocuments(offload)
        self._turns = WeakValueDictionary[str, asyncio.Lock]()

    def turn(self, name: str) -> asyncio.Lock:
        """Return what whoever writes rows of a document in this process holds meanwhile."""
        return self._turns.setdefault(name, asyncio.Lock())

    async def follow(self, name: str) -> bool:
        """Bring a document's rows up to its log; one that is no more is left alone.

        Returns whether it may be followed together with others the next time. Raises Overtaken when another
        process does the same, and storage's errors.
        """
        async with self.turn(name):
            return await self.follow_in_turn(name)

    async def follow_in_turn(self, name: str) -> bool:
        """Do that for who holds the document's turn."""
        standing = await self._find(name)
        if standing is not None and standing.is_stale:
            await self._make_anew(standing)
            standing = await self._find(name)
        if standing is None:
            return False
        if standing.kind == "channel" and (standing := await self._stop_at_removals(standing)) is None:
            return False
        if standing.revision == 0 or standing.position < standing.head:
            await self._bring_up(standing, is_past=False)
        elif standing.has_untold_edits:
            await self._tell_of_edits(standing)
        return self._kept.is_here(standing)

    async def follow_unchanged(self, names: Sequence[str]) -> tuple[Set[str], Set[str]]:
        """Bring the rows of those pages up to their logs, in one transaction, that need nothing written.

        Editors with a schema of their own edit nothing that has rows, and new pages have none. A page that is
        kept is read from there on; one that has no rows, from the beginning of its log. Returns the names of
        these pages, and of those in which something with a row was edited; all others are to be followed,
        too. Raises storage's errors.
        """
        async with AsyncExitStack() as turns:
            free = [name for name in names if not self.turn(name).locked()]
            for name in free:
                await turns.enter_async_context(self.turn(name))
            async with self._database.read() as uow:
                found = await uow.projections.find_all(free)
                now = uow.now
                new = {standing.document_id for standing in found if standing.revision == 0}
                let_go = [standing for standing in found if standing.revision and self._is_let_go(standing)]
                if let_go:
                    without = await uow.projected_blocks.without([each.subject_id for each in let_go])
                    new |= {each.document_id for each in let_go if each.subject_id in without}
            following: set[str] = set()
            to_read: list[tuple[Standing, Part]] = []
            for standing in found:
                start = 0 if standing.document_id in new else self._start_of(standing)
                if start is None or standing.head - start > ROWS_READ_TOGETHER:
                    continue
                is_behind = standing.revision == 0 or standing.position < standing.head
                if is_behind or _is_to_be_told(standing, standing.head, now):
                    to_read.append((standing, (standing.address, start, standing.head)))
                else:
                    following.add(standing.name)
            unchanged, changed = await self._compare(to_read, new)
            if not unchanged:
                return following, changed
            edits = await self._edits_of(unchanged, now)
            async with self._database.transaction() as uow:
                claimed = await uow.projections.claim_unchanged(unchanged, told=edits.keys())
                done = [standing for standing in unchanged if standing.document_id in claimed]
                happened: dict[UUID, list[NewEvent]] = {}
                for standing in done:
                    if (happening := edits.get(standing.document_id)) is not None:
                        happened.setdefault(standing.workspace_id, []).append(_event(standing, happening))
                for workspace_id in sorted(happened):
                    await uow.events.append_all(workspace_id, happened[workspace_id])
        return following | {standing.name for standing in done}, changed

    def _start_of(self, standing: Standing) -> int | None:
        """Return from which position on a document can be read with others; None for one that cannot be."""
        is_kept = not standing.is_stale and self._kept.is_here(standing)
        return self._kept.position(standing) if is_kept else None

    def _is_let_go(self, standing: Standing) -> bool:
        """Whether a document is not kept any more, and so little was written that all of it can be read."""
        is_short = standing.head <= ROWS_READ_TOGETHER
        return is_short and not standing.is_stale and self._kept.position(standing) is None

    async def _edits_of(self, standings: Sequence[Standing], now: datetime) -> dict[int, Happening]:
        """Return the edits to tell of in some documents, by their ids."""
        untold = [standing for standing in standings if _is_to_be_told(standing, standing.head, now)]
        if not untold:
            return {}
        async with self._database.read() as uow:
            authors = await uow.projections.untold_authors(untold)
        return {
            standing.document_id: _edits_by(standing, authors.get(standing.document_id, ()))
            for standing in untold
        }

    async def _compare(
        self, to_read: Sequence[tuple[Standing, Part]], new: Set[int]
    ) -> tuple[list[Standing], set[str]]:
        """Return of some documents, kept here or `new` (ids: without rows), those in which nothing was
        touched that has rows, and the names of those in which something was."""
        unchanged: list[Standing] = []
        changed: set[str] = set()
        parts = await self._log.read_parts([part for _, part in to_read])
        for (standing, (_, start, head)), rows in zip(to_read, parts, strict=True):
            if len(rows) == head - start:
                if standing.document_id in new:
                    touched = self._kept.read_new(standing, rows)
                else:
                    touched = await self._kept.read_on(standing, start, rows)
                if touched is not None and touched.is_empty:
                    unchanged.append(standing)
                elif touched is not None:
                    changed.add(standing.name)
            await asyncio.sleep(0)  # people first
        return unchanged, changed

    async def rebuild(self, name: str) -> None:
        """Make a document's rows anew up to the position that they have, without events; then follow.

        Raises what `follow` raises.
        """
        standing = await self._find(name)
        if standing is not None and standing.revision:
            await self._make_anew(standing)
        await self.follow(name)

    async def index_archived(self, name: str) -> None:
        """Let archived messages of a channel be found, and write down anew whom they mention.

        They are in no document, so this reads their rows. Whoever else writes rows of the channel meanwhile
        holds up one part of this only.
        """
        after: UUID | None = None
        while (standing := await self._find(name)) is not None:
            try:
                async with self._database.transaction() as uow:
                    standing = await uow.projections.claim(standing)
                    after = await self._channels.index_archived(uow, standing, after, ROWS_AT_ONCE)
            except Overtaken:
                continue
            if after is None:
                return

    async def forget(self, name: str) -> bool:
        """Remove some rows of a document that is no more; tell whether all are gone."""
        async with self._database.transaction() as uow:
            return await uow.projections.forget(name, FORGOTTEN_AT_ONCE)

    async def forget_found(self) -> bool:
        """Remove some of what is found of workspaces that are no more; tell whether all is gone."""
        async with self._database.transaction() as uow:
            return await uow.search.forget_orphans(FORGOTTEN_AT_ONCE)

    async def _find(self, name: str) -> Standing | None:
        async with self._database.read() as uow:
            return await uow.projections.find(name)

    async def _make_anew(self, standing: Standing) -> None:
        """Write all rows as of the position that they have."""
        if standing.kind == "channel":
            await self.index_archived(standing.name)
        while (found := await self._find(standing.name)) is not None:
            if standing.is_stale and not found.is_stale:
                return  # somebody else has done it
            try:
                await self._bring_up(found, is_past=True)
            except Overtaken:
                # Not from the beginning: an archive may be long.
                await sleep(OVERTAKEN_SECONDS)
            else:
                return

    async def _stop_at_removals(self, standing: Standing) -> Standing | None:
        """Bring a channel's rows to just before messages leave it for the archive, each time that they do.

        What was edited last in a message is in the document there, and never again. So whoever passes by has
        it in the rows, however late that is, and whoever was killed meanwhile. Where the log is not kept that
        far back, the rows stay as they are.
        """
        after, upto = standing.position + 1, standing.head  # one that comes next has the rows just before it
        if standing.revision == 0 or after >= upto:  # nothing is archived of what has no rows
            return standing
        async with self._database.read() as uow:
            removals = await uow.projections.written_by(standing.document_id, ARCHIVIST.id, after, upto)
        for position in removals:
            if standing.position >= position - 1:  # somebody else was here
                continue
            before = msgspec.structs.replace(standing, head=position - 1)
            try:
                await self._bring_up_kind(before, is_past=False, upto=before.head)
            except _UNREADABLE as error:
                logger.info("document %s cannot be read at %d: %s", standing.name, before.head, error)
                continue
            except (UnknownDocumentError, UnknownWorkspaceError):
                return None
            if (found := await self._find(standing.name)) is None:
                return None
            standing = msgspec.structs.replace(found, head=upto)
        return standing

    async def _bring_up(self, standing: Standing, *, is_past: bool) -> None:
        try:
            await self._bring_up_kind(standing, is_past=is_past)
        except (UnknownDocumentError, UnknownWorkspaceError):
            logger.info("document %s is no more", standing.name)
        except (CorruptDocumentError, DocumentDamaged, BrokenWorkerProcess) as error:
            # The rows stay as they are until there is something new to be read (R7).
            logger.error("document %s cannot be projected: %s", standing.name, error)  # noqa: TRY400
            async with self._database.transaction() as uow:
                await uow.projections.claim(
                    standing, position=standing.head, fault=str(error) or repr(error), is_rebuilt=True
                )

    async def _bring_up_kind(self, standing: Standing, *, is_past: bool, upto: int | None = None) -> None:
        if standing.kind == "page":
            await self._bring_up_rows(standing, self._pages, is_past=is_past, upto=upto)
        elif standing.kind == "channel":
            await self._bring_up_rows(standing, self._channels, is_past=is_past, upto=upto)
        elif standing.kind == "comments":
            await self._bring_up_rows(standing, self._comments, is_past=is_past, upto=upto)

    async def _load(self, standing: Standing, *, is_past: bool, upto: int | None) -> History:
        if upto is not None:
            return await self._log.read_at(standing.address, upto)
        if is_past or standing.kind == "channel":
            # Messages may leave a channel this moment: it is read as far as was looked for that.
            position = standing.position if is_past else standing.head
            try:
                return await self._log.read_at(standing.address, position)
            except UnknownPositionError:
                logger.info("document %s: the position %d is pruned", standing.name, position)
        return await self._log.load(standing.address)

    async def _bring_up_rows(
        self, standing: Standing, rows: Rows[R], *, is_past: bool, upto: int | None
    ) -> None:
        try:
            await self._compare_and_write(standing, rows, is_past=is_past, upto=upto)
        except (StorageError, Overtaken):
            raise
        except Exception:
            # What is kept may be why: it would be so at every look.
            self._kept.forget(standing)
            raise

    async def _compare_and_write(
        self, standing: Standing, rows: Rows[R], *, is_past: bool, upto: int | None
    ) -> None:
        position, changes = (None if is_past else await self._read_on(standing, rows)) or await self._read(
            standing, rows, is_past=is_past, upto=upto
        )
        async with self._database.read() as uow:
            edits: Happening | None = None
            if is_past:
                written_at = await uow.projections.written_at(standing.document_id, position)
                moment = Moment(written_at or uow.now, None, is_past)
            elif changes.is_empty and not _is_to_be_told(standing, position, uow.now):
                moment = Moment(uow.now, None, is_past)
            else:
                wrote = await uow.projections.authors(standing.document_id, standing.position, position)
                author = _principals(wrote)[-1] if wrote else None
                moment = Moment(next(reversed(wrote.values()), uow.now), author, is_past)
                is_same_part = standing.told_position == standing.position
                edits = await _edits_to_tell_of(uow, standing, position, wrote if is_same_part else None)
        await self._write(standing, position, changes, rows, moment, edits)

    async def _read(
        self, standing: Standing, rows: Rows[R], *, is_past: bool, upto: int | None
    ) -> tuple[int, Changes[R]]:
        """Compare a document as a whole; return the position that it was read at."""
        position, snapshot, updates = await self._load(standing, is_past=is_past, upto=upto)
        async with self._database.read() as uow:
            known = await rows.known(uow, standing.subject_id)
        if is_past:  # all rows are written anew, whatever the tables have
            known = msgspec.structs.replace(known, digests=dict.fromkeys(known.digests, b""))
        if rows.compare is not None and not is_past:
            return position, await self._kept.read(standing.address, position, snapshot, updates, known)
        size = size_of(snapshot, updates)
        return position, await self._offload.run(size, rows.read, snapshot, updates, known)

    async def _read_on(self, standing: Standing, rows: Rows[R]) -> tuple[int, Changes[R]] | None:
        """Compare what was touched in a document that is kept, if it is."""
        touched = await self._touched(standing) if rows.compare is not None else None
        if rows.compare is None or touched is None:
            return None
        if touched.is_empty:
            return standing.head, touched
        async with self._database.read() as uow:
            return standing.head, await rows.compare(uow, standing.subject_id, touched)

    async def _touched(self, standing: Standing) -> Changes[Any] | None:
        """Return what was touched up to the head of a document that is kept; None for one that is not."""
        start = self._kept.position(standing)
        if start is None:
            return None
        touched: Changes[Any] | None = None
        step = ROWS_READ_AT_ONCE
        try:
            while touched is None or start < standing.head:
                upto = min(start + step, standing.head)
                rows = await self._log.read_rows(standing.address, start, upto)
                touched = await self._kept.read_on(standing, start, rows)
                if touched is None:
                    return None
                # There may be hundreds of letters, or of pictures: all of those would be in memory twice.
                step = step * 2 if size_of(None, rows) < SMALL_BYTES else ROWS_READ_AT_ONCE
                start = upto
        except (UnknownPositionError, BrokenWorkerProcess):
            return None
        return touched

    async def _write(
        self,
        standing: Standing,
        position: int,
        changes: Changes[R],
        rows: Rows[R],
        moment: Moment,
        edits: Happening | None,
    ) -> None:
        starts = range(0, max(len(changes.rows), 1), ROWS_AT_ONCE)
        for start in starts:
            is_last = start == starts[-1]
            async with self._database.transaction() as uow:
                claimed = await uow.projections.claim(
                    standing,
                    position=position if is_last else None,
                    is_rebuilt=is_last,
                    is_told=is_last and edits is not None,
                )
                some = changes.rows[start : start + ROWS_AT_ONCE]
                happened = await rows.write(uow, standing, some, moment) if some else []
                if is_last:
                    happened += await rows.finish(uow, standing, changes, moment)
                    happened += [edits] if edits is not None else []
                if not moment.is_past:
                    await append_happenings(uow, standing, happened)
            standing = claimed
        if changes.unreadable:
            logger.warning("document %s: %d entries cannot be rows", standing.name, changes.unreadable)
        if standing.has_untold_edits:
            await self._tell_of_edits(standing)

    async def _tell_of_edits(self, standing: Standing) -> None:
        """Append the event of what nobody was told of when the rows were written."""
        async with self._database.read() as uow:
            edits = await _edits_to_tell_of(uow, standing, standing.position)
        if edits is None:
            return
        try:
            async with self._database.transaction() as uow:
                await uow.projections.claim(standing, is_told=True)
                await append_happenings(uow, standing, [edits])
        except UnknownWorkspaceError:
            logger.info("document %s is no more", standing.name)


async def append_happenings(uow: UnitOfWork, standing: Standing, happened: list[Happening]) -> None:
    """Append the events of what has happened in a document."""
    new = [_event(standing, event) for event in happened]
    if new:
        await uow.events.append_all(standing.workspace_id, new)


def _event(standing: Standing, happening: Happening) -> NewEvent:
    return NewEvent(happening.type, happening.actor, happening.subject or standing.name, happening.payload)


def _is_to_be_told(standing: Standing, position: int, now: datetime) -> bool:
    if standing.kind != "page" or standing.told_position >= position:
        return False
    return standing.told_at is None or now - standing.told_at >= TOLD_EVERY


async def _edits_to_tell_of(
    uow: UnitOfWork, standing: Standing, position: int, wrote: Iterable[str] | None = None
) -> Happening | None:
    """Return `page.edited` up to a position, unless one has told of this page within the last minute.

    `wrote` are the authors of that part of the log, if they are known.
    """
    if not _is_to_be_told(standing, position, uow.now):
        return None
    if wrote is None:
        wrote = await uow.projections.authors(standing.document_id, standing.told_position, position)
    return _edits_by(standing, wrote)


def _edits_by(standing: Standing, wrote: Iterable[str]) -> Happening:
    authors = _principals(wrote)
    payload = {"page_id": str(standing.subject_id), "authors": authors[-_MAX_AUTHORS:]}
    # Of the server, which shows there how runs stand, only where nobody else has written.
    others = [author for author in authors if not author.startswith("system:")]
    return Happening("page.edited", next(reversed(others or authors), None), payload)


def _principals(authors: Iterable[str]) -> list[str]:
    """Return the principals among who wrote a part of a log, whoever wrote last at the end."""
    found = [author.partition("|")[0] for author in authors]
    return list(dict.fromkeys(reversed(found)))[::-1]
