"""A channel's document, `channel:{channel_id}`: its schema, the operations on it, and its readers.

    messages    Map of message id -> Map {id, sender_id, sender_type, content_type, content, created_at,
                edited_at, thread_id, deleted}
    reactions   Map of "{message id}|{emoji}|{principal id}" -> true
    reads       Map of principal id -> the last message id read
    pins        Map of message id -> the principal id of who pinned it

Message ids are UUIDv7, so that their order is the order of the messages; `sender_id` is a principal id,
`thread_id` the id of the message that begins the thread. What `content` may be is `blocks.channel_content`,
who may do what is `blocks.channel_guard`.

Times are RFC 3339 strings. Pure: ids and times are arguments. Operations raise UnknownMessageError for a
message that is not there; readers are total, whatever a document holds.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import UUID

import msgspec
import pycrdt

from blocks.channel_content import (
    CONTENT_TYPES,
    Content,
    UnreadableContentError,
    parse_content,
    write_content,
)
from blocks.errors import UnknownMessageError
from blocks.plain import keys_of, plain_entry, string_of

MESSAGES = "messages"
REACTIONS = "reactions"
READS = "reads"
PINS = "pins"

_MESSAGE_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

SenderType = Literal["user", "agent"]

UNREADABLE = "unreadable"
"""The content type that readers give to what they cannot read."""


class Message(msgspec.Struct, frozen=True):
    """A message as readers give it."""

    id: str
    sender_id: str
    sender_type: SenderType
    content_type: str
    """`UNREADABLE` where the content is none of its type."""
    content: dict[str, Any]
    """Plain values; empty for what was deleted or cannot be read."""
    created_at: str
    edited_at: str | None
    thread_id: str | None
    deleted: bool

    @property
    def text(self) -> str:
        """What the message says in words; empty where it says nothing."""
        text = self.content.get("text")
        return text if isinstance(text, str) else ""


class Reaction(msgspec.Struct, frozen=True):
    """An emoji that somebody put at a message."""

    message_id: str
    emoji: str
    principal_id: str

    @property
    def key(self) -> str:
        """Where it is in the document."""
        return f"{self.message_id}|{self.emoji}|{self.principal_id}"


# Operations


def post(
    doc: pycrdt.Doc[Any],
    message_id: str,
    content: Content,
    *,
    sender_id: str,
    sender_type: SenderType,
    created_at: str,
    thread_id: str | None = None,
) -> None:
    """Add a message; one whose id is taken is left alone, so that posting again is no second message."""
    messages = _messages(doc)
    if message_id in messages:
        return
    messages[message_id] = pycrdt.Map[Any](
        {
            "id": message_id,
            "sender_id": sender_id,
            "sender_type": sender_type,
            "content_type": content.content_type,
            "content": pycrdt.Map[Any](write_content(content)),
            "created_at": created_at,
            "edited_at": None,
            "thread_id": thread_id,
            "deleted": False,
        }
    )


def edit(doc: pycrdt.Doc[Any], message_id: str, content: Content, *, edited_at: str) -> None:
    """Give a message another content."""
    message = _message(doc, message_id)
    with doc.transaction():
        message["content_type"] = content.content_type
        message["content"] = pycrdt.Map[Any](write_content(content))
        message["edited_at"] = edited_at


def delete(doc: pycrdt.Doc[Any], message_id: str) -> None:
    """Mark a message as deleted: readers show that there was one, and not what it said."""
    message = _message(doc, message_id)
    if message.get("deleted") is not True:
        message["deleted"] = True


def react(doc: pycrdt.Doc[Any], message_id: str, emoji: str, principal_id: str) -> None:
    """Put an emoji at a message."""
    _message(doc, message_id)
    reactions = doc.get(REACTIONS, type=pycrdt.Map[Any])
    key = Reaction(message_id, emoji, principal_id).key
    if key not in reactions:
        reactions[key] = True


def unreact(doc: pycrdt.Doc[Any], message_id: str, emoji: str, principal_id: str) -> None:
    """Take an emoji back; what is not there stays away."""
    doc.get(REACTIONS, type=pycrdt.Map[Any]).pop(Reaction(message_id, emoji, principal_id).key, None)


def mark_read(doc: pycrdt.Doc[Any], principal_id: str, message_id: str) -> None:
    """Note how far somebody has read."""
    reads = doc.get(READS, type=pycrdt.Map[Any])
    if reads.get(principal_id) != message_id:
        reads[principal_id] = message_id


def pin(doc: pycrdt.Doc[Any], message_id: str, principal_id: str) -> None:
    """Pin a message in somebody's name; one that is pinned stays pinned by who did it."""
    pins = doc.get(PINS, type=pycrdt.Map[Any])
    if message_id not in pins:
        pins[message_id] = principal_id


def unpin(doc: pycrdt.Doc[Any], message_id: str) -> None:
    """Unpin a message; one that is not pinned stays so."""
    doc.get(PINS, type=pycrdt.Map[Any]).pop(message_id, None)


def remove(doc: pycrdt.Doc[Any], message_ids: Collection[str], *, others: Iterable[Reaction] = ()) -> None:
    """Take out messages with their reactions, and other reactions: the server does, once it keeps them."""
    messages, reactions = _messages(doc), doc.get(REACTIONS, type=pycrdt.Map[Any])
    gone = set(message_ids)
    with doc.transaction():
        for key in [key for key in reactions.keys() if message_of_reaction(key) in gone]:  # noqa: SIM118 - no dict
            reactions.pop(key, None)
        for reaction in others:
            reactions.pop(reaction.key, None)
        for message_id in gone:
            messages.pop(message_id, None)


