"""What a document contains, as rows for tables: reads a page or a channel, and compares with what is known.

Total: any content at all gives rows. A block that makes no sense says so in its `condition`; an entry that
cannot be a row at all (its key is no id) is counted as unreadable. Values fit both databases: bounded where
they are indexed, and no NUL in any text.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import msgspec
import pycrdt
from msgspec import UNSET, UnsetType

from blocks import channel
from blocks.kinds.fields import Url
from blocks.links import Link, find_links
from blocks.mentions import find_mentions, read_aloud
from blocks.page import META, Condition, blocks_of, read_block, read_title
from blocks.plain import plain

MAX_KEY_CHARACTERS = 250
"""What is indexed has to fit an index; real ids, types and order keys are far shorter."""

MAX_TITLE = 500

UNREADABLE = "unreadable"
"""The type of what has none."""

LAST = "~"
"""The order key of what has none: behind all others."""

EPOCH = datetime.fromtimestamp(0, UTC)
"""The time of what has none."""


class BlockRow(msgspec.Struct, frozen=True):
    """A block of a page."""

    id: str
    type: str
    content: dict[str, Any]
    position_x: int
    position_y: int
    width: int
    height: int
    z_index: int
    order_key: str
    created_by: str | None
    created_at: datetime | None
    deleted_at: datetime | None
    moved_to: str | None
    condition: Condition
    links: tuple[Link, ...]
    text: str
    """All that can be read in it, for search."""


class PageNames(msgspec.Struct, frozen=True):
    """What a page's document says that it is called and looks like.

    UNSET where it has no word of it, and None where what it says is neither a title nor an address.
    """

    title: str | UnsetType | None = UNSET
    icon_url: str | UnsetType | None = UNSET


class MessageRow(msgspec.Struct, frozen=True):
    """A message of a channel; `reactions` are {"emoji", "user_ids"} with the ids of principals."""

    id: UUID
    sender_id: str
    sender_type: str
    content_type: str
    content: dict[str, Any]
    created_at: datetime
    edited_at: datetime | None
    thread_id: UUID | None
    deleted: bool
    reactions: list[dict[str, Any]]
    pinned_by: str | None
    mentions: tuple[Link, ...]
    text: str
    """What people read in it, for search."""


class Known(msgspec.Struct, frozen=True):
    """What the tables have of a document: the digest of each row, and the read marks of a channel."""

    digests: Mapping[str, bytes]
    marks: Mapping[str, UUID] = {}


R = TypeVar("R", bound=msgspec.Struct)


class Changes(msgspec.Struct, Generic[R], frozen=True):
    """What has to be done to the tables."""

    rows: Sequence[tuple[R, bytes]]
    """Rows that are new or other than before, each with its digest, in the order of their ids."""
    gone: Sequence[str]
    """Ids of rows that are in the document no more."""
    marks: Mapping[str, UUID]
    """Read marks that are new or further than before."""
    unreadable: int
    names: PageNames | None = None
    """Of a page; None where nothing of that was touched."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing has to be done."""
        return not (self.rows or self.gone or self.marks) and self.names is None


def page_changes(
    doc: pycrdt.Doc[Any], known: Known, *, only: Collection[str] | None = None
) -> Changes[BlockRow]:
    """Compare a page, or only some of its blocks, with what the tables have of it."""
    rows: list[tuple[str, BlockRow]] = []
    unreadable = 0
    blocks = blocks_of(doc)
    for key in sorted(blocks.keys() if only is None else filter(blocks.__contains__, only)):
        if fits(key):
            rows.append((key, _read_block(doc, key)))
        else:
            unreadable += 1
    changes = compare(rows, known.digests, {}, unreadable)
    return msgspec.structs.replace(changes, names=_read_names(doc))


def channel_changes(
    doc: pycrdt.Doc[Any], known: Known, *, only: Collection[str] | None = None
) -> Changes[MessageRow]:
    """Compare a channel, or only some of its messages, with what the tables have of it."""
    reactions: dict[str, dict[str, list[str]]] = {}
    for reaction in channel.read_reactions(doc, only=only):
        of_message = reactions.setdefault(reaction.message_id, {})
        if fits(reaction.key):
            of_message.setdefault(reaction.emoji, []).append(reaction.principal_id)
    pins = channel.read_pins(doc)
    messages = (
        channel.read_messages(doc)
        if only is None
        else [message for id_ in sorted(only) if (message := channel.read_message(doc, id_)) is not None]
    )
    rows = [
        (message.id, _read_message(message, reactions.get(message.id, {}), pins.get(message.id)))
        for message in messages
    ]
    marks = {who: UUID(mark) for who, mark in channel.read_marks(doc).items() if fits(who)}
    moved = moved_on(marks, known.marks)
    unreadable = len(doc.get(channel.MESSAGES, type=pycrdt.Map[Any])) - len(rows)
    return compare(rows, known.digests, moved, unreadable)


