"""The peers of one room: what each of them has heard, what waits for it, and what it misses.

Every edit that leaves a room goes through here, in the order in which each peer may hear it: nobody hears of
an edit of their own before its commit (D2), in a guarded document of anybody's (A6), and whoever reads too
slowly is sent one diff later (R3).
"""

from collections.abc import Iterator, Sequence

from crdt.broadcast import Broadcast, Echoes, Peer
from crdt.commits import Commits, Turn
from crdt.document import LiveDocument, brings_all
from crdt.protocol import (
    EMPTY_STATE_VECTOR,
    EMPTY_UPDATE,
    encode_step1,
    encode_step2,
    encode_update,
)


class Audience:
    """The peers of one room."""

    def __init__(self, commits: Commits, *, is_guarded: bool) -> None:
        self._commits = commits
        self._is_guarded = is_guarded
        self.peers: dict[Peer, bool] = {}
        """True once the peer has been sent the state (R4)."""
        self._echoes = Echoes(self._fall_behind)
        self._lagging: dict[Peer, bytes] = {}  # with the state vector that the peer has (R3)
        self.behind: set[Peer] = set()
        """Who lost what was held back for them, and gets everything once all is saved."""
        self._answer: Broadcast | None = None  # for those who come together (R4)
        self.echo_peers: int = 0
        """How many take the return of an own edit for the acknowledgement."""

    def __iter__(self) -> Iterator[Peer]:
        return iter(self.peers)

    def __contains__(self, peer: object) -> bool:
        return peer in self.peers

    def __len__(self) -> int:
        return len(self.peers)

    @property
    def lagging(self) -> int:
        """How many peers are sent nothing for now."""
        return len(self._lagging)

    def join(self, peer: Peer) -> None:
        """Take a peer in; it hears of edits once its first step 1 has been answered."""
        self.peers[peer] = False
        self.echo_peers += peer.waits_for_echo

    def leave(self, peer: Peer) -> None:
        """Let a peer go, with all that waits for it."""
        del self.peers[peer]
        self.echo_peers -= peer.waits_for_echo
        self._lagging.pop(peer, None)
        self._echoes.forget(peer)
        self.behind.discard(peer)

    def pass_on(
        self,
        turn: Turn,
        edits: Sequence[tuple[Peer, bytes]],
        change: bytes | None,
        authors: set[object] | None,
    ) -> None:
        """Let everybody hear of a turn's edits, or their senders alone where they changed nothing.

        `authors` are the peers who may have written what others sent; None where that may be anybody.
        """
        if self.echo_peers:
            self._echo_apart(turn, edits, change)
        if change is None:
            return
        # Mostly an edit comes out as it went in; where it does not, it brought to light what was waiting for
        # it, and its sender lacks that too.
        is_known_to_sender = len(edits) == 1 and edits[0][1] == change
        if self.is_plain:
            self.tell_all_but(edits[0][0] if is_known_to_sender else None, change)
            return
        broadcast = Broadcast(encode_update(change), change)
        for peer, is_synced in self.peers.items():
            if not is_synced:
                continue
            is_sender = peer in turn.edits
            is_author = peer.waits_for_echo and (authors is None or peer in authors)
            if is_author:
                turn.authors.append(peer)
            if is_sender and peer.waits_for_echo:
                self._echoes.hold(peer, turn.number, broadcast)
            elif peer not in self._lagging and not (is_sender and is_known_to_sender):
                if is_author or self._is_guarded:
                    self._echoes.hold(peer, turn.number, broadcast)
                else:
                    self._echoes.deliver(peer, broadcast)

    def _echo_apart(self, turn: Turn, edits: Sequence[tuple[Peer, bytes]], change: bytes | None) -> None:
        """Let senders hear their edits as they came, where the change will be no receipt for them.

        It does not bring what is known already, nor what waits, and only goes to who was sent the state.
        """
        owed = [
            (peer, update)
            for peer, update in edits
            if peer.waits_for_echo and peer in self.peers and update != EMPTY_UPDATE
        ]
        if not owed:
            return
        is_whole = brings_all(change, [update for _, update in owed])
        for peer, update in owed:
            if not (is_whole and self.peers[peer]):
                self._echoes.hold(peer, turn.number, Broadcast(encode_update(update), update))

    @property
    def is_plain(self) -> bool:
        """Whether nobody has to be told apart, as in most rooms at most times."""
        return not (self._is_guarded or self.echo_peers or self._lagging or self._echoes.held)

    def tell_all_but(self, left_out: Peer | None, change: bytes) -> None:
        """Let everybody hear of a change but who knows it already, where `is_plain`."""
        broadcast = Broadcast(encode_update(change), change)
        for peer, is_synced in self.peers.items():
            if is_synced and peer is not left_out:
                peer.deliver(broadcast)

    def tell(self, change: bytes) -> None:
        """Let everybody hear of a change that is committed already."""
        broadcast = Broadcast(encode_update(change), change)
        for peer, is_synced in self.peers.items():
            if is_synced and peer not in self._lagging:
                self._echoes.deliver(peer, broadcast)

    def show(self, presence: bytes) -> None:
        """Let everybody see who is here, synced or not."""
        broadcast = Broadcast(presence)
        for peer in self.peers:
            if peer not in self._lagging:
                peer.deliver(broadcast)

    def acknowledge(self, turn: Turn, position: int) -> None:
        """Tell the senders of a turn that it is committed, behind all that waited for it."""
        if self._echoes.held:
            for peer in self.peers if self._is_guarded else (*turn.authors, *turn.edits):
                self._echoes.release(peer, turn.number)
        for peer, count in turn.edits.items():
            peer.acknowledge(count, position)

    def answer(self, peer: Peer, document: LiveDocument, state_vector: bytes) -> None:
        """Answer a step 1: with a step 1 of our own, then with what the peer lacks (R4).

        Raises ProtocolError where its state vector is malformed.
        """
        since: bytes | None = None
        if state_vector == EMPTY_STATE_VECTOR:
            state, since = document.parts()
        else:
            state = document.diff(state_vector)
        self.peers[peer] = True
        self._send(peer, encode_step1(document.state_vector()))
        if self._answer is None or self._answer.update is not state:
            self._answer = Broadcast(encode_step2(state), state)
        self._send(peer, self._answer)
        if since is not None:
            # No update: with something of the peer's own it would be a receipt before the commit (D2).
            self._send(peer, encode_step2(since))
        if peer.is_full:
            self.lag(peer, document.state_vector())

    def forget_answer(self) -> None:
        """Let go of an answer: nobody who comes now comes together with those who got it."""
        self._answer = None

    def lag(self, peer: Peer, state_vector: bytes) -> None:
        """Send a peer that has so much nothing more, because its transport is full (R3)."""
        if self.peers[peer] and peer not in self._lagging:
            self._lagging[peer] = state_vector

    def catch_up(self, peer: Peer, document: LiveDocument) -> bool:
        """Send a peer what it has missed of the document; return whether it lagged and can take it."""
        if peer not in self._lagging or peer.is_full:
            return False
        missed = document.diff(self._lagging.pop(peer))
        # What it typed meanwhile is in there too, and is no echo before its commit (D2).
        unsaved = self._commits.newest_echo_to(peer)
        if unsaved is not None and peer.waits_for_echo and not self._is_guarded:
            self._echoes.hold(peer, unsaved, Broadcast(encode_update(missed), missed))
        elif missed != EMPTY_UPDATE:
            self._send(peer, encode_update(missed))
        return True

    def take_behind(self) -> set[Peer]:
        """Return who lost what was held back for them, and is to catch up now."""
        behind, self.behind = self.behind, set()
        return behind

    def _fall_behind(self, peer: Peer) -> None:
        self._lagging[peer] = EMPTY_STATE_VECTOR
        self.behind.add(peer)

    def _send(self, peer: Peer, message: Broadcast | bytes) -> None:
        # Where there is a guard, nobody ever holds what the log lacks (A6).
        if self._is_guarded and self._commits.turns:
            payload = message if isinstance(message, bytes) else message.payload
            self._echoes.hold(peer, self._commits.newest, payload)
        elif isinstance(message, bytes):
            peer.send(message)
        else:
            peer.deliver(message)
