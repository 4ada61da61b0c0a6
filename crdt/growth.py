"""How large a document may become, and who holds edits that did not fit (W4) or were a reader's (A2).

A refusal is no end: the peer stays, and deletions and repetitions are always taken. What it writes after a
refused edit hangs on that one, so it is refused too, until the peer has offered all that it has once more: a
step 1 asks for that when it may fit by then, or when the reader may write. Knows no document; the room says
how large it is.
"""

from collections.abc import Callable

import msgspec

from crdt.broadcast import Peer
from crdt.waiting import find_missing, read_state_vector

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 128.0
"""Between two offers of one peer, each of which may be as large as a frame; doubled each time."""


class _Behind(msgspec.Struct):
    """A peer that holds what the room has refused."""

    due_at: float
    size_bytes: int | None
    """How large the document was when the peer was refused or asked; None where that does not matter."""
    pause_seconds: float = FIRST_PAUSE_SECONDS
    refused_edits: int = 1
    """How many edits its client still counts as not saved."""
    open_asks: int = 0
    """How many of its answers are still to come that its client does not count."""
    is_hopeful: bool = True
    """Whether something has happened that may have made the peer's edits fit."""
    is_reader: bool = False
    """Whether there is no use in asking before the peer may write."""


class Growth:
    """The limit of one document, and the peers of its room that are behind it."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.doubt_bytes = max_bytes // 4
        """How wrong a size may be at most where an edit is refused by it."""
        self._behind: dict[Peer, _Behind] = {}
        self._answers: dict[Peer, bytes] = {}
        self.caught_up: dict[Peer, int] = {}
        """Who has offered everything since the last turn, and how many more edits that makes good."""

    def note_answer(self, peer: Peer, update: bytes) -> None:
        """Note that an edit is all that a peer has and the room lacks."""
        if peer in self._behind:
            self._answers[peer] = update

    def takes(self, size_bytes: int) -> bool:
        """Whether everybody's edits are taken that leave a document of this size."""
        return not self._behind and size_bytes <= self._max_bytes

    def refuses(self, peer: Peer, update: bytes, size_bytes: int, state_vector: Callable[[], bytes]) -> bool:
        """Whether an edit does not fit a document of this size, or hangs on one that did not."""
        fits = size_bytes + len(update) <= self._max_bytes
        behind = self._behind.get(peer)
        if fits and behind is None:
            return False
        try:
            missing = find_missing(update, known := state_vector())
        except ValueError:  # no update: found out when it is applied
            return False
        if missing is not None:
            client_id, clock = missing
            if not fits or clock > read_state_vector(known).get(client_id, 0):
                return True
        if behind is not None:
            behind.is_hopeful = True
            if self._answers.pop(peer, None) is update:
                # Now, because the next edit of the same turn hangs on this one.
                del self._behind[peer]
                self.caught_up[peer] = max(0, behind.refused_edits - min(behind.open_asks, 1))
        return False

    def refused(self, peer: Peer, now: float, size_bytes: int | None) -> None:
        """Note that an edit of a peer was refused; without a size where it was too large for any document."""
        is_answer = self._answers.pop(peer, None) is not None
        behind = self._behind.get(peer)
        if behind is None:
            due_at = now + FIRST_PAUSE_SECONDS
            self._behind[peer] = _Behind(due_at, size_bytes, is_hopeful=size_bytes is not None)
        elif is_answer and behind.open_asks:
            behind.open_asks -= 1
        else:
            behind.is_hopeful = True
            behind.refused_edits += 1

    def denied(self, peer: Peer, now: float) -> None:
        """Note that an edit was refused because its peer may only read."""
        self.refused(peer, now, None)
        self._behind[peer].is_reader = True

    def promoted(self, peer: Peer, now: float) -> bool:
        """Note that a peer may write; return whether it is to be asked for what it was refused before."""
        behind = self._behind.get(peer)
        if behind is None or not behind.is_reader:
            return False
        behind.is_reader, behind.is_hopeful, behind.due_at = False, True, now
        return True

    def restarted(self, peer: Peer) -> None:
        """Note that a client syncs from the beginning, and counts anew."""
        if peer in self._behind:
            self._behind[peer].refused_edits = 0

    def forget(self, peer: Peer) -> None:
        """Let go of a peer that has left."""
        self._behind.pop(peer, None)
        self._answers.pop(peer, None)
        self.caught_up.pop(peer, None)

    def due(self, now: float, size_bytes: int) -> list[Peer]:
        """Return who is to be asked for all that they have, in a document of this size."""
        return [peer for peer, behind in self._behind.items() if _is_due(behind, now, size_bytes)]

    def asked(self, peer: Peer, now: float, size_bytes: int) -> None:
        """Note that a peer was asked."""
        behind = self._behind[peer]
        behind.open_asks += 1
        behind.pause_seconds = min(2 * behind.pause_seconds, LONGEST_PAUSE_SECONDS)
        behind.due_at = now + behind.pause_seconds
        behind.is_hopeful = False
        if behind.size_bytes is not None:
            behind.size_bytes = size_bytes


def _is_due(behind: _Behind, now: float, size_bytes: int) -> bool:
    is_of_use = not behind.is_reader and now >= behind.due_at
    return is_of_use and (behind.is_hopeful or behind.size_bytes not in (None, size_bytes))
