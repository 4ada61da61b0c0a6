"""Whether an edit is written under a client id that is somebody else's (rule A7).

After a crash a peer may honestly send what it had heard of another, so structs of others are taken. But once
the owner of a client id is here and has sent all that it has, nobody else can know more of it than the room.
"""

from collections.abc import Callable

from crdt.awareness import Awareness
from crdt.broadcast import Peer
from crdt.errors import ProtocolError
from crdt.structs import brings_news, read_only_client, read_runs


class Signatures:
    """Which peers of a room are in step with it, and what nobody but them can write."""

    def __init__(self, awareness: Awareness) -> None:
        self._awareness = awareness
        self._answering: list[Peer] = []
        self._answered: set[Peer] = set()

    def note_answer(self, peer: Peer) -> None:
        """Note that a peer has sent all that it has; it counts when that has been applied."""
        self._answering.append(peer)

    def note_applied(self) -> None:
        """Note that everything which was sent so far has been applied."""
        self._answered.update(self._answering)
        self._answering.clear()

    def forget(self, peer: Peer) -> None:
        """Let go of a peer that has left."""
        self._answered.discard(peer)
        self._answering = [other for other in self._answering if other is not peer]

    def is_forged(self, peer: Peer, update: bytes, state_vector: Callable[[], bytes]) -> bool:
        """Whether an edit brings structs under the client id of another who is in step with the room."""
        try:
            only = read_only_client(update)
            if only is not None:
                foreign = [only] if self._is_foreign(peer, only) else []
            elif any(other.principal.id != peer.principal.id for other in self._answered):
                foreign = [run[0] for run in read_runs(update) if self._is_foreign(peer, run[0])]
            else:
                return False
            return bool(foreign) and brings_news(update, foreign, state_vector())
        except ProtocolError:  # no update: found out when it is applied
            return False

    def _is_foreign(self, peer: Peer, client_id: int) -> bool:
        owner = self._awareness.owner_of(client_id)
        if owner is None or owner is peer:
            return False
        return any(other is owner and other.principal.id != peer.principal.id for other in self._answered)
