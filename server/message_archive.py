"""Messages that have left their channel's document: moving them out, and changing them afterwards.

A message is archived in this order, so that it is somewhere at any moment and nowhere twice: its row has all
of the document, its row is marked, the document lets go of it. What was edited in between is brought to the
row by whoever has rows follow the log next: they stop just before messages leave (`Projector`). What is read
is the row, all the while.
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
from server.projections.archived import document_of_rows, rows_of
from server.projections.channels import ChannelRows
from server.projections.ports import Moment
from server.projections.projector import OVERTAKEN_SECONDS, ROWS_AT_ONCE, Projector, append_happenings
from storage.engine import Database
from storage.repositories.projections import Overtaken, Standing
from storage.unit_of_work import UnitOfWork

T = TypeVar("T")

ROWS_WITHIN_SECONDS = 60.0
"""How long other processes may write rows of a channel before it is left for the next time."""

ATTEMPTS = 20
"""Tries at a row while somebody else writes rows of the same channel."""


class MessageArchive:
    """The archived messages of all channels."""

    def __init__(self, database: Database, guard: ChannelGuard, projector: Projector) -> None:
        self._database = database
        self._guard = guard
        self._projector = projector
        self._rows = ChannelRows()

    async def change(
        self,
        document: str,
        principal: Principal,
        message_id: UUID,
        edit: Callable[[pycrdt.Doc[Any]], T],
        *,
        can_manage: bool,
    ) -> tuple[T, int | None, datetime]:
        """Edit an archived message as if its document had it.

        Returns what `edit` returned, how far the channel's rows had followed its document when this one was
        committed (None where that was as it is), and when the message was archived.

        Raises UnknownMessageError, and UpdateRefused where the guard is against it.
        """

        async def work(uow: UnitOfWork, standing: Standing) -> tuple[T, int | None, datetime]:
            row = await uow.messages.get(standing.subject_id, message_id)
            if row is None or row.archived_at is None:
                raise UnknownMessageError(str(message_id))
            doc = document_of_rows([row])
            original, before = LiveDocument(None, [doc.get_update()]), doc.get_state()
            with doc.transaction():
                result = edit(doc)
            StagingTwin(self._guard).judge(doc.get_update(before), principal, original, can_manage=can_manage)
            archived_at, after = row.archived_at, rows_of(doc)
            if all(digest == row.digest for _, digest in after):
                return result, None, archived_at
            await self._write(uow, standing, after, principal.id)
            return result, standing.position, archived_at

        return await self._changed(document, work)

    async def move(self, replica: Replica, message_ids: Sequence[str]) -> int:
        """Take messages out of a channel's document into the archive; return how many.

        Those whose rows are not there yet stay. The replica is one of the server's own. Raises crdt's and
        storage's errors; what was begun is begun again by the next call.
        """
        async with self._projector.turn(replica.document):
            if not await self._are_rows_following(replica.document):
                return 0
            marked = await self._mark(replica.document, message_ids)
            there = set(channel.message_ids(replica.doc))
            marked = [id_ for id_ in marked if id_ in there]  # others may have been quicker
            if marked:
                channel.remove(replica.doc, marked)
                await replica.saved()
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

        await self._changed(document, work)

    async def _mark(self, document: str, message_ids: Sequence[str]) -> list[str]:
        """Let the rows of messages outlive them; return the messages that have a row."""

        async def work(uow: UnitOfWork, standing: Standing) -> list[str]:
            found = await uow.projected_messages.archive(
                standing.subject_id, [UUID(id_) for id_ in message_ids]
            )
            return sorted(map(str, found))

        return await self._claimed(document, work)

    async def _changed(self, document: str, work: Callable[[UnitOfWork, Standing], Awaitable[T]]) -> T:
        """Change rows of messages that have left a channel's document, once all that it had is in them.

        What was edited just before a message left would else be written over the change when rows follow.
        """
        async with self._projector.turn(document):
            if not await self._are_rows_following(document):
                raise Overtaken
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
