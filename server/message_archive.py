"""Messages that have left their channel's document: moving them out, and changing them afterwards.

A message is archived in this order, so that it is somewhere at any moment and nowhere twice: its row has all
of the document, its row is marked, the document lets go of it, its row gets what was edited in between. What
is read is the row, all the while.
"""

from asyncio import get_running_loop, sleep
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import pycrdt

from blocks import channel
from blocks.channel import Reaction
from blocks.channel_guard import ChannelGuard
from blocks.errors import UnknownMessageError
from blocks.rows import MessageRow
from crdt.document import LiveDocument
from crdt.guard import StagingTwin
from crdt.peer import Replica
from crdt.ports import Principal
from server.offload import Offload, size_of
from server.projections.archived import document_of_rows, read_rows, rows_of
from server.projections.channels import ChannelRows
from server.projections.ports import Moment
from server.projections.projector import OVERTAKEN_SECONDS, ROWS_AT_ONCE, Projector, append_happenings
from storage.engine import Database
from storage.repositories.projections import Overtaken, Standing
from storage.unit_of_work import UnitOfWork
from storage.update_log import UpdateLog

T = TypeVar("T")

ROWS_WITHIN_SECONDS = 60.0
"""How long other processes may write rows of a channel before it is left for the next time."""

ATTEMPTS = 20
"""Tries at a row while somebody else writes rows of the same channel."""


