"""Writes into live documents for requests (R8): as a peer in this process, under the caller's principal.

What is written takes the same door as what people type, so it is authored, checked against the rights,
merged, and answered only when it is committed. With a base the change is made on the document as the caller
saw it, and what comes of that is merged with all that others have done since, as an editor's edits are that
was offline meanwhile. So is one that costs much: it is made beside the event loop, while others go on.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
import pycrdt

from blocks.recording import record
from crdt.hub import Hub
from crdt.peer import Replica
from crdt.ports import DocumentName, Principal
from crdt.protocol import EMPTY_UPDATE
from crdt.waiting import read_state_vector
from server.documents.base import Base
from server.history import History
from server.offload import SMALL_BYTES, Offload

T = TypeVar("T")

MAX_POOLS = 10_000


class Written(msgspec.Struct, Generic[T], frozen=True):
    """What is committed, and what the change itself returned."""

    position: int | None
    """None where there was nothing to write."""
    state_vector: bytes
    result: T
    met: Any = None
    """What `look` returned of the document as others had made it, where the change was made on a base."""


class Writer:
    """Writes for everybody who asks this process to."""

    def __init__(self, hub: Hub, history: History, offload: Offload) -> None:
        self._hub = hub
        self._history = history
        self._offload = offload
        self._client_ids: OrderedDict[tuple[str, str], list[int]] = OrderedDict()

    async def write(
        self,
        name: str,
        principal: Principal,
        change: Callable[["pycrdt.Doc[Any]"], T],
        *,
        base: Base | None = None,
        look: Callable[["pycrdt.Doc[Any]"], object] = lambda doc: None,
        cost: int = 0,
    ) -> Written[T]:
        """Let a function change a document; return when that is committed.

        With a base, the function changes the document of then, and `look` sees the one of now before the
        change comes to it. The function raises before it writes anything, or not at all. Raises what it
        raises, storage's UnknownPositionError for a base that is not kept any more, and crdt's errors.

        `cost` is for what a caller can make large, in bytes as `Offload` has them. With it, or with a base,
        the functions are ones of a module, or partials of such, and what they return can be pickled.
        """
        client_id = self._take_client_id(name, principal)
        async with self._hub.join(DocumentName(name), principal, client_id=client_id) as replica:
            met = None
            if base is None and cost <= SMALL_BYTES:
                with replica.doc.transaction():
                    result = change(replica.doc)
            else:
                state = await self._state_at(name, base, replica)
                clock = read_state_vector(replica.doc.get_state()).get(replica.doc.client_id, 0)
                result, update = await self._offload.run(
                    max(cost, len(state)), change_state, state, replica.doc.client_id, clock, change
                )
                if base is not None:
                    now = replica.doc.get_update()
                    met = await self._offload.run(len(now), read_state, now, look)
                replica.doc.apply_update(update)
            position = await replica.saved()
            written = Written(position or None, replica.doc.get_state(), result, met)
        # Only now: had the room refused it, others would not know what this id has written.
        self._client_ids.setdefault((name, principal.id), []).append(replica.doc.client_id)
        return written

    async def _state_at(self, name: str, base: Base | None, replica: Replica) -> bytes:
        """Return the document as it was, or as it is now."""
        if base is None:
            return replica.doc.get_update()
        return await self._history.state_at(name, base.position)

    def _take_client_id(self, name: str, principal: Principal) -> int | None:
        """Return a client id that nothing uses now: each new one stays in the document for ever."""
        key = (name, principal.id)
        known = self._client_ids.setdefault(key, [])
        self._client_ids.move_to_end(key)
        while len(self._client_ids) > MAX_POOLS:
            self._client_ids.popitem(last=False)
        return known.pop() if known else None


def change_state(
    state: bytes, client_id: int, clock: int, change: Callable[["pycrdt.Doc[Any]"], T]
) -> tuple[T, bytes]:
    """Make a change on a state of a document; return what it returns, and the edit that it is.

    `clock` says how far the document of now has come under a client id.
    """
    past: pycrdt.Doc[Any] = pycrdt.Doc()
    past.apply_update(state)
    if read_state_vector(past.get_state()).get(client_id, 0) == clock:
        # Nothing was written under it since, so it can go on from there.
        past = pycrdt.Doc(client_id=client_id)
        past.apply_update(state)
    results: list[T] = []
    update = record(past, lambda: results.append(change(past)))
    return results[0], update or EMPTY_UPDATE


def read_state(state: bytes, reader: Callable[["pycrdt.Doc[Any]"], T]) -> T:
    """Return what a function reads in the document of a state."""
    doc = pycrdt.Doc[Any]()
    doc.apply_update(state)
    return reader(doc)
