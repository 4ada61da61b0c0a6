"""What people and programs do in channels besides holding the live document: the work behind REST.

Live messages are edited in their document, by the same door as a socket's edit; archived ones in their row,
judged by the same guard. Who may ask is the gate's business.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import anyio
import msgspec
import pycrdt

from blocks import channel
from blocks.channel import Message
from blocks.channel_content import Content
from blocks.errors import UnknownMessageError
from crdt.ports import Principal, PrincipalId
from crdt.protocol import EMPTY_STATE_VECTOR
from server.auth import DatabaseAccess
from server.documents.writing import Writer, Written
from server.message_archive import MessageArchive
from server.projections.projector import Projector
from storage.engine import Database
from storage.repositories.projections import Overtaken

ROWS_WITHIN_SECONDS = 2.0
"""How long reading waits for rows that are behind their document."""

_LOOK_EVERY_SECONDS = 0.02
_MAX_POSTED = 10_000
"""Of the newest messages that were posted here it is known where they are."""

_RECENT = timedelta(minutes=10)
"""Ids that are older are not waited for."""

CHAT = Principal(id=PrincipalId("system:chat"), name="IONFLUX", kind="system")
"""Who writes for the server itself."""

Operation = Callable[[pycrdt.Doc[Any], str], object]
"""Changes a message, given by its id, in a document that has it."""


class MessageState(msgspec.Struct, frozen=True):
    """A message after a change."""

    message: Message
    reactions: Mapping[str, list[str]]
    pinned_by: str | None
    marks: Mapping[str, str]
    archived_at: datetime | None = None


class Chat:
    """Reads and writes messages for whoever has been let through."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        access: DatabaseAccess,
        archive: MessageArchive,
        projector: Projector,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._writer = writer
        self._access = access
        self._archive = archive
        self._clock = clock
        self._projector = projector
        self._posted: OrderedDict[UUID, str] = OrderedDict()

    async def post(
        self,
        document: str,
        principal: Principal,
        message_id: str,
        content: Content,
        thread_id: str | None,
    ) -> Written[MessageState]:
        """Post a message as somebody. Raises crdt's errors."""
        sender_type: Literal["user", "agent"] = "user" if principal.kind == "user" else "agent"
        created_at = self._clock().isoformat().replace("+00:00", "Z")

        def edit(doc: pycrdt.Doc[Any]) -> MessageState:
            channel.post(
                doc,
                message_id,
                content,
                sender_id=principal.id,
                sender_type=sender_type,
                created_at=created_at,
                thread_id=thread_id,
            )
            return read_state(doc, message_id)

        written = await self._writer.write(document, principal, edit)
        self._posted[UUID(message_id)] = document
        while len(self._posted) > _MAX_POSTED:
            self._posted.popitem(last=False)
        return written

    async def change(
        self, document: str, principal: Principal, message_id: str, operation: Operation
    ) -> Written[MessageState]:
        """Change a message, in its document or in the archive.

        Raises UnknownMessageError, and crdt's errors.
        """

        def edit(doc: pycrdt.Doc[Any]) -> MessageState:
            if channel.read_message(doc, message_id) is None:
                raise UnknownMessageError(message_id)
            operation(doc, message_id)
            return read_state(doc, message_id)

        try:
            return await self._writer.write(document, principal, edit)
        except UnknownMessageError:
            can_manage = await self._access.decide(principal, document) == "manage"
            state, position, archived_at = await self._archive.change(
                document, principal, UUID(message_id), edit, can_manage=can_manage
            )
            # The document has nothing of it, so its state vector says nothing.
            state = msgspec.structs.replace(state, archived_at=archived_at)
            return Written(position, EMPTY_STATE_VECTOR, state)

    async def mark_read(self, document: str, principal: Principal, message_id: str) -> Written[object]:
        """Move somebody's read mark; of those who may only read, the server does it for them."""
        right = await self._access.decide(principal, document)
        writer = CHAT if right in ("read", "comment") else principal
        return await self._writer.write(
            document, writer, lambda doc: channel.mark_read(doc, principal.id, message_id)
        )

    async def catch_up(self, document: str) -> None:
        """Wait a moment until the rows have all that the document has now; do that work where it is due."""

        async def is_behind() -> bool:
            async with self._database.read() as uow:
                is_behind = await uow.messages.is_behind(document)
            if is_behind:
                with suppress(Overtaken):  # somebody else does it
                    await self._projector.follow(document)
            return is_behind

        await _wait_while(is_behind)

    async def await_message(self, message_id: UUID) -> None:
        """Wait a moment for the row of a message that may have been posted just now."""
        if (document := self._posted.get(message_id)) is not None:
            await self.catch_up(document)
            return
        made_at = channel.time_of_id(str(message_id))
        if message_id.version != 7 or datetime.fromisoformat(made_at) < self._clock() - _RECENT:
            return

        async def is_missing() -> bool:
            async with self._database.read() as uow:
                return not await uow.messages.find(message_id)

        await _wait_while(is_missing)


def read_state(doc: pycrdt.Doc[Any], message_id: str) -> MessageState:
    """Return a message as it is in a document now."""
    message = channel.read_message(doc, message_id)
    assert message is not None, "it was written just now"
    reactions: dict[str, list[str]] = {}
    for reaction in channel.read_reactions(doc):
        if reaction.message_id == message_id:
            reactions.setdefault(reaction.emoji, []).append(reaction.principal_id)
    return MessageState(message, reactions, channel.read_pins(doc).get(message_id), channel.read_marks(doc))


async def _wait_while(is_waiting: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again, for a moment: what other processes write cannot be heard."""
    with anyio.move_on_after(ROWS_WITHIN_SECONDS):
        while True:
            if not await is_waiting():
                return
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
