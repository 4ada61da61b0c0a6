"""What people and programs do in channels besides holding the live document: the work behind REST.

Live messages are edited in their document, by the same door as a socket's edit; archived ones in their row,
judged by the same guard. Who may ask is the gate's business.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

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
from server.projections.catching_up import CatchingUp
from storage.engine import Database

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
        catching_up: CatchingUp,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._writer = writer
        self._access = access
        self._archive = archive
        self._clock = clock
        self._catching_up = catching_up

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
        self._catching_up.note(UUID(message_id), document)
        return written

    async def change(
        self, document: str, principal: Principal, message_id: str, operation: Operation
    ) -> Written[MessageState]:
        """Change a message, in its document or in the archive.

        What is written to the archive is in no log: its position tells how far the channel's rows had
        followed the document when the message's row was committed. Raises UnknownMessageError, and crdt's
        errors.
        """

        def edit(doc: pycrdt.Doc[Any]) -> MessageState:
            if channel.read_message(doc, message_id) is None:
                raise UnknownMessageError(message_id)
            operation(doc, message_id)
            return read_state(doc, message_id)

        try:
            written = await self._writer.write(document, principal, edit)
            if not await self._has_left(document, principal, message_id):
                return written
        except UnknownMessageError:
            pass
        can_manage = await self._access.decide(principal, document) == "manage"
        state, position, archived_at = await self._archive.change(
            document, principal, UUID(message_id), edit, can_manage=can_manage
        )
        # The document has nothing of it, so no state vector covers it but one that covers nothing.
        state = msgspec.structs.replace(state, archived_at=archived_at)
        return Written(position, EMPTY_STATE_VECTOR, state)

    async def _has_left(self, document: str, principal: Principal, message_id: str) -> bool:
        """Tell whether a message that was changed in its document is there no more.

        If it left just before the change, the document took that without effect. If just after, the archive
        has it, and to change it there once more changes nothing.
        """
        async with self._database.read() as uow:
            row = await uow.messages.get(UUID(document.partition(":")[2]), UUID(message_id))
        if row is None or row.archived_at is None:  # its row is marked before it leaves
            return False
        now = await self._writer.write(
            document, principal, lambda doc: channel.read_message(doc, message_id) is None
        )
        return now.result

    async def mark_read(
        self, document: str, principal: Principal, user_id: UUID, message_id: str
    ) -> Written[object]:
        """Move somebody's read mark; of those who may only read, the server does it for them.

        It goes back, too: whoever asks for that wants to read it again. What documents alone say never takes
        a mark back.
        """
        right = await self._access.decide(principal, document)
        writer = CHAT if right in ("read", "comment") else principal
        channel_id = UUID(document.partition(":")[2])
        async with self._database.read() as uow:
            row = (await uow.messages.marks(channel_id)).get(principal.id)

        def edit(doc: pycrdt.Doc[Any]) -> str | None:
            before = channel.read_marks(doc).get(principal.id)
            channel.mark_read(doc, principal.id, message_id)
            return before

        written = await self._writer.write(document, writer, edit)
        self._catching_up.note(user_id, document)
        seen = max(filter(None, (written.result, str(row) if row else None)), default=message_id)
        if message_id < seen:
            await self._catching_up.catch_up(document)  # else rows that follow could undo it
            async with self._database.transaction() as uow:
                await uow.projected_messages.take_back_mark(
                    channel_id, principal.id, UUID(message_id), seen=UUID(seen)
                )
        return Written(written.position, written.state_vector, None)

    async def await_mark(self, user_id: UUID) -> None:
        """Wait a moment for the rows of where somebody has moved their read mark last."""
        await self._catching_up.catch_up_with(user_id)

    async def catch_up(self, document: str) -> None:
        """Wait a moment until the rows have all that the document has now; do that work where it is due."""
        await self._catching_up.catch_up(document)


def read_state(doc: pycrdt.Doc[Any], message_id: str) -> MessageState:
    """Return a message as it is in a document now."""
    message = channel.read_message(doc, message_id)
    assert message is not None, "it was written just now"
    reactions: dict[str, list[str]] = {}
    for reaction in channel.read_reactions(doc):
        if reaction.message_id == message_id:
            reactions.setdefault(reaction.emoji, []).append(reaction.principal_id)
    return MessageState(message, reactions, channel.read_pins(doc).get(message_id), channel.read_marks(doc))
