"""The items of an update, and what they are in: read from its bytes, which say more than pycrdt tells.

An item says what it is in only where it has no neighbour to tell it by; so its parent is found along its
origins. Bounded and without recursion, like `crdt.structs`.

Source: yjs 13.6, `readClientsStructRefs`, `Item.integrate`, `ContentType`.
"""

from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from crdt.protocol import Reader
from crdt.structs import (
    GC,
    HAS_ORIGIN,
    HAS_PARENT_SUB,
    HAS_RIGHT_ORIGIN,
    SKIP,
    Deletions,
    read_delete_set,
    skip_content,
)

Id = tuple[int, int]
Parent = Id | str | None
"""An item, a root by its name, or nothing that could be told."""

TYPE, ANY = 7, 8
_ELEMENTS = (3, 5)
_STRING = 119

_UNCOUNTED = (GC, 1, 6, SKIP)
"""What shows nothing by itself: garbage, what was deleted, formats, gaps."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """One struct of an update, or garbage."""

    client: int
    clock: int
    length: int
    kind: int = GC
    origin: Id | None = None
    right_origin: Id | None = None
    parent: Parent = None
    key: str | None = None
    tag: str | None = None
    """Of an XML element."""
    is_word: bool = False
    """Whether it is a value that is a string."""

    @property
    def id(self) -> Id:
        """The id of the first of its clocks."""
        return self.client, self.clock

    @property
    def is_seen(self) -> bool:
        """Whether it shows something, and is not only about others."""
        return self.kind not in _UNCOUNTED


class Items:
    """All items of an update."""

    def __init__(self, update: bytes) -> None:
        """Read an update. Raises ProtocolError."""
        reader = Reader(update)
        self._items: dict[int, list[Item]] = {}
        for _ in range(reader.read_number()):
            structs, client, clock = reader.read_number(), reader.read_number(), reader.read_number()
            own = self._items.setdefault(client, [])
            for _ in range(structs):
                item = _read_item(reader, client, clock)
                clock += item.length
                own.append(item)
        self.deleted: Deletions = read_delete_set(reader)
        self._clocks = {client: [item.clock for item in own] for client, own in self._items.items()}
        self._places: dict[Id, tuple[Parent, str | None]] = {}

    def __iter__(self) -> Iterator[Item]:
        for own in self._items.values():
            yield from own

    def find(self, id: Id) -> Item | None:
        """Return the item that has an id, if it is here."""
        client, clock = id
        index = bisect_right(self._clocks.get(client, ()), clock) - 1
        item = self._items[client][index] if index >= 0 else None
        return item if item is not None and clock < item.clock + item.length else None

    def place_of(self, item: Item) -> tuple[Parent, str | None]:
        """Return what an item is in, and under which key, which is None in what has an order."""
        waiting: list[Id] = []
        place: tuple[Parent, str | None] = (None, None)
        next_item: Item | None = item
        while next_item is not None:
            known = self._places.get(next_item.id)
            if known is not None or next_item.parent is not None:
                place = known or (next_item.parent, next_item.key)
                break
            waiting.append(next_item.id)
            beside = next_item.origin or next_item.right_origin
            next_item = self.find(beside) if beside else None
        for id in waiting:
            self._places[id] = place
        return place


def _read_item(reader: Reader, client: int, clock: int) -> Item:
    info = reader.read_byte()
    kind = info & 0x1F
    if kind in (GC, SKIP):
        return Item(client, clock, reader.read_number(), kind)
    origin = _read_id(reader) if info & HAS_ORIGIN else None
    right_origin = _read_id(reader) if info & HAS_RIGHT_ORIGIN else None
    parent: Parent = None
    key: str | None = None
    if origin is None and right_origin is None:
        parent = reader.read_string() if reader.read_number() == 1 else _read_id(reader)
        key = reader.read_string() if info & HAS_PARENT_SUB else None
    tag: str | None = None
    is_word = False
    if kind == TYPE:
        tag = reader.read_string() if reader.read_number() in _ELEMENTS else None
        length = 1
    else:
        is_word = kind == ANY and reader.peek(1) == _STRING
        length = skip_content(reader, kind)
    return Item(client, clock, length, kind, origin, right_origin, parent, key, tag, is_word)


def _read_id(reader: Reader) -> Id:
    return reader.read_number(), reader.read_number()
