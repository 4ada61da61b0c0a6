"""The rows of channels: messages, mentions, read marks, what is found; and the events `message.*`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from blocks.rows import Changes, Known, MessageRow, missing
from server.projections.archived import document_of_rows, rows_of
from server.projections.ports import Happening, Moment
from server.projections.reading import read_channel
from storage.models import ChatMessage, MessageMention
from storage.repositories.projections import Standing
from storage.search.index import Entry
from storage.unit_of_work import UnitOfWork


class ChannelRows:
    """Implements `Rows` for channels."""

    read = staticmethod(read_channel)

    async def known(self, uow: UnitOfWork, subject_id: UUID) -> Known:
        """Return what the tables have of a channel."""
        return Known(
            await uow.projected_messages.known(subject_id), await uow.projected_messages.marks(subject_id)
        )

    async def compare(
        self, uow: UnitOfWork, subject_id: UUID, touched: Changes[MessageRow]
    ) -> Changes[MessageRow]:
        """Return what of that the tables do not have."""
        ids = [*(row.id for row, _ in touched.rows), *map(UUID, touched.gone)]
        known = await uow.projected_messages.known(subject_id, ids) if ids else {}
        marks = await uow.projected_messages.marks(subject_id) if touched.marks else {}
        return missing(touched, known, marks)

    async def write(
        self, uow: UnitOfWork, standing: Standing, rows: Sequence[tuple[MessageRow, bytes]], moment: Moment
    ) -> list[Happening]:
        """Write messages; return which of them are new, edited or deleted."""
        channel_id = standing.subject_id
        before = await uow.projected_messages.find(channel_id, [row.id for row, _ in rows])
        archived = {id_: message for id_, message in before.items() if message.archived_at is not None}
        rows = [
            (row, digest)
            for row, digest in rows
            # Whoever archived a message may have written its row since.
            if row.id not in archived or (not moment.is_past and _is_later(archived[row.id], row, digest))
        ]
        happened = [
            Happening(type_, row.sender_id or None, _payload(channel_id, row))
            for row, _ in rows
            if (type_ := _what_happened(before.get(row.id), row)) is not None
        ]
        await _index(uow, standing, [row for row, _ in rows])
        archived_at = {row.id: before[row.id].archived_at for row, _ in rows if row.id in before}
        uow.session.expunge_all()
        await uow.projected_messages.replace(
            channel_id,
            archived_at.keys(),
            [_columns(standing, row, digest, archived_at.get(row.id)) for row, digest in rows],
            _mentions(standing, [row for row, _ in rows]),
        )
        return happened

    async def index_archived(
        self, uow: UnitOfWork, standing: Standing, after: UUID | None, limit: int
    ) -> UUID | None:
        """Index some archived messages, and write whom they mention; return where to go on, if anywhere."""
        channel_id = standing.subject_id
        archived = await uow.projected_messages.archived(channel_id, after=after, limit=limit)
        rows = [row for row, _ in rows_of(document_of_rows(archived))]
        await _index(uow, standing, rows)
        ids = [message.id for message in archived]
        await uow.projected_messages.replace_mentions(channel_id, ids, _mentions(standing, rows))
        return ids[-1] if len(ids) == limit else None

    async def finish(
        self, uow: UnitOfWork, standing: Standing, changes: Changes[MessageRow], moment: Moment
    ) -> list[Happening]:
        """Remove the messages that are gone, and move the read marks."""
        if changes.gone:
            await uow.projected_messages.remove(standing.subject_id, [UUID(id_) for id_ in changes.gone])
            await uow.search.remove("message", standing.subject_id, changes.gone)
        await uow.projected_messages.replace_marks(standing.subject_id, changes.marks)
        return []


async def _index(uow: UnitOfWork, standing: Standing, rows: Sequence[MessageRow]) -> None:
    entries = [Entry(str(row.id), row.sender_id or None, row.created_at, body=row.text) for row in rows]
    await uow.search.put(standing.workspace_id, "message", standing.subject_id, entries)


def _mentions(standing: Standing, rows: Sequence[MessageRow]) -> list[MessageMention]:
    return [
        MessageMention(
            channel_id=standing.subject_id,
            message_id=row.id,
            kind=mention.kind,
            target_id=mention.id or standing.subject_id,
            workspace_id=standing.workspace_id,
        )
        for row in rows
        for mention in row.mentions
    ]


def _is_later(archived: ChatMessage, row: MessageRow, digest: bytes) -> bool:
    """Tell whether a row is a later state of an archived message, and not another one under its id."""
    if archived.digest == digest:
        return False
    was = (archived.sender_id, archived.created_at, archived.thread_id)
    return was == (row.sender_id, row.created_at, row.thread_id) and row.deleted >= archived.deleted


def _what_happened(before: ChatMessage | None, row: MessageRow) -> str | None:
    if before is None:
        return None if row.deleted else "message.posted"
    if row.deleted:
        return None if before.deleted else "message.deleted"
    is_same = (before.content_type, before.content) == (row.content_type, row.content)
    return None if is_same and before.deleted == row.deleted else "message.edited"


def _payload(channel_id: UUID, row: MessageRow) -> dict[str, Any]:
    return {
        "channel_id": str(channel_id),
        "message_id": str(row.id),
        "sender_id": row.sender_id,
        "sender_type": row.sender_type,
        "content_type": row.content_type,
        "thread_id": str(row.thread_id) if row.thread_id else None,
        "mentions": [{"kind": found.kind, "id": str(found.id or channel_id)} for found in row.mentions],
    }


def _columns(
    standing: Standing, row: MessageRow, digest: bytes, archived_at: datetime | None
) -> dict[str, Any]:
    return {
        "channel_id": standing.subject_id,
        "id": row.id,
        "workspace_id": standing.workspace_id,
        "sender_id": row.sender_id,
        "sender_type": row.sender_type,
        "content_type": row.content_type,
        "content": row.content,
        "created_at": row.created_at,
        "edited_at": row.edited_at,
        "thread_id": row.thread_id,
        "deleted": row.deleted,
        "reactions": row.reactions,
        "pinned_by": row.pinned_by,
        "archived_at": archived_at,
        "digest": digest,
    }
