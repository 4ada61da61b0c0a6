"""The operations on a page's document: each is one transaction, so that it arrives whole or not at all.

They are made to merge. A block is moved by writing its order key, a content is changed by its differences,
and what is deleted is marked: whatever others write into it meanwhile is there when it is restored. What has
been in the page's trash for long is taken out of the document by `purge`; its history still has it.

Pure: ids and times are arguments. Raises what `blocks.errors` has; then nothing was written.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
import pycrdt
from msgspec import UNSET, UnsetType

from blocks.copying import copy_entry
from blocks.errors import Fault, InvalidContentError, UnknownBlockError, UnreadableBlockError
from blocks.kind import Fields, Kind
from blocks.kinds import KINDS
from blocks.order import is_key, key_between
from blocks.page import CONTENT, META, PLACE_FIELDS, Place, blocks_of, find, read_content, read_entries
from blocks.plain import plain
from blocks.tiptap import paragraph
from blocks.tree import Element, Text, document, to_json

After = str | UnsetType | None
"""The block to stand behind; None: the first place; UNSET: the last one."""

_DUPLICATE_OFFSET = 24
"""How far from its original a copy lies, so that both are seen."""


class Stamp(msgspec.Struct, frozen=True):
    """Who does something, and when."""

    at: str
    by: str


class Queue:
    """The order of a page's blocks, for one change: read once, however many are put into it."""

    def __init__(self, doc: pycrdt.Doc[Any], *, without: str | None = None) -> None:
        entries = [entry for entry in read_entries(doc) if entry.id != without]
        self._living = {entry.id: entry.order for entry in entries if not entry.is_deleted}
        self._keys = sorted(entry.order for entry in entries if entry.order is not None)

    def place(self, block_id: str, after: After) -> str:
        """Put a block behind another; return its key. Raises UnknownBlockError for one that is not there."""
        if isinstance(after, str) and after not in self._living:
            raise UnknownBlockError(after)
        before = self._living[after] if isinstance(after, str) else None
        if before is None and after is not None:
            # Behind one without a key of its own, which comes last, is last as well.
            before = self._keys[-1] if self._keys else None
        index = bisect_right(self._keys, before) if before is not None else 0
        key = key_between(before, self._keys[index] if index < len(self._keys) else None)
        self._keys.insert(index, key)
        self._living[block_id] = key
        return key


def write_meta(doc: pycrdt.Doc[Any], *, title: str, icon_url: str | None = None) -> None:
    """Write what the page is called and looks like."""
    meta = doc.get(META, type=pycrdt.Map[Any])
    with doc.transaction():
        meta["title"] = title
        meta["icon_url"] = icon_url


def add_block(
    doc: pycrdt.Doc[Any],
    block_id: str,
    type_: str,
    content: Fields,
    *,
    stamp: Stamp,
    place: Place | None = None,
    after: After = UNSET,
    queue: Queue | None = None,
    by_server: bool = False,
) -> None:
    """Add a block; who adds many has a queue. Raises InvalidContentError, and UnknownBlockError for an
    `after` that is not there."""
    kind = _known_kind(type_)
    parsed = kind.parse(content, by_server=by_server)
    with doc.transaction():
        order = (queue or Queue(doc)).place(block_id, after)
        block = _new_block(doc, block_id, kind, place or Place(), order, stamp)
        block[CONTENT] = pycrdt.Map[Any]()
        kind.create(block[CONTENT], parsed)


def tree_of_lines(lines: Sequence[str], *, level: int = 1) -> Element:
    """Return a rich text whose first line is its heading, and the rest paragraphs."""
    nodes = [paragraph(*[Text(line)] * bool(line)) for line in lines]
    nodes[:1] = [Element("heading", {"level": level}, node.content) for node in nodes[:1]]
    return document(tuple(nodes))


def add_text_block(
    doc: pycrdt.Doc[Any],
    block_id: str,
    lines: Sequence[str],
    *,
    stamp: Stamp,
    place: Place | None = None,
    after: After = UNSET,
) -> None:
    """Add a block of type `text`: the first line is its heading, the rest paragraphs."""
    content: Fields = {"doc": to_json(tree_of_lines(lines))}
    add_block(doc, block_id, "text", content, stamp=stamp, place=place, after=after)


def change_block(
    doc: pycrdt.Doc[Any],
    block_id: str,
    *,
    place: Fields | None = None,
    after: After = UNSET,
    patch: Fields | None = None,
    by_server: bool = False,
) -> None:
    """Change some of a block that is not in the trash.

    `place` has the fields of `Place` that change, `patch` is a JSON merge patch of the content. Raises
    UnknownBlockError, UnreadableBlockError where there is no content to patch, InvalidContentError.
    """
    with doc.transaction():
        block = _find_living(doc, block_id)
        write = _prepare_patch(block, patch, by_server=by_server) if patch else None
        order = Queue(doc, without=block_id).place(block_id, after) if after is not UNSET else None
        for name, value in (place or {}).items():
            _set(block, PLACE_FIELDS[name], value)
        if order is not None:
            _set(block, "order", order)
        if write is not None:
            write()


def duplicate_block(doc: pycrdt.Doc[Any], block_id: str, new_id: str, *, stamp: Stamp) -> None:
    """Add a copy of a block right behind it, of whatever it is and contains. Raises UnknownBlockError."""
    with doc.transaction():
        block = _find_living(doc, block_id)
        order = block.get("order")
        copy_block(block, doc, new_id, after=block_id if is_key(order) else UNSET, stamp=stamp)
        copy = blocks_of(doc)[new_id]
        for key in ("position_x", "position_y"):
            value = copy.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool):
                copy[key] = value + _DUPLICATE_OFFSET


