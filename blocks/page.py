"""A page's document, `page:{page_id}`: its schema, and reading it.

    meta      Map {title, icon_url}
    blocks    Map of block id -> Map {id, type, schema_version, position_x, position_y, width, height,
              z_index, order, created_at, created_by, deleted_at, deleted_by, moved_to, content}

Times are RFC 3339 strings; `order` is a key of `blocks.order`. `content` is by type: see `blocks.kinds`.
`schema_version` may be missing, and is 1 then. A block with `deleted_at` is in the page's trash: it is shown
to nobody, and restored by taking the mark away, with all that was written into it meanwhile. One with
`moved_to`, a page id, goes on there.

Anybody may have written anything (a CRDT cannot refuse the past), so reading is total: what does not fit is
repaired to what can be shown, and told as a fault; a type that is not known, a newer version and what is no
content at all are shown as unreadable. Nothing is dropped, and nothing is changed by being read.
`blocks.page_edits` has the operations.
"""

from collections.abc import Iterator
from typing import Any, Literal, cast

import msgspec
import pycrdt

from blocks.columns import read_columns
from blocks.errors import Fault, UnknownBlockError
from blocks.kind import PATH, Kind
from blocks.kinds import kind_of
from blocks.order import is_key
from blocks.plain import plain
from blocks.tree import Json, to_json

META = "meta"
BLOCKS = "blocks"
CONTENT = "content"

MAX_POSITION = 10**9
"""How far from the origin a block can lie, and how large it can be, in canvas units."""

Condition = Literal["fine", "repaired", "unreadable"]


class Place(msgspec.Struct, frozen=True):
    """Where a block lies on the canvas, in canvas units."""

    x: int = 0
    y: int = 0
    width: int = 640
    height: int = 240
    z_index: int = 0


class Entry(msgspec.Struct, frozen=True):
    """As much of a block as a list of blocks needs."""

    id: str
    order: str | None
    """None where the block has no usable key; then it comes last."""
    is_deleted: bool

    @property
    def sort_key(self) -> tuple[bool, str, str]:
        """Where in the page the block comes; two that share a key come by their ids."""
        return (self.order is None, self.order or "", self.id)


NO_BLOCK = Fault("", "Not a block")
"""What a client has put among the blocks that is none: nothing can be written into it."""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A block as it is shown."""

    id: str
    type: str
    schema_version: int
    place: Place
    order: str | None
    created_at: str | None
    created_by: str | None
    is_deleted: bool
    deleted_at: str | None
    deleted_by: str | None
    moved_to: str | None
    content: dict[str, Json]
    """In JSON: as the type's Struct has it, or as it lies there where it is unreadable."""
    condition: Condition
    faults: tuple[Fault, ...]
    text: str
    """What people read in it, line by line."""


class Reading(msgspec.Struct, frozen=True):
    """What a block contains, for whoever is going to change it."""

    kind: Kind[Any] | None
    """None where the content is unreadable."""
    content: Any
    """A Struct of the kind."""
    version: int


def read_title(doc: pycrdt.Doc[Any]) -> str | None:
    """Return the page's title, None while nobody has written one."""
    title: object = doc.get(META, type=pycrdt.Map[Any]).get("title")
    return title if isinstance(title, str) else None


def read_entries(doc: pycrdt.Doc[Any]) -> list[Entry]:
    """Return all blocks in document order, those in the page's trash too."""
    rows = read_columns(doc, BLOCKS, "order", "deleted_at")
    return sorted((_read_entry(*row) for row in rows), key=lambda entry: entry.sort_key)


def read_block(doc: pycrdt.Doc[Any], block_id: str) -> Block:
    """Return a block, in the page's trash or not. Raises UnknownBlockError."""
    with doc.transaction():
        return _read(block_id, find(doc, block_id))


def read_blocks(doc: pycrdt.Doc[Any]) -> Iterator[Block]:
    """Give all blocks that are not in the page's trash, in document order."""
    for entry in read_entries(doc):
        if not entry.is_deleted:
            yield read_block(doc, entry.id)


def blocks_of(doc: pycrdt.Doc[Any]) -> pycrdt.Map[Any]:
    """Return the Map of all blocks."""
    return doc.get(BLOCKS, type=pycrdt.Map[Any])


def find(doc: pycrdt.Doc[Any], block_id: str) -> object:
    """Return what lies under a block's id: a Map, if all is well. Raises UnknownBlockError."""
    blocks = blocks_of(doc)
    if block_id not in blocks:
        raise UnknownBlockError(block_id)
    return blocks[block_id]


