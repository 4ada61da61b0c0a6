"""What one author did to a document, and taking it back while others' work stays (rule D8).

The deeds are read from the author's rows of the log: which ids they inserted, and which they deleted that
were not their own. Taking them back deletes the first and brings back the second. What others wrote into
something that the author made stays where it is: what holds it is kept, with the keys that say what it is,
and emptied of the rest. So does what others have put in the place of it.

Pure functions over bytes, for a server to run in another process where documents are large.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import pycrdt

from crdt.errors import DocumentDamaged, ProtocolError
from crdt.items import TYPE, Id, Item, Items
from crdt.poison import find_poison, is_fault
from crdt.protocol import EMPTY_UPDATE
from crdt.ranges import Ranges, encode, union, without
from crdt.replay import keeping_doc, play, undo
from crdt.structs import SKIP, read_deletions_beside


class Deed(msgspec.Struct, frozen=True):
    """What an author did at once, or what follows each other without deleting anything."""

    inserted: Ranges = {}
    deleted: Ranges = {}


Deeds = Sequence[Deed]
"""What an author did, in its order."""


_encode_deeds = msgspec.msgpack.Encoder().encode
_decode_deeds = msgspec.msgpack.Decoder(list[Deed]).decode


class Reverted(msgspec.Struct, frozen=True):
    """The edit that takes deeds back, made on a state."""

    update: bytes
    """Empty when there is nothing to take back."""

    state_vector: bytes
    is_whole: bool = True
    """Whether all that was deleted could be brought back."""


def read_deeds(before: Sequence[bytes], rows: Sequence[bytes], own: Collection[int]) -> list[Deed]:
    """Return what an author did in a part of a log, in which the rows with the indexes `own` are theirs.

    What was deleted before them, in the pieces of `before` or by others, they have only said again. Raises
    DocumentDamaged.
    """
    deeds: list[Deed] = []
    inserted: Ranges = {}
    try:
        gone = [read_deletions_beside(piece) for piece in before]
        for index, row in enumerate(rows):
            if index not in own:
                gone.append(read_deletions_beside(row))
                continue
            items = Items(row)
            deleted: Ranges = {}
            if items.deleted:
                gone = [union(*gone)]
                deleted = without(items.deleted, gone[0])
                gone.append(deleted)
            if deleted and inserted:
                deeds.append(Deed(union(inserted)))
                inserted = {}
            for item in items:
                if item.kind != SKIP:
                    inserted.setdefault(item.client, []).append((item.clock, item.length))
            if deleted:
                deeds.append(Deed(union(inserted), union(deleted)))
                inserted = {}
    except ProtocolError as error:
        raise DocumentDamaged("What is stored of this document is damaged.") from error
    return [*deeds, Deed(union(inserted))] if inserted else deeds


def inserted_by(deeds: Deeds) -> Ranges:
    """Return all that was inserted."""
    return union(*(deed.inserted for deed in deeds))


def deleted_by(deeds: Deeds) -> Ranges:
    """Return what was deleted of others."""
    return without(union(*(deed.deleted for deed in deeds)), inserted_by(deeds))


def remember(
    before: Sequence[bytes], rows: Sequence[bytes], own: Collection[int]
) -> tuple[bytes, bytes | None, list[str]]:
    """Return what is to be kept of an author's rows that are going to be pruned.

    That is what they did, for `recall`; the document with what they deleted of others, if they did; and the
    entries of roots that they made, `root/key`. Raises DocumentDamaged.
    """
    deeds = read_deeds(before, rows, own)
    past = past_of([*before, *rows]) if deleted_by(deeds) else None
    return _encode_deeds(deeds), past, entries_made([rows[index] for index in own])


def recall(kept: bytes) -> list[Deed]:
    """Return deeds that were kept."""
    return _decode_deeds(kept)


def entries_made(rows: Iterable[bytes]) -> list[str]:
    """Return the entries of roots that rows of an author have made, as `root/key`."""
    found: dict[str, None] = {}
    for row in rows:
        for item in Items(row):
            if isinstance(item.parent, str) and item.key is not None:
                found[f"{item.parent}/{item.key}"] = None
    return list(found)


def past_of(pieces: Sequence[bytes]) -> bytes:
    """Return a document with all that was deleted in it since its first piece. Raises DocumentDamaged."""
    return _play(pieces, 1).get_update()


def take_back(state: bytes, inserted: Ranges, light: Collection[str] = ()) -> bytes:
    """Return the edit that deletes from a state what was inserted, but for what others have in it.

    `light` names keys and XML nodes that others may have set without having written anything.
    """
    items = Items(state)
    kept = _find_kept(items, inserted, {}, light)
    return _deletion(items, without(inserted, kept))


def revert(pieces: Sequence[bytes], deeds: Deeds, *, light: Collection[str] = (), client_id: int) -> Reverted:
    """Return the edit that takes deeds back.

    `pieces` make the document, in their order, beginning with one that still has what was deleted;
    `client_id` is the edit's. Raises DocumentDamaged.
    """
    doc = _play(pieces, client_id)
    state, state_vector = doc.get_update(), doc.get_state()
    items = Items(state)
    inserted, deleted = inserted_by(deeds), deleted_by(deeds)
    kept = _find_kept(items, inserted, deleted, light)
    if deleted:
        try:
            over = _find_superseded(items, inserted)
            changes = [(without(deed.inserted, kept), without(deed.deleted, over)) for deed in deeds]
            return Reverted(undo(doc, changes), state_vector)
        except BaseException as error:
            if not is_fault(error):
                raise
    return Reverted(_deletion(items, without(inserted, kept)), state_vector, is_whole=not deleted)


def _deletion(items: Items, ranges: Ranges) -> bytes:
    """Return the edit that deletes ids, as far as they are not deleted already."""
    doomed = without(ranges, items.deleted)
    return b"\0" + encode(doomed) if doomed else EMPTY_UPDATE


def _play(pieces: Sequence[bytes], client_id: int, poison: Collection[bytes] = ()) -> "pycrdt.Doc[Any]":
    doc, waiting = keeping_doc(client_id)
    try:
        play(doc, waiting, [piece for piece in pieces if piece not in poison])
    except BaseException as error:
        if isinstance(error, ValueError):
            raise DocumentDamaged("What is stored of this document is damaged.") from error
        if not is_fault(error):
            raise
        return _play(pieces, client_id, find_poison(pieces))
    return doc


def _find_kept(items: Items, inserted: Ranges, deleted: Ranges, light: Collection[str]) -> Ranges:
    """Return what of the inserted ids has to stay, because something of others is in it."""
    ours, replaced = _Lookup(inserted), _Lookup(deleted)
    passed_over = _Lookup(union(inserted, items.deleted))
    holders = _Holders(items, ours)
    kept: set[Id] = set()
    for item in items:
        found = holders.of(item)
        if found and not passed_over.has(item) and _has_weight(items, item, light):
            kept.update(found)
    spared = [
        item
        for item in items
        if item.id in kept
        or (_says_what_is(items, item, kept) and not _has_replaced(items, item, ours, replaced))
    ]
    return _ranges_of(spared)


def _has_weight(items: Items, item: Item, light: Collection[str]) -> bool:
    """Tell whether an item is something that somebody wrote, which nobody wants to lose."""
    parent, key = items.place_of(item)
    if not item.is_seen:
        return False
    if key is None:
        return item.tag not in light if item.tag is not None else item.kind != TYPE
    holder = items.find(parent) if isinstance(parent, tuple) else None
    return item.is_word and key not in light and (holder is None or holder.tag is None)


def _says_what_is(items: Items, item: Item, kept: Collection[Id]) -> bool:
    """Tell whether an item is the value of a key in something that is kept."""
    if not kept or item.kind == TYPE:
        return False
    parent, key = items.place_of(item)
    return key is not None and parent in kept


def _find_superseded(items: Items, inserted: Ranges) -> Ranges:
    """Return the values of keys that somebody else has set since: an undo would set these again."""
    ours = _Lookup(inserted)
    found: dict[Id, Item] = {}
    for item in items:
        if item.origin is None or ours.has(item) or items.place_of(item)[1] is None:
            continue
        before = items.find(item.origin)
        while before is not None and before.id not in found:
            found[before.id] = before
            before = items.find(before.origin) if before.origin else None
    return _ranges_of(found.values())


def _ranges_of(items: Iterable[Item]) -> Ranges:
    return union(*({item.client: [(item.clock, item.length)]} for item in items))


def _has_replaced(items: Items, item: Item, ours: "_Lookup", replaced: "_Lookup") -> bool:
    """Tell whether a key had a value of somebody else's before the author set it, which can come back."""
    before = items.find(item.origin) if item.origin else None
    while before is not None and ours.has(before):
        before = items.find(before.origin) if before.origin else None
    return before is not None and replaced.has(before)


class _Lookup:
    """Finds out whether an item lies within some ranges."""

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = union(ranges)

    def has(self, item: Item) -> bool:
        """Tell whether all of an item is there."""
        own = self._ranges.get(item.client, [])
        index = bisect_right(own, item.clock, key=itemgetter(0)) - 1
        return index >= 0 and item.clock + item.length <= sum(own[index])


class _Holders:
    """What of an author's an item is in, at any depth."""

    def __init__(self, items: Items, ours: _Lookup) -> None:
        self._items = items
        self._ours = ours
        self._known: dict[Id, tuple[Id, ...]] = {}

    def of(self, item: Item) -> tuple[Id, ...]:
        """Return the items that hold an item, and are among the author's."""
        passed: list[Item] = []
        found: tuple[Id, ...] = ()
        parent, _ = self._items.place_of(item)
        while isinstance(parent, tuple) and (holder := self._items.find(parent)) is not None:
            known = self._known.get(holder.id)
            if known is not None:
                found = known
                break
            passed.append(holder)
            parent, _ = self._items.place_of(holder)
        for holder in reversed(passed):
            found = (*found, holder.id) if self._ours.has(holder) else found
            self._known[holder.id] = found
        return found