def copy_block(
    block: pycrdt.Map[Any],
    target: pycrdt.Doc[Any],
    new_id: str,
    *,
    after: After = UNSET,
    stamp: Stamp | None = None,
) -> None:
    """Put a copy of a block, which may lie in another document, into a document.

    With a stamp it is a new block of somebody's, else the same one at another place. Raises UnknownBlockError
    for an `after` that is not there, UnreadableBlockError.
    """
    with target.transaction():
        order = Queue(target).place(new_id, after)
        blocks_of(target)[new_id] = pycrdt.Map[Any]()
        copy: pycrdt.Map[Any] = blocks_of(target)[new_id]
        try:
            for key in sorted({*block.keys()} - MARKS):
                copy_entry(copy, key, block[key])
        except UnreadableBlockError:
            del blocks_of(target)[new_id]
            raise
        copy["id"] = new_id
        copy["order"] = order
        if stamp is not None:
            copy["created_at"], copy["created_by"] = stamp.at, stamp.by


def delete_block(doc: pycrdt.Doc[Any], block_id: str, *, stamp: Stamp, moved_to: str | None = None) -> None:
    """Put a block into the page's trash; `moved_to` is the page where it goes on.

    Raises UnknownBlockError.
    """
    with doc.transaction():
        value = find(doc, block_id)
        if not isinstance(value, pycrdt.Map):
            # There is no place for a mark: the history of the document keeps it.
            del blocks_of(doc)[block_id]
            return
        block = _find_living(doc, block_id)
        block["deleted_at"], block["deleted_by"] = stamp.at, stamp.by
        if moved_to is not None:
            block["moved_to"] = moved_to


def restore_block(doc: pycrdt.Doc[Any], block_id: str) -> None:
    """Take a block out of the page's trash; one that is not there stays as it is.

    Whoever restores one that was moved knows that it has not arrived elsewhere. Raises UnknownBlockError.
    """
    with doc.transaction():
        block = find(doc, block_id)
        if not isinstance(block, pycrdt.Map):
            return
        block = cast("pycrdt.Map[Any]", block)
        for key in MARKS:
            if key in block:
                del block[key]


def purge(doc: pycrdt.Doc[Any], *, deleted_before: str) -> int:
    """Take out of the document what was put into its trash before a time; return how many blocks."""
    blocks = blocks_of(doc)
    purged = 0
    with doc.transaction():
        for entry in read_entries(doc):
            if entry.is_deleted:
                deleted_at: object = blocks[entry.id].get("deleted_at")
                if isinstance(deleted_at, str) and deleted_at < deleted_before:
                    del blocks[entry.id]
                    purged += 1
    return purged


MARKS = frozenset(("deleted_at", "deleted_by", "moved_to"))
"""What a block in the trash has, and no other."""


def _new_block(
    doc: pycrdt.Doc[Any], block_id: str, kind: Kind[Any], place: Place, order: str, stamp: Stamp
) -> pycrdt.Map[Any]:
    fields: dict[str, Any] = {
        "id": block_id,
        "type": kind.name,
        "position_x": place.x,
        "position_y": place.y,
        "width": place.width,
        "height": place.height,
        "z_index": place.z_index,
        "order": order,
        "created_at": stamp.at,
        "created_by": stamp.by,
    }
    if kind.version > 1:
        fields["schema_version"] = kind.version
    blocks_of(doc)[block_id] = pycrdt.Map[Any](fields)
    return blocks_of(doc)[block_id]


def _known_kind(type_: str) -> Kind[Any]:
    kind = KINDS.get(type_)
    if kind is None:
        raise InvalidContentError((Fault("type", f"One of {', '.join(sorted(KINDS))}"),))
    return kind


def _find_living(doc: pycrdt.Doc[Any], block_id: str) -> pycrdt.Map[Any]:
    """Return a block that is not in the trash. Raises UnknownBlockError, UnreadableBlockError."""
    value = find(doc, block_id)
    if not isinstance(value, pycrdt.Map):
        raise UnreadableBlockError("What is in the page under this id is no block.")
    block = cast("pycrdt.Map[Any]", value)
    if block.get("deleted_at") is not None:
        raise UnknownBlockError(block_id)
    return block


def _prepare_patch(block: pycrdt.Map[Any], patch: Fields, *, by_server: bool) -> Callable[[], None]:
    """Check a patch; return what writes it. Raises InvalidContentError, UnreadableBlockError."""
    reading = read_content(block)
    kind = reading.kind
    if kind is None:
        raise UnreadableBlockError("What the block contains is not known here, so it is left as it is.")
    changed = kind.change(reading.content, patch, by_server=by_server)

    def write() -> None:
        content: object = block.get(CONTENT)
        if not isinstance(content, pycrdt.Map):
            # A client has put a plain object there, where no two people can write side by side.
            block[CONTENT] = pycrdt.Map[Any](
                {key: value for key, value in _plain_fields(content).items() if key not in kind.fields}
            )
            kind.create(block[CONTENT], changed)
        else:
            lying = cast("pycrdt.Map[Any]", content)
            before = (
                reading.content
                if reading.version == kind.version
                else kind.read(plain(lying), kind.version, [])
            )
            kind.write(lying, before, changed)
        if reading.version != kind.version:
            block["schema_version"] = kind.version

    return write


def _plain_fields(content: object) -> dict[str, Any]:
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _set(block: pycrdt.Map[Any], key: str, value: object) -> None:
    if plain(block.get(key)) != value:
        block[key] = value