class MessageArchive:
    """The archived messages of all channels."""

    def __init__(
        self,
        database: Database,
        log: UpdateLog,
        guard: ChannelGuard,
        projector: Projector,
        offload: Offload,
    ) -> None:
        self._database = database
        self._log = log
        self._guard = guard
        self._projector = projector
        self._offload = offload
        self._rows = ChannelRows()

    async def change(
        self,
        document: str,
        principal: Principal,
        message_id: UUID,
        edit: Callable[[pycrdt.Doc[Any]], T],
        *,
        can_manage: bool,
    ) -> tuple[T, int, datetime]:
        """Edit an archived message as if its document had it.

        Returns what `edit` returned, the position of the channel's rows, and when the message was archived.

        Raises UnknownMessageError, and UpdateRefused where the guard is against it.
        """

        async def work(uow: UnitOfWork, standing: Standing) -> tuple[T, int, datetime]:
            row = await uow.messages.get(standing.subject_id, message_id)
            if row is None or row.archived_at is None:
                raise UnknownMessageError(str(message_id))
            doc = document_of_rows([row])
            original, before = LiveDocument(None, [doc.get_update()]), doc.get_state()
            with doc.transaction():
                result = edit(doc)
            StagingTwin(self._guard).judge(doc.get_update(before), principal, original, can_manage=can_manage)
            archived_at = row.archived_at
            await self._write(uow, standing, rows_of(doc), principal.id)
            return result, standing.position, archived_at

        return await self._claimed(document, work)

    async def move(self, replica: Replica, message_ids: Sequence[str]) -> int:
        """Take messages out of a channel's document into the archive; return how many.

        Those whose rows are not there yet stay. The replica is one of the server's own. Raises crdt's and
        storage's errors; what was begun is begun again by the next call.
        """
        async with self._projector.turn(replica.document):
            if not await self._are_rows_following(replica.document):
                return 0
            marked, standing = await self._mark(replica.document, message_ids)
            there = set(channel.message_ids(replica.doc))
            marked = [id_ for id_ in marked if id_ in there]  # others may have been quicker
            if not marked:
                return 0
            removal: list[bytes] = []
            subscription = replica.doc.observe(lambda event: removal.append(event.update))
            try:
                channel.remove(replica.doc, marked)
            finally:
                subscription.drop()
            position = await self._position_of(removal, standing, await replica.saved())
            # What others wrote until the document let go: the replica may not have heard of the newest.
            if position is not None and not await self._projector.follow_up_to(standing.name, position - 1):
                await self._keep_as_of(standing, position - 1, marked)
        return len(marked)

    async def _are_rows_following(self, document: str) -> bool:
        """Let the rows have what the document has now, and its events be told; tell if that came about."""
        give_up_at = get_running_loop().time() + ROWS_WITHIN_SECONDS
        while True:
            try:
                await self._projector.follow_in_turn(document)
            except Overtaken:  # another process does it
                if get_running_loop().time() > give_up_at:
                    return False
                await sleep(OVERTAKEN_SECONDS)
            else:
                return True

    async def _position_of(self, removal: Sequence[bytes], standing: Standing, upto: int) -> int | None:
        """Return where the log has an edit that was made behind a standing's position.

        It is not there where another process that took itself for the leader had removed the same before.
        """
        if not removal or upto <= standing.position:
            return None
        rows = await self._log.read_rows(standing.address, standing.position, upto)
        return standing.position + 1 + rows.index(removal[0]) if removal[0] in rows else None

    async def _keep_as_of(self, standing: Standing, position: int, message_ids: Sequence[str]) -> None:
        """Write archived messages as they were at a position that the rows of the channel are beyond."""
        _, snapshot, updates = await self._log.read_at(standing.address, position)
        final = await self._offload.run(size_of(snapshot, updates), read_rows, snapshot, updates, message_ids)

        async def work(uow: UnitOfWork, standing: Standing) -> None:
            known = await uow.projected_messages.digests(standing.subject_id, [row.id for row, _ in final])
            changed = [(row, digest) for row, digest in final if known.get(row.id) != digest]
            if changed:
                await self._write(uow, standing, changed, None)

        await self._claimed(standing.name, work)

    async def adopt(self, replica: Replica) -> None:
        """Give archived messages the reactions and pins that came to the document after they had left it.

        Who made them was offline, and could not know. What is for no message at all is dropped.
        """
        doc = replica.doc
        there = set(channel.message_ids(doc))
        reactions = [found for found in channel.read_reactions(doc) if found.message_id not in there]
        pins = {id_: who for id_, who in channel.read_pins(doc).items() if id_ not in there}
        ids = sorted({*pins, *(reaction.message_id for reaction in reactions)})
        for start in range(0, len(ids), ROWS_AT_ONCE):
            await self._adopt_at(replica.document, ids[start : start + ROWS_AT_ONCE], reactions, pins)
        if reactions or pins:
            with doc.transaction():
                channel.remove(doc, (), others=reactions)
                for message_id in pins:
                    channel.unpin(doc, message_id)
            await replica.saved()

    async def _adopt_at(
        self,
        document: str,
        message_ids: Sequence[str],
        reactions: Sequence[Reaction],
        pins: Mapping[str, str],
    ) -> None:
        async def work(uow: UnitOfWork, standing: Standing) -> None:
            rows = await uow.projected_messages.find(standing.subject_id, list(map(UUID, message_ids)))
            archived = {str(id_): row for id_, row in rows.items() if row.archived_at is not None}
            doc = document_of_rows(list(archived.values()))
            for reaction in reactions:
                if reaction.message_id in archived:
                    channel.react(doc, reaction.message_id, reaction.emoji, reaction.principal_id)
            for message_id in archived.keys() & pins.keys():
                channel.pin(doc, message_id, pins[message_id])
            if archived:
                await self._write(uow, standing, rows_of(doc), None)

        async with self._projector.turn(document):
            await self._claimed(document, work)

    async def _mark(self, document: str, message_ids: Sequence[str]) -> tuple[list[str], Standing]:
        """Let the rows of messages outlive them.

        Returns the messages that have a row, and how far the rows are.
        """

        async def work(uow: UnitOfWork, standing: Standing) -> tuple[list[str], Standing]:
            found = await uow.projected_messages.archive(
                standing.subject_id, [UUID(id_) for id_ in message_ids]
            )
            return sorted(map(str, found)), standing

        return await self._claimed(document, work)

    async def _claimed(self, document: str, work: Callable[[UnitOfWork, Standing], Awaitable[T]]) -> T:
        """Do something with a channel's rows that nobody else writes meanwhile."""
        for attempt in range(ATTEMPTS):
            try:
                async with self._database.transaction() as uow:
                    standing = await uow.projections.find(document)
                    if standing is None:
                        raise UnknownMessageError(document)
                    return await work(uow, await uow.projections.claim(standing))
            except Overtaken:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _write(
        self,
        uow: UnitOfWork,
        standing: Standing,
        rows: Sequence[tuple[MessageRow, bytes]],
        author: str | None,
    ) -> None:
        happened = await self._rows.write(uow, standing, rows, Moment(uow.now, author, is_past=False))
        await append_happenings(uow, standing, happened)
