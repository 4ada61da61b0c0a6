"""What leaves a room for its peers: messages to all of them, and the echoes that wait for a commit."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from crdt.errors import CrdtError
from crdt.ports import Principal

MOST_HELD = 4096
"""Messages that wait for one peer; their bytes are no more than what waits for its commit."""


class Broadcast:
    """One message to all peers of a room; its frame is built once for each prefix that they use."""

    __slots__ = ("frames", "payload", "update")

    def __init__(self, payload: bytes, update: bytes | None = None) -> None:
        self.update = update
        """The Yjs update inside, for peers in this process; None when it carries presence."""
        self.payload = payload
        self.frames: dict[bytes, bytes] = {}
        """The frames that were built, by what they start with."""

    def build(self, prefix: bytes) -> bytes:
        """Build the frame for peers whose frames start with `prefix`."""
        frame = self.frames[prefix] = prefix + self.payload
        return frame


class Peer(Protocol):
    """What a room needs of whoever takes part. No call may block or raise."""

    @property
    def principal(self) -> Principal:
        """Who the peer acts for."""
        ...

    @property
    def can_manage(self) -> bool:
        """Whether the peer has the right `manage` now, for guards that tell it apart (A6)."""
        ...

    @property
    def waits_for_echo(self) -> bool:
        """Whether the peer takes the return of its own edit for the acknowledgement (y-websocket, D2)."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether so much is on its way to the peer that nothing should be added (R3)."""
        ...

    def deliver(self, broadcast: Broadcast) -> None:
        """Send what all peers get."""
        ...

    def send(self, payload: bytes) -> None:
        """Send what is for this peer only."""
        ...

    def acknowledge(self, edits: int, position: int) -> None:
        """So many of the peer's oldest open edits are committed, the newest of them at this position."""
        ...

    def refuse(self, error: CrdtError) -> None:
        """The peer's oldest open edit, or its request, cannot be taken."""
        ...

    def end(self, error: CrdtError) -> None:
        """The room is gone for this peer."""
        ...


class Echoes:
    """Holds back, for each peer that takes an echo for the acknowledgement, what it must not hear yet (D2).

    What comes after an echo that is held back waits behind it, so that the peer gets everything in order.
    Where that becomes too much, because the store fails for long, `on_full` is told of a peer that has lost
    what was held back for it, but for what was for that peer only (R3, D5).
    """

    def __init__(self, on_full: Callable[[Peer], None]) -> None:
        self.held: dict[Peer, deque[tuple[int, Broadcast | bytes]]] = {}
        """What is held back for whom, each with the turn that it waits for."""
        self._on_full = on_full

    def deliver(self, peer: Peer, broadcast: Broadcast) -> None:
        """Deliver a message, behind what is held back for the peer."""
        if peer in self.held:
            self.hold(peer, 0, broadcast)
        else:
            peer.deliver(broadcast)

    def hold(self, peer: Peer, turn: int, message: Broadcast | bytes) -> None:
        """Hold back a message, or a payload for this peer only, until a turn is committed."""
        held = self.held.setdefault(peer, deque())
        held.append((turn, message))
        if len(held) > MOST_HELD and isinstance(message, Broadcast):
            self.held[peer] = deque(entry for entry in held if isinstance(entry[1], bytes))
            self._on_full(peer)

    def release(self, peer: Peer, turn: int) -> None:
        """Deliver what waited for this turn."""
        held = self.held.get(peer)
        if held is None:
            return
        while held and held[0][0] <= turn:
            message = held.popleft()[1]
            if isinstance(message, bytes):
                peer.send(message)
            else:
                peer.deliver(message)
        if not held:
            del self.held[peer]

    def forget(self, peer: Peer) -> None:
        """Let go of what is held back for a peer that has left."""
        self.held.pop(peer, None)
