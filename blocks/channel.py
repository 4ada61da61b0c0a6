"""A channel's document, `channel:{channel_id}`: its schema and the operations on it.

    messages    Map of message id -> Map {id, sender_id, sender_type, content_type, content, created_at,
                edited_at, thread_id, deleted}
    reactions   Map of "{message id}|{emoji}|{principal id}" -> true
    reads       Map of principal id -> the last message id read
    pins        Map of message id -> the principal id of who pinned it

Message ids are UUIDv7, `sender_id` is a principal id, `thread_id` the id of the message that it answers.
`content` is a Map by `content_type`: `text` and `markdown` have a string `text`, `file_attachment` a string
`file_id`. What may be done to all this by whom is `blocks.channel_guard`.

Times are RFC 3339 strings. Pure: ids and times are arguments.
"""

from typing import Any, Literal

import pycrdt

MESSAGES = "messages"
REACTIONS = "reactions"
READS = "reads"
PINS = "pins"


def post_text(
    doc: pycrdt.Doc[Any],
    message_id: str,
    text: str,
    *,
    sender_id: str,
    sender_type: Literal["user", "agent"],
    created_at: str,
) -> None:
    """Add a plain text message."""
    messages = doc.get(MESSAGES, type=pycrdt.Map[pycrdt.Map[Any]])
    messages[message_id] = pycrdt.Map[Any](
        {
            "id": message_id,
            "sender_id": sender_id,
            "sender_type": sender_type,
            "content_type": "text",
            "content": pycrdt.Map[Any]({"text": text}),
            "created_at": created_at,
            "edited_at": None,
            "thread_id": None,
            "deleted": False,
        }
    )
