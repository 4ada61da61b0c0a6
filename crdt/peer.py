"""A peer in this process: a replica of a document with a Yjs client id of its own.

What agents, REST writes and imports edit: their changes take the same way as a socket's (rule R8).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pycrdt

from crdt.awareness import Announcement, decode_awareness
from crdt.broadcast import Broadcast
from crdt.errors import CrdtError, UpdateRefused
from crdt.ports import Binding, DocumentName, Principal, Right, can_write
from crdt.protocol import EMPTY_UPDATE, Edit, Presence, decode_yws, encode_number, encode_string
from crdt.room import Room
from crdt.waiting import Waiting, read_state_vector


class Replica:
    """A document that follows its room; edit `doc`, then wait for `saved`. A `crdt.broadcast.Peer`."""

    waits_for_echo = False
    is_full = False

    def __init__(
        self, principal: Principal, room: Room, right: Right, *, client_id: int | None = None
    ) -> None:
        """Join a room; `client_id` is one that the principal has used before and uses nowhere else now."""
        self.principal = principal
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
        self._room = room
        self.right: Right = right
        self.reviews = 0
        """How often it was begun to decide anew on the right: the newest decision stands."""
        self._is_following = False
        self._waiting = Waiting(self.doc)
        self._open_edits = 0
        self._position = 0
        self._presence_clock = 0
        self._error: CrdtError | None = None
        self._changed = asyncio.Event()
        self._is_synced = False
        self._seen: Callable[[Sequence[Announcement]], object] | None = None
        self._subscription = self.doc.observe(self._on_change)
        room.join(self)
        room.admission.note_inside(self, self.doc.client_id)
        room.request_state(self, self.doc.get_state())

    async def synced(self) -> None:
        """Wait for the document's present state."""
        while not self._is_synced:
            await self._wait()

    async def saved(self) -> int:
        """Wait until every edit made here is committed; return the log's position then (D2).

        Raises what the room said when it refused one of them, or ended.
        """
        while self._open_edits:
            await self._wait()
        return self._position

    async def reached(self, state_vector: bytes) -> None:
        """Wait until as much of every client is here as a state vector says: others may have written it."""
        wanted = read_state_vector(state_vector)
        while not self._has(wanted):
            await self._wait()

    @property
    def can_manage(self) -> bool:
        """Whether its principal may do what the document's guard lets only few do."""
        return self.right == "manage"

    @property
    def document(self) -> DocumentName:
        """The name of the document."""
        return self._room.name

    def check(self) -> None:
        """Raise what has ended this replica, if anything has."""
        if self._error is not None:
            raise self._error

    @property
    def has_ended(self) -> bool:
        """Tell whether the room is gone, or has refused something: then this replica is of no more use."""
        return self._error is not None

    def announce(self, state: Mapping[str, object] | None) -> None:
        """Show presence, or withdraw it with None; the room adds the `user` field (A5)."""
        self._presence_clock += 1
        entry = encode_number(self.doc.client_id) + encode_number(self._presence_clock)
        self._room.announce(self, b"\x01" + entry + encode_string(msgspec.json.encode(state).decode()))

    def watch(self, seen: Callable[[Sequence[Announcement]], object]) -> None:
        """Be told of who is here and what they show, and of all that changes of it."""
        self._seen = seen
        self._room.send_presence(self)

    def introduce(self, bindings: Iterable[Binding]) -> None:
        """Say whose client ids are whose structs come next: of another document, that this one takes in."""
        self._room.introduce(bindings)

    def leave(self) -> None:
        """Take part no longer; what was edited is committed all the same."""
        self._subscription.drop()
        self._room.leave(self)

    def _has(self, wanted: Mapping[int, int]) -> bool:
        here = read_state_vector(self.doc.get_state())
        return all(here.get(client_id, 0) >= clock for client_id, clock in wanted.items())

    async def _wait(self) -> None:
        self.check()
        self._changed.clear()
        await self._changed.wait()

    def _on_change(self, event: pycrdt.TransactionEvent) -> None:
        if self._is_following or event.update == EMPTY_UPDATE:
            return
        self._open_edits += 1
        if can_write(self.right):
            self._room.submit(self, event.update)
        else:
            self.refuse(UpdateRefused("You may read this document, not change it."))

    # What the room calls

    def deliver(self, broadcast: Broadcast) -> None:
        """Take the state, and follow the changes that come after it."""
        if broadcast.update is not None:
            self._follow(broadcast.update)
        elif self._seen is not None:
            self.send(broadcast.payload)

    def send(self, payload: bytes) -> None:
        """Take what is for this replica only; a step 1 asks for nothing, as a replica sends what it edits."""
        for message in decode_yws(payload):
            if isinstance(message, Edit):
                self._follow(message.update)
            elif isinstance(message, Presence) and self._seen is not None:
                self._seen(decode_awareness(message.update))

    def acknowledge(self, edits: int, position: int) -> None:
        """Note a commit."""
        self._open_edits -= edits
        self._position = position
        self._changed.set()

    def refuse(self, error: CrdtError) -> None:
        """Note that an edit was refused: the replica has diverged and is of no more use."""
        self.end(error)

    def end(self, error: CrdtError) -> None:
        """Note that the room is gone."""
        self._error = self._error or error
        self._changed.set()

    def _follow(self, update: bytes) -> None:
        self._is_following = True
        try:
            self._waiting.apply(update)
            self._waiting.settle([update])
        finally:
            self._is_following = False
        self._is_synced = True
        self._changed.set()
