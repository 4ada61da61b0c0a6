"""Which edits a document may take: judged before it sees them.

Joins the judges: nobody writes as somebody else (A7), no document grows beyond its limit (W4), and a guard
may have rules of its own (A6). Says no to the peers itself, and remembers who holds what was refused.
"""

import logging
from collections.abc import Callable, Sequence

import msgspec

from crdt.broadcast import Peer
from crdt.commits import Turn
from crdt.document import LiveDocument
from crdt.errors import DocumentUnavailable, EditTooLarge, UpdateRefused
from crdt.growth import Growth
from crdt.guard import Gate
from crdt.ports import DocumentName, Guard
from crdt.protocol import EMPTY_UPDATE, encode_step1
from crdt.signatures import Signatures
from crdt.snapshots import Snapshots
from crdt.statistics import RoomCounts

logger = logging.getLogger(__name__)

Edit = tuple[Peer, bytes]

MAX_UNDECIDED_BYTES = 1024 * 1024
"""Of the edits of one peer that wait for the table of client ids; more come only while the store fails."""


class Undecided(msgspec.Struct):
    """The edits of one peer that wait until it is known whose their client ids are, in their order."""

    updates: list[bytes]
    size: int


class Admission:
    """Judges the edits of one document."""

    def __init__(
        self,
        name: DocumentName,
        *,
        signatures: Signatures,
        guard: Guard | None,
        snapshots: Snapshots,
        max_bytes: int,
        counts: RoomCounts,
        clock: Callable[[], float],
    ) -> None:
        """Judge by what the snapshots know of the document's size, and count refusals."""
        self._name = name
        self._signatures = signatures
        self._gate = Gate(guard) if guard is not None else None
        self._snapshots = snapshots
        self._growth = Growth(max_bytes)
        self._counts = counts
        self._clock = clock
        self.undecided: dict[Peer, Undecided] = {}
        """Whose edits wait for the table of client ids."""

    def forget(self, peer: Peer) -> None:
        """Let go of a peer that has left."""
        self._signatures.forget(peer)
        self._growth.forget(peer)
        if self._gate is not None:
            self._gate.forget(peer)

    def restarted(self, peer: Peer) -> None:
        """Note that a client syncs from the beginning."""
        self._growth.restarted(peer)

    def note_inside(self, peer: Peer, client_id: int) -> None:
        """Note under which client id a peer in this process writes."""
        self._signatures.note_inside(peer, client_id)

    def note_answer(self, peer: Peer, update: bytes) -> None:
        """Note that an edit is all that a peer has and the room lacks."""
        self._signatures.note_answer(peer, update)
        self._growth.note_answer(peer, update)

    def admit(self, edits: list[Edit], document: LiveDocument) -> list[Edit]:
        """Return the edits of a turn that the document may take; the senders of others hear why not."""
        if not self._is_usual(edits):
            edits = [
                edit
                for edit in edits
                if not (
                    self._waits_behind(*edit)
                    or self._is_forged(*edit, document)
                    or self._is_undecided(*edit)
                    or self._is_too_much(*edit, document)
                )
            ]
        if self._gate is None or not edits:
            return edits
        return self._gate.judge(
            edits,
            document,
            is_answer=self._signatures.is_answer,
            has_answered=self._signatures.has_answered,
        )

    def admits(self, edits: Sequence[Edit]) -> bool:
        """Whether there is no question about a turn's edits: nobody guards, and their senders go on with what
        they write, in a document that is far from its limit."""
        return self._gate is None and not self._signatures.unsaved and self._is_usual(edits)

    def take_decided(self) -> list[Edit]:
        """Return the edits that waited for the table of client ids, to be judged once more."""
        undecided, self.undecided = self.undecided, {}
        return [(peer, update) for peer, waiting in undecided.items() for update in waiting.updates]

    def follow(self, turn: Turn) -> None:
        """Note that the document has taken a turn; what it makes good is acknowledged with it."""
        if self._gate is not None:
            self._gate.follow()
        if self._growth.caught_up:
            for peer, refused_before in self._growth.caught_up.items():
                # Whose answer was refused after all has left, and is forgotten.
                turn.edits[peer] += refused_before
            self._growth.caught_up.clear()

    def reset(self) -> None:
        """Note that the document has taken something by another way."""
        if self._gate is not None:
            self._gate.reset()

    # Edits that are refused before they are read

    def refuse_oversized(self, peer: Peer, *, is_answer: bool) -> None:
        """Refuse an edit that came in too large a frame; what the peer says next may hang on it (W4)."""
        if is_answer:
            self._growth.note_answer(peer, EMPTY_UPDATE)
        self._counts.refused("too_large")
        self._growth.refused(peer, self._clock(), None)
        peer.refuse(EditTooLarge("The edit is too large; undo it, or make it in parts."))

    def deny(self, peer: Peer, *, is_answer: bool) -> None:
        """Note that an edit was refused because its peer may only read (A2); later ones may hang on it."""
        if is_answer:
            self._growth.note_answer(peer, EMPTY_UPDATE)
        self._counts.refused("read_only")
        self._growth.denied(peer, self._clock())

    # Asking again

    def promoted(self, peer: Peer) -> bool:
        """Note that a peer may write by now; return whether it is to be asked for what it was refused."""
        return self._growth.promoted(peer, self._clock())

    @property
    def is_asking_due(self) -> bool:
        """Whether somebody's edits that did not fit may fit by now."""
        return bool(self._growth.due(self._clock(), self._snapshots.size_bytes))

    def ask_again(self, document: LiveDocument) -> None:
        """Ask those whose edits did not fit for all that they have."""
        now, size = self._clock(), self._snapshots.size_bytes
        for peer in self._growth.due(now, size):
            self._growth.asked(peer, now, size)
            peer.send(encode_step1(document.state_vector()))

    def _is_usual(self, edits: Sequence[Edit]) -> bool:
        """Whether everybody goes on with what they write, in a document that is far from its limit."""
        if not self._signatures.all_go_on(edits):
            return False
        return self._growth.takes(self._snapshots.size_bytes + sum([len(update) for _, update in edits]))

    def _is_forged(self, peer: Peer, update: bytes, document: LiveDocument) -> bool:
        if not self._signatures.is_forged(peer, update, document.state_vector):
            return False
        logger.warning("document %s: %s writes as somebody else", self._name, peer.principal.id)
        self._counts.refused("forged")
        peer.refuse(UpdateRefused("The update is written under somebody else's client id."))
        return True

    def _is_undecided(self, peer: Peer, update: bytes) -> bool:
        # Where only one may ever write under a client id, nothing is taken before the table has said who that
        # is: another process may have been faster.
        if self._gate is None or not self._signatures.is_undecided(update):
            return False
        self.undecided[peer] = Undecided([update], len(update))
        return True

    def _waits_behind(self, peer: Peer, update: bytes) -> bool:
        waiting = self.undecided.get(peer)
        if waiting is None:
            return False
        waiting.updates.append(update)
        waiting.size += len(update)
        if waiting.size > MAX_UNDECIDED_BYTES:
            del self.undecided[peer]
            peer.end(DocumentUnavailable("What you edit cannot be taken now; try again later."))
        return True

    def _is_too_much(self, peer: Peer, update: bytes, document: LiveDocument) -> bool:
        size = self._snapshots.size_bytes
        if not self._growth.refuses(peer, update, size, document.state_vector):
            return False
        if self._snapshots.measure(document, self._growth.doubt_bytes):
            return self._is_too_much(peer, update, document)
        self._growth.refused(peer, self._clock(), size)
        self._counts.refused("too_large")
        peer.refuse(
            EditTooLarge("The document would be too large with this edit, or it builds on a refused one.")
        )
        return True