def read_content(block: pycrdt.Map[Any]) -> Reading:
    """Return what a block contains."""
    return _read_content(block, block.get("type"), [])[0]


def _read_entry(block_id: str, fields: tuple[object, ...] | None) -> Entry:
    if fields is None:
        return Entry(block_id, None, False)
    order, deleted_at = fields
    return Entry(block_id, order if is_key(order) else None, deleted_at is not None)


def _read(block_id: str, value: object) -> Block:
    if not isinstance(value, pycrdt.Map):
        return _unreadable(block_id, value)
    block = cast("pycrdt.Map[Any]", value)
    fields = {key: block[key] for key in [*block.keys()] if key != CONTENT}
    faults: list[Fault] = []
    if fields.get("id") != block_id:
        faults.append(Fault("id", "Not the key of the block, which counts"))
    type_ = fields.get("type")
    reading, content = _read_content(block, type_, faults)
    order = fields.get("order")
    if not is_key(order):
        faults.append(Fault("order", "Not an order key"))
    return Block(
        id=block_id,
        type=reading.kind.name if reading.kind else type_ if isinstance(type_, str) else "",
        schema_version=reading.version,
        place=_read_place(fields, faults),
        order=order if is_key(order) else None,
        created_at=_text_field(fields, "created_at", faults),
        created_by=_text_field(fields, "created_by", faults),
        is_deleted=fields.get("deleted_at") is not None,
        deleted_at=_text_field(fields, "deleted_at", faults),
        deleted_by=_text_field(fields, "deleted_by", faults),
        moved_to=_text_field(fields, "moved_to", faults),
        content=to_json(reading.content) if reading.kind else _as_object(content),
        condition="unreadable" if reading.kind is None else "repaired" if faults else "fine",
        faults=tuple(faults),
        text="\n".join(filter(None, reading.kind.text(reading.content))) if reading.kind else "",
    )


def _unreadable(block_id: str, value: object) -> Block:
    """Return what is no block at all, as one that shows what is there."""
    return Block(
        id=block_id,
        type="",
        schema_version=1,
        place=Place(),
        order=None,
        created_at=None,
        created_by=None,
        is_deleted=False,
        deleted_at=None,
        deleted_by=None,
        moved_to=None,
        content=_as_object(plain(value)),
        condition="unreadable",
        faults=(NO_BLOCK,),
        text="",
    )


def _read_content(block: pycrdt.Map[Any], type_: object, faults: list[Fault]) -> tuple[Reading, Json]:
    version = _read_version(block.get("schema_version"), faults)
    written: object = block.get(CONTENT)
    content: Json = plain(written)
    kind = kind_of(type_)
    if kind is None:
        faults.append(Fault("type", "Not a type that is known here"))
    elif version > kind.version:
        faults.append(Fault("schema_version", f"Newer than what is known here ({kind.version})"))
    elif not isinstance(content, dict) or isinstance(written, pycrdt.XmlFragment):
        # A rich text is an object in JSON and has no fields in the document.
        faults.append(Fault(PATH, "Not an object"))
    else:
        return Reading(kind, kind.read(content, version, faults), version), content
    return Reading(None, None, version), content


def _read_version(value: object, faults: list[Fault]) -> int:
    version = plain(value)
    if version is None:
        return 1
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        faults.append(Fault("schema_version", "Not a version"))
        return 1
    return version


LIGHT = frozenset(
    (
        *("order", "position_x", "position_y", "width", "height", "z_index"),
        *("deleted_at", "deleted_by", "moved_to", "paragraph"),
    )
)
"""Keys of blocks and nodes of texts that somebody may have set without having written anything: where a block
is, that it is in the trash, and an empty line, which editors add by themselves."""

PLACE_FIELDS = {
    "x": "position_x",
    "y": "position_y",
    "width": "width",
    "height": "height",
    "z_index": "z_index",
}
"""Field of `Place` -> of the block."""


def _read_place(fields: dict[str, Any], faults: list[Fault]) -> Place:
    found: dict[str, int] = {}
    for name, key in PLACE_FIELDS.items():
        value = plain(fields.get(key))
        least = 0 if name in ("width", "height") else -MAX_POSITION
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not least <= value <= MAX_POSITION
        ):
            faults.append(Fault(key, "Not a number that a place can have"))
        else:
            found[name] = round(value)  # who drags a block may leave it between two units
    return Place(**found)


def _text_field(fields: dict[str, Any], name: str, faults: list[Fault]) -> str | None:
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    faults.append(Fault(name, "Not a text"))
    return None


def _as_object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {} if value is None else {"value": value}