def moved_on(marks: Mapping[str, UUID], known: Mapping[str, UUID]) -> dict[str, UUID]:
    """Return the read marks that are further than those that are known.

    A device that was offline marks what it had read, as an edit beside those of the person's other devices,
    and may win over them: what was read once stays read.
    """
    return {who: mark for who, mark in marks.items() if (before := known.get(who)) is None or before < mark}


def compare(
    rows: Iterable[tuple[str, R]], known: Mapping[str, bytes], marks: Mapping[str, UUID], unreadable: int
) -> Changes[R]:
    """Return those rows that are not known by their digest, and the keys that are known and there no more."""
    changed: list[tuple[R, bytes]] = []
    seen: set[str] = set()
    for key, row in rows:
        seen.add(key)
        digest = blake2b(msgspec.json.encode(row), digest_size=16).digest()
        if known.get(key) != digest:
            changed.append((row, digest))
    return Changes(changed, sorted(known.keys() - seen), marks, unreadable)


def missing(touched: Changes[Any], digests: Mapping[str, bytes], marks: Mapping[str, UUID]) -> Changes[Any]:
    """Return what is missing in the tables of all that was touched, whose digests and marks these are."""
    return Changes(
        [(row, digest) for row, digest in touched.rows if digests.get(str(row.id)) != digest],
        [id_ for id_ in touched.gone if id_ in digests],
        moved_on(touched.marks, marks),
        touched.unreadable,
        touched.names,
    )


def _read_names(doc: pycrdt.Doc[Any]) -> PageNames:
    meta = doc.get(META, type=pycrdt.Map[Any])
    names: dict[str, str | None] = {}
    if "title" in meta:
        title = read_title(doc)
        names["title"] = title[:MAX_TITLE].replace("\0", "\ufffd") if title is not None else None
    if "icon_url" in meta:
        try:
            names["icon_url"] = msgspec.convert(plain(meta["icon_url"]), Url)
        except msgspec.ValidationError:
            names["icon_url"] = None
    return PageNames(**names)


def _read_block(doc: pycrdt.Doc[Any], key: str) -> BlockRow:
    block = read_block(doc, key)
    deleted_at = read_time(block.deleted_at) or EPOCH if block.is_deleted else None
    return BlockRow(
        id=key,
        type=bounded(block.type) or UNREADABLE,
        content=block.content,
        position_x=block.place.x,
        position_y=block.place.y,
        width=block.place.width,
        height=block.place.height,
        z_index=block.place.z_index,
        order_key=bounded(block.order) or LAST,
        created_by=bounded(block.created_by),
        created_at=read_time(block.created_at),
        deleted_at=deleted_at,
        moved_to=bounded(block.moved_to),
        condition=block.condition,
        links=find_links(block.content),
        text=block.text.replace("\0", "\ufffd"),
    )


def _read_message(
    message: channel.Message, reactions: Mapping[str, Sequence[str]], pinned_by: str | None
) -> MessageRow:
    mentions = find_mentions(message.text)
    return MessageRow(
        id=UUID(message.id),
        sender_id=bounded(message.sender_id) or "",
        sender_type=message.sender_type,
        content_type=message.content_type,
        content=message.content,
        created_at=read_time(message.created_at) or EPOCH,
        edited_at=read_time(message.edited_at),
        thread_id=UUID(message.thread_id) if message.thread_id else None,
        deleted=message.deleted,
        reactions=[{"emoji": emoji, "user_ids": sorted(who)} for emoji, who in sorted(reactions.items())],
        pinned_by=pinned_by,
        mentions=tuple(dict.fromkeys(Link(mention.kind, mention.id) for mention in mentions)),
        text="\n".join(filter(None, (*_names(message), read_aloud(message.text)))),
    )


def _names(message: channel.Message) -> Iterable[str]:
    """Return what an attached file or a proposal is called."""
    for field in ("title", "name"):
        value = message.content.get(field)
        if isinstance(value, str):
            yield value


def fits(key: str) -> bool:
    """Tell whether a key can be one of a row; a client can make up any."""
    return 0 < len(key) <= MAX_KEY_CHARACTERS and "\0" not in key


def bounded(text: str | None) -> str | None:
    """Return a text as an index takes it."""
    return text[:MAX_KEY_CHARACTERS].replace("\0", "\ufffd") if text is not None else None


def read_time(value: object) -> datetime | None:
    """Return a time that has a zone; None for anything else."""
    try:
        time = datetime.fromisoformat(cast("str", value))
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):
        return None