# Readers


def message_ids(doc: pycrdt.Doc[Any]) -> list[str]:
    """Return the ids of all messages that have a proper one, oldest first."""
    return [key for key in keys_of(doc, MESSAGES) if is_message_id(key)]


def read_messages(doc: pycrdt.Doc[Any]) -> list[Message]:
    """Return all messages, oldest first."""
    return [message for key in message_ids(doc) if (message := read_message(doc, key)) is not None]


def read_message(doc: pycrdt.Doc[Any], message_id: str) -> Message | None:
    """Return a message; None where there is none."""
    fields = plain_entry(doc, MESSAGES, message_id)
    return as_message(message_id, fields) if fields is not None else None


def as_message(message_id: str, fields: object) -> Message:
    """Return a message of plain values; what makes no sense of them is left out."""
    known: dict[str, object] = cast("dict[str, object]", fields) if isinstance(fields, dict) else {}
    deleted = known.get("deleted") is True
    content_type, content = _readable(known) if not deleted else (_type_of(known), {})
    thread_id = known.get("thread_id")
    return Message(
        id=message_id,
        sender_id=string_of(known, "sender_id") or "",
        sender_type="agent" if known.get("sender_type") == "agent" else "user",
        content_type=content_type,
        content=content,
        created_at=_time_of(known, "created_at") or time_of_id(message_id),
        edited_at=_time_of(known, "edited_at"),
        thread_id=cast("str", thread_id) if is_message_id(thread_id) and thread_id != message_id else None,
        deleted=deleted,
    )


def read_reactions(doc: pycrdt.Doc[Any], *, only: Collection[str] | None = None) -> list[Reaction]:
    """Return all reactions, or those at some messages, in the order of their messages."""
    return [
        reaction
        for key in keys_of(doc, REACTIONS)
        if only is None or message_of_reaction(key) in only
        if (reaction := parse_reaction(key)) is not None
    ]


def read_marks(doc: pycrdt.Doc[Any]) -> dict[str, str]:
    """Return how far everybody has read: principal id -> message id."""
    marks = {key: plain_entry(doc, READS, key) for key in keys_of(doc, READS)}
    return {key: mark for key, mark in marks.items() if is_message_id(mark)}


def read_pins(doc: pycrdt.Doc[Any]) -> dict[str, str]:
    """Return the pinned messages, each with who pinned it, oldest message first."""
    pins = {key: plain_entry(doc, PINS, key) for key in keys_of(doc, PINS) if is_message_id(key)}
    return {key: who for key, who in pins.items() if isinstance(who, str)}


def message_of_reaction(key: str) -> str:
    """Return at which message a key of the reactions is."""
    return key.partition("|")[0]


def parse_reaction(key: str) -> Reaction | None:
    """Return what a key of the reactions says; None where it says nothing."""
    message_id, _, rest = key.partition("|")
    emoji, _, principal_id = rest.partition("|")
    if not (is_message_id(message_id) and emoji and principal_id) or "|" in principal_id:
        return None
    return Reaction(message_id, emoji, principal_id)


def is_message_id(value: object) -> bool:
    """Tell whether a value is a UUIDv7 in its one spelling."""
    return isinstance(value, str) and _MESSAGE_ID.fullmatch(value) is not None


def milliseconds_of_id(message_id: str) -> int:
    """Return when a UUIDv7 says that it was made, in Unix milliseconds."""
    return UUID(message_id).int >> 80


def time_of_id(message_id: str) -> str:
    """Return when a UUIDv7 says that it was made, as far as there are such years."""
    seconds = min(milliseconds_of_id(message_id) / 1000, 253402300799) if is_message_id(message_id) else 0
    return _write_time(datetime.fromtimestamp(seconds, UTC))


def _readable(fields: Mapping[str, object]) -> tuple[str, dict[str, Any]]:
    try:
        content = parse_content(fields.get("content_type"), fields.get("content"))
    except UnreadableContentError:
        return UNREADABLE, {}
    return content.content_type, write_content(content)


def _type_of(fields: Mapping[str, object]) -> str:
    """Return what type a deleted message was of: in the archive nothing is left of its content."""
    content_type = fields.get("content_type")
    return content_type if isinstance(content_type, str) and content_type in CONTENT_TYPES else UNREADABLE


def _time_of(fields: Mapping[str, object], name: str) -> str | None:
    value = string_of(fields, name)
    try:
        time = datetime.fromisoformat(value) if value else None
        return _write_time(time.astimezone(UTC)) if time is not None and time.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _write_time(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _messages(doc: pycrdt.Doc[Any]) -> "pycrdt.Map[Any]":
    return doc.get(MESSAGES, type=pycrdt.Map[Any])


def _message(doc: pycrdt.Doc[Any], message_id: str) -> "pycrdt.Map[Any]":
    messages = _messages(doc)
    message: object = messages.get(message_id)
    if not isinstance(message, pycrdt.Map):
        raise UnknownMessageError(message_id)
    return cast("pycrdt.Map[Any]", message)
