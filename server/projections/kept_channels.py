"""Large channels, which the child keeps once it has read them: following them costs what has changed.

It knows the position that it read a document at; what comes behind that is applied, and what it touches is
read. Whatever goes wrong with that, the document is forgotten, and read as a whole the next time.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pycrdt

from blocks import channel
from blocks.rows import Changes, Known, MessageRow, channel_changes, moved_on
from crdt.document import LiveDocument, Poisoned
from crdt.poison import is_fault
from server.projections.reading import damage_of
from storage.repositories.projections import Standing
from storage.unit_of_work import UnitOfWork

MAX_BYTES = 16 * 1024 * 1024
"""Of all documents that are kept, encoded; in memory they take some times that."""

MAX_REMEMBERED = 100
"""Of so many documents it is known that the child may have them."""


class KeptChannels:
    """Implements `Keeping`: what the server knows of what its child has."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, None] = OrderedDict()

    def reading(
        self, address: str, position: int
    ) -> Callable[[bytes | None, Sequence[bytes], Known], Changes[MessageRow]]:
        """Return what compares a channel with what the tables have of it, and keeps it."""
        self._addresses[address] = None
        self._addresses.move_to_end(address)
        if len(self._addresses) > MAX_REMEMBERED:
            self._addresses.popitem(last=False)
        return partial(read_and_keep, address, position)

    def reading_on(
        self, standing: Standing
    ) -> Callable[[Sequence[bytes]], Changes[MessageRow] | None] | None:
        """Return what reads all that the rows between a standing's position and its head touch."""
        if standing.address not in self._addresses:
            return None
        return partial(read_on, standing.address, standing.position, standing.head)

    async def compare(
        self, uow: UnitOfWork, subject_id: UUID, touched: Changes[MessageRow]
    ) -> Changes[MessageRow]:
        """Return what of that the tables do not have."""
        ids = [*(row.id for row, _ in touched.rows), *map(UUID, touched.gone)]
        known = await uow.projections.messages_known(subject_id, ids)
        marks = await uow.projections.marks_known(subject_id) if touched.marks else {}
        return Changes(
            [(row, digest) for row, digest in touched.rows if known.get(str(row.id)) != digest],
            [id_ for id_ in touched.gone if id_ in known],
            moved_on(touched.marks, marks),
            touched.unreadable,
        )


class _Kept:
    """A document at a position, with what has been touched in it since it was read last."""

    def __init__(self, live: LiveDocument, position: int) -> None:
        self.live = live
        self.doc = live.read(lambda doc: doc)
        self.position = position
        self.size = len(live.state())
        self.touched = defaultdict[str, set[str]](set)
        self._subscriptions = [
            self.doc.get(root, type=pycrdt.Map[Any]).observe_deep(self._observer_of(root))
            for root in (channel.MESSAGES, channel.REACTIONS, channel.READS, channel.PINS)
        ]

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


_kept: dict[str, _Kept] = {}
"""Documents by their addresses; the one that was read last is the last."""


def read_and_keep(
    address: str, position: int, snapshot: bytes | None, rows: Sequence[bytes], known: Known
) -> Changes[MessageRow]:
    """Compare a channel with what the tables have of it, and keep it. Raises DocumentDamaged."""
    _forget(address)
    live = LiveDocument(snapshot, rows)
    try:
        changes = live.read(lambda doc: channel_changes(doc, known))
    except BaseException as error:
        raise damage_of(error) from error
    _keep(address, _Kept(live, position))
    return changes


def read_on(address: str, after: int, position: int, rows: Sequence[bytes]) -> Changes[MessageRow] | None:
    """Return all that `rows` touch in a channel that is kept as of `after`; None where it is not.

    The caller compares: a message that was touched may be what it was, and one that is gone may never have
    had a row.
    """
    kept = _kept.get(address)
    if kept is None or kept.position != after:
        return None
    for touched in kept.touched.values():
        touched.clear()
    try:
        kept.live.apply(rows)
        changes = _read_touched(kept)
    except BaseException as error:
        _forget(address)
        if isinstance(error, Poisoned) or is_fault(error):
            return None
        raise
    if kept.live.read(lambda doc: doc) is not kept.doc:
        _forget(address)  # it was built anew, and nobody saw what that touched
        return None
    kept.position = position
    kept.size += sum(map(len, rows))
    if kept.size > MAX_BYTES:
        kept.size = len(kept.live.state())
    _keep(address, kept)
    return changes


def _read_touched(kept: _Kept) -> Changes[MessageRow]:
    touched = kept.touched
    ids = touched[channel.MESSAGES] | touched[channel.PINS]
    ids |= {channel.message_of_reaction(key) for key in touched[channel.REACTIONS]}
    ids = set(filter(channel.is_message_id, ids))
    changes = channel_changes(kept.doc, Known(dict.fromkeys(ids, b"")), only=ids)
    marks = {who: mark for who, mark in changes.marks.items() if who in touched[channel.READS]}
    return Changes(changes.rows, changes.gone, marks, 0)


def _keep(address: str, kept: _Kept) -> None:
    _kept.pop(address, None)
    _kept[address] = kept
    while sum(kept.size for kept in _kept.values()) > MAX_BYTES:
        _forget(next(iter(_kept)))


def _forget(address: str) -> None:
    if (kept := _kept.pop(address, None)) is not None:
        kept.let_go()
