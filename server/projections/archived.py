"""Archived messages, which are in no document: their rows as a document's, and the other way round."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pycrdt

from blocks import channel
from blocks.channel import Reaction
from blocks.rows import Known, MessageRow, channel_changes
from crdt.ports import Principal, PrincipalId
from storage.models import ChatMessage

ARCHIVIST = Principal(id=PrincipalId("system:archive"), name="IONFLUX", kind="system")
"""Who takes messages out of documents, and nobody else does: so the log tells where that happened."""


def rows_of(doc: pycrdt.Doc[Any]) -> Sequence[tuple[MessageRow, bytes]]:
    """Return all messages of a document as rows."""
    return channel_changes(doc, Known({})).rows


def document_of_rows(rows: Sequence[ChatMessage]) -> pycrdt.Doc[Any]:
    """Return a channel's document that has these messages in it."""
    doc = pycrdt.Doc[Any]()
    messages = doc.get(channel.MESSAGES, type=pycrdt.Map[Any])
    reactions = doc.get(channel.REACTIONS, type=pycrdt.Map[Any])
    pins = doc.get(channel.PINS, type=pycrdt.Map[Any])
    for row in rows:
        key = str(row.id)
        messages[key] = pycrdt.Map[Any](
            {
                "id": key,
                "sender_id": row.sender_id,
                "sender_type": row.sender_type,
                "content_type": row.content_type,
                "content": pycrdt.Map[Any](row.content),
                "created_at": _write_time(row.created_at),
                "edited_at": _write_time(row.edited_at) if row.edited_at else None,
                "thread_id": str(row.thread_id) if row.thread_id else None,
                "deleted": row.deleted,
            }
        )
        for reaction in row.reactions:
            for who in reaction["user_ids"]:
                reactions[Reaction(key, reaction["emoji"], who).key] = True
        if row.pinned_by is not None:
            pins[key] = row.pinned_by
    return doc


def _write_time(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
