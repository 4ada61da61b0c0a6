"""Documents that are kept once they were read: following them costs what has changed.

Small ones are kept here, large ones in the child. Each is kept at the position that it was read at; whatever
comes behind that is applied, and what it touches is read. Whatever goes wrong, the document is forgotten, and
read as a whole the next time.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import msgspec
import pycrdt

from blocks import channel
from blocks.page import BLOCKS, META
from blocks.rows import Changes, Known, PageNames, channel_changes, fits, page_changes
from crdt.document import LiveDocument, Poisoned
from crdt.poison import is_fault
from server.offload import SMALL_BYTES, Offload, size_of
from server.projections.reading import damage_of
from storage.repositories.projections import Standing

MAX_IN_CHILD = 100
MAX_BYTES_IN_CHILD = 16 * 1024 * 1024
"""Of all documents that the child keeps, encoded; in memory they take some times that."""

MAX_HERE = 256
MAX_BYTES_HERE = 4 * 1024 * 1024
"""Of all that this process keeps."""

Touched = Mapping[str, Set[str]]
"""Root of a document -> its keys under which something has changed."""


class Kind(msgspec.Struct, frozen=True):
    """How documents of one kind are read."""

    roots: tuple[str, ...]
    whole: Callable[[pycrdt.Doc[Any], Known], Changes[Any]]
    touched: Callable[[pycrdt.Doc[Any], Touched], Changes[Any]]
    """Returns all rows that are touched, and the ids of those that are not there; the caller compares: one
    that was touched may be what it was, and one that is gone may never have had a row."""


def _touched_of_page(doc: pycrdt.Doc[Any], touched: Touched) -> Changes[Any]:
    # A key that fits no row is none that a database can be asked for.
    ids = set(filter(fits, touched[BLOCKS]))
    changes = page_changes(doc, Known(dict.fromkeys(ids, b"")), only=ids)
    return Changes(changes.rows, changes.gone, {}, 0, changes.names if touched[META] else None)


def _touched_of_channel(doc: pycrdt.Doc[Any], touched: Touched) -> Changes[Any]:
    ids = touched[channel.MESSAGES] | touched[channel.PINS]
    ids |= {channel.message_of_reaction(key) for key in touched[channel.REACTIONS]}
    ids = set(filter(channel.is_message_id, ids))
    changes = channel_changes(doc, Known(dict.fromkeys(ids, b"")), only=ids)
    marks = {who: mark for who, mark in changes.marks.items() if who in touched[channel.READS]}
    return Changes(changes.rows, changes.gone, marks, 0)


_NOTHING: Changes[Any] = Changes((), (), {}, 0)

_KINDS: Mapping[str, Kind] = {
    "page": Kind((BLOCKS, META), page_changes, _touched_of_page),
    "channel": Kind(
        (channel.MESSAGES, channel.REACTIONS, channel.READS, channel.PINS),
        channel_changes,
        _touched_of_channel,
    ),
}


class _Kept:
    """A document at a position, with what has been touched in it since another one."""

    def __init__(self, kind: Kind, live: LiveDocument, position: int, size: int) -> None:
        self.kind = kind
        self.live = live
        self.doc = live.read(lambda doc: doc)
        self.position = position
        self.touched_since = position
        self.size = size
        self.counted = 0
        """What of that counts towards what all may take."""
        self.touched = {root: set[str]() for root in kind.roots}
        self._subscriptions = [
            self.doc.get(root, type=pycrdt.Map[Any]).observe_deep(self._observer_of(root))
            for root in kind.roots
        ]

    def measure(self) -> None:
        """Find out how large the document is: what it has grown by may have been replaced since."""
        self.size = len(self.doc.get_update())

    def let_go(self) -> None:
        """End the subscriptions: they hold the document, hidden from the garbage collector."""
        for subscription in self._subscriptions:
            subscription.drop()

    def _observer_of(self, root: str) -> Callable[[list[Any]], None]:
        touched = self.touched[root]

        def observe(events: list[Any]) -> None:
            for event in events:  # the path leads to what has changed: nowhere for the root itself
                touched.update(map(str, event.path[:1] or event.keys))

        return observe


class Documents:
    """Some documents, those that were read last, by their addresses."""

    def __init__(self, most_bytes: int, most: int) -> None:
        self._most_bytes = most_bytes
        self._most = most
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0  # of all of them

    def position(self, address: str) -> int | None:
        """Return up to which position of its log a document is kept; None for one that is not."""
        kept = self._kept.get(address)
        return None if kept is None else kept.position

    def has_room_for(self, address: str, rows: Sequence[bytes], limit: int) -> bool:
        """Tell whether a document that is kept, with some rows more, is no larger than so many bytes."""
        kept, more = self._kept[address], size_of(None, rows)
        if kept.size + more > limit:
            kept.measure()
        return kept.size + more <= limit

    def read(
        self, address: str, position: int, snapshot: bytes | None, rows: Sequence[bytes], known: Known
    ) -> Changes[Any]:
        """Compare a document with what the tables have of it, and keep it. Raises DocumentDamaged."""
        self.forget(address)
        kind = _KINDS[address.partition(":")[0]]
        live = LiveDocument(snapshot, rows)
        try:
            changes = live.read(lambda doc: kind.whole(doc, known))
        except BaseException as error:
            raise damage_of(error) from error
        self._keep(address, _Kept(kind, live, position, size_of(snapshot, rows)))
        return changes

    def read_on(
        self, address: str, after: int, start: int, head: int, rows: Sequence[bytes]
    ) -> Changes[Any] | None:
        """Apply `rows`, which go on from `start`. At the head, return all that was touched in the document
        behind `after`, or more, and nothing before; None where it is not kept as of `start`, or not since
        `after`.

        The caller compares: what was touched may be what it was, and what is gone may never have had a row.
        """
        position = start + len(rows)
        kept = self._kept.get(address)
        if kept is None or kept.position != start or kept.touched_since > after:
            return None
        if after == start:
            kept.touched_since = after
            for touched in kept.touched.values():
                touched.clear()
        try:
            if rows:
                kept.live.apply(rows)
            is_news = position == head and any(kept.touched.values())
            changes = kept.kind.touched(kept.doc, kept.touched) if is_news else _NOTHING
        except BaseException as error:
            self.forget(address)
            if isinstance(error, Poisoned) or is_fault(error):
                return None
            raise
        if kept.live.read(lambda doc: doc) is not kept.doc:
            self.forget(address)  # it was built anew, and nobody saw what that touched
            return None
        kept.position = position
        kept.size += size_of(None, rows)
        self._keep(address, kept)
        return changes

    def forget(self, address: str) -> None:
        """Keep a document no longer."""
        if (kept := self._kept.pop(address, None)) is not None:
            self._let_go(kept)

    def _keep(self, address: str, kept: _Kept) -> None:
        self._kept[address] = kept
        self._kept.move_to_end(address)
        if kept.size > self._most_bytes:
            kept.measure()
        self._bytes += kept.size - kept.counted
        kept.counted = kept.size
        while self._bytes > self._most_bytes or len(self._kept) > self._most:
            self._let_go(self._kept.popitem(last=False)[1])

    def _let_go(self, kept: _Kept) -> None:
        self._bytes -= kept.counted
        kept.let_go()


class KeptDocuments:
    """What the server and its child keep."""

    def __init__(self, offload: Offload) -> None:
        self._offload = offload
        self._here = Documents(MAX_BYTES_HERE, MAX_HERE)
        self._in_child: OrderedDict[str, None] = OrderedDict()

    async def read(
        self, address: str, position: int, snapshot: bytes | None, rows: Sequence[bytes], known: Known
    ) -> Changes[Any]:
        """Compare a document with what the tables have of it, and keep it. Raises DocumentDamaged."""
        if size_of(snapshot, rows) <= SMALL_BYTES:
            return self._here.read(address, position, snapshot, rows, known)
        self._here.forget(address)
        self._in_child[address] = None
        self._in_child.move_to_end(address)
        if len(self._in_child) > MAX_IN_CHILD:
            self._in_child.popitem(last=False)
        return await self._offload.run_in_child(_read, address, position, snapshot, rows, known)

    def read_new(self, standing: Standing, rows: Sequence[bytes]) -> Changes[Any] | None:
        """Read a document that has no rows in the tables, from all of its log, and keep it here; None for one
        that is too large for that."""
        if size_of(None, rows) > SMALL_BYTES:
            return None
        changes = self._here.read(standing.address, standing.head, None, rows, Known({}))
        # What says nothing of its name leaves that as it is.
        return msgspec.structs.replace(changes, names=None) if changes.names == PageNames() else changes

    def position(self, standing: Standing) -> int | None:
        """Return from which position on a document may be read; None for one that is not kept."""
        here = self._here.position(standing.address)
        if here is not None:
            return here if standing.position <= here <= standing.head else None
        return standing.position if standing.address in self._in_child else None

    def is_here(self, standing: Standing) -> bool:
        """Tell whether a document is kept in this process."""
        return self._here.position(standing.address) is not None

    async def read_on(self, standing: Standing, start: int, rows: Sequence[bytes]) -> Changes[Any] | None:
        """Apply rows from `start` on. At the standing's head, return all that was touched behind its
        position, or more; None where nobody knows, or the document is too large to be kept where it is."""
        part = (standing.address, standing.position, start, standing.head, rows)
        if self._here.position(standing.address) is not None:
            has_room = self._here.has_room_for(standing.address, rows, SMALL_BYTES)
            return self._here.read_on(*part) if has_room else None
        if standing.address in self._in_child:
            return await self._offload.run_in_child(_read_on, *part)
        return None  # another one has taken its place meanwhile

    def forget(self, standing: Standing) -> None:
        """Have a document read as a whole the next time."""
        self._here.forget(standing.address)
        self._in_child.pop(standing.address, None)


_of_child = Documents(MAX_BYTES_IN_CHILD, MAX_IN_CHILD)


def _read(
    address: str, position: int, snapshot: bytes | None, rows: Sequence[bytes], known: Known
) -> Changes[Any]:
    return _of_child.read(address, position, snapshot, rows, known)


def _read_on(address: str, after: int, start: int, head: int, rows: Sequence[bytes]) -> Changes[Any] | None:
    return _of_child.read_on(address, after, start, head, rows)
