"""Who writes under which Yjs client id (rule A7).

A client id belongs to the principal that first used it, by presence or by an edit. Owns these bindings for
one document, what of them is not saved yet, and the judgement of an edit by them.

After a crash a peer may honestly send what it had heard of another, so structs of others are taken in general
and noted as relayed. But once the owner of a client id is here and has sent all that it has, nobody else can
know more of it than the room. In guarded documents nobody ever holds what the log lacks (A6), so there nobody
has anything of others to relay.
"""

from collections.abc import Callable, Container, Iterable

import pycrdt

from crdt.awareness import MAX_STATE_BYTES, Awareness
from crdt.broadcast import Peer
from crdt.errors import ProtocolError
from crdt.poison import is_fault
from crdt.ports import Binding, Principal
from crdt.protocol import EMPTY_STATE_VECTOR, EMPTY_UPDATE, Reader, encode_number
from crdt.structs import ONE_STRUCT_OF_ONE_CLIENT, read_only_client, read_runs
from crdt.waiting import encode_state_vector, read_state_vector

LARGE_BYTES = 64 * 1024
"""More news of several clients than this are not taken apart: that would hold everybody up (R7)."""

MOST_WRITERS = 100
"""Of one large edit in a guarded document: as often its author has opened it without a network."""

_ALL_CLOCKS = 2**32 - 1


class Signatures:
    """The client ids of a room: whose they are, and which peers are in step with the room."""

    def __init__(
        self, bound: Iterable[Binding], *, is_guarded: bool, max_presence_bytes: int = MAX_STATE_BYTES
    ) -> None:
        self.owners: dict[int, str] = {}
        """Client id -> principal id."""
        self.awareness = Awareness(max_presence_bytes, self.owners)
        self._written: dict[int, str] = {}  # those of the owners that have written here
        self.unsaved: dict[int, Binding] = {}
        """Bindings that are to be saved, by client id."""
        self.has_strangers = False
        """Whether another process has written under client ids that are not known here."""
        self._undecided: set[int] = set()  # first used here, as far as this process knows
        self._is_guarded = is_guarded
        self._answering: list[tuple[Peer, bytes]] = []
        self._answered: set[Peer] = set()
        self._relayed: set[tuple[Peer, bytes]] = set()
        self._inside: dict[int, Peer] = {}  # client id -> the peer in this process that writes under it
        self._hands: dict[Peer, bytes] = {}  # what a peer's edits begin with while it writes on as itself
        self.correct(bound)

    def note_answer(self, peer: Peer, update: bytes) -> None:
        """Note that a peer has sent all that it has; it counts when that has been applied."""
        self._answering.append((peer, update))

    def note_applied(self, waiting: Container[Peer] = ()) -> None:
        """Note that everything which was sent so far has been applied, but of those who are `waiting`."""
        if self._answering:
            self._answered.update(peer for peer, _ in self._answering if peer not in waiting)
            self._answering = [answer for answer in self._answering if answer[0] in waiting]
        self._relayed.clear()

    def note_inside(self, peer: Peer, client_id: int) -> None:
        """Note under which client id a peer in this process writes; it is in step and announces nothing."""
        self._answered.add(peer)
        self._inside[client_id] = peer

    def note_presence(self, principal: Principal, client_ids: Iterable[int]) -> None:
        """Bind what a peer has announced."""
        for client_id in client_ids:
            if client_id not in self.owners:
                self._bind(client_id, principal.id, has_written=False)

    def introduce(self, bindings: Iterable[Binding]) -> None:
        """Note whose client ids are that are not known here: what they wrote comes by another's hand."""
        for client_id, principal_id, has_written in bindings:
            if client_id not in self.owners:
                self._bind(client_id, principal_id, has_written=has_written)

    def forget(self, peer: Peer) -> None:
        """Let go of a peer that has left."""
        self._answered.discard(peer)
        self._hands.pop(peer, None)
        self._inside = {client_id: inside for client_id, inside in self._inside.items() if inside is not peer}
        self._answering = [answer for answer in self._answering if answer[0] is not peer]

    def is_answer(self, peer: Peer, update: bytes) -> bool:
        """Whether this very update is a peer's answer to our step 1."""
        return any(peer is sender and update is answer for sender, answer in self._answering)

    def has_answered(self, peer: Peer) -> bool:
        """Whether a peer is in step with the room."""
        return peer in self._answered

    def all_go_on(self, edits: Iterable[tuple[Peer, bytes]]) -> bool:
        """Whether each edit begins like the last one of its sender: no forgery, and nothing to save for it.

        What nearly every edit is, told without reading it.
        """
        if self._undecided:
            return False
        for peer, update in edits:
            hand = self._hands.get(peer)
            if hand is None or not update.startswith(hand):
                return False
        return True

    def is_forged(self, peer: Peer, update: bytes, state_vector: Callable[[], bytes]) -> bool:
        """Whether an edit brings what only somebody else can write.

        If not, it binds the client ids that the sender is the first to use.
        """
        try:
            if update == EMPTY_UPDATE:
                return False
            only = read_only_client(update)
            if only is not None and self._written.get(only) == peer.principal.id:
                self._remember_hand(peer, update, only)
                return False
            known = state_vector()
            news = pycrdt.get_update(update, known)
            is_much = len(news) > LARGE_BYTES and read_only_client(news) is None
            if is_much and not self._is_guarded:
                self._relayed.add((peer, update))
                return self._is_wronging(peer, update, news, known)
            writers = find_writers(news) if is_much else read_writers(news)
        except BaseException as error:
            if not isinstance(error, ValueError) and not is_fault(error):
                raise
            return False  # no update: found out when it is applied
        return writers is None or self._is_forged(peer, update, writers)

    def relayed_authors(self, edits: Iterable[tuple[Peer, bytes]]) -> set[object] | None:
        """Return which of the peers here wrote what another has sent; None where that may be anybody."""
        authors: set[object] = set()
        for peer, update in edits:
            only = read_only_client(update)
            try:
                if only is None and len(update) > LARGE_BYTES:
                    return None
                writers = read_writers(update) if only is None else [only]
            except ProtocolError:
                return None
            for client_id in writers:
                authors.update(author for author in self.awareness.came_as(client_id) if author is not peer)
        return authors

    def author_of(self, peer: Peer, update: bytes) -> str:
        """Return what the log says of where an edit came from: who sent it, and whether as a relay."""
        author = peer.principal.author
        return f"{author}|relayed" if self._relayed and (peer, update) in self._relayed else author

    def take_unsaved(self) -> list[Binding]:
        """Return the bindings that are to be saved now."""
        unsaved, self.unsaved = list(self.unsaved.values()), {}
        return unsaved

    def confirm(self, asked: Iterable[Binding], others: Iterable[Binding], now: float) -> list[int]:
        """Take over what became of bindings that were to be saved: some client ids may be others' already.

        Returns the client ids whose presence is gone by that (A5).
        """
        self._undecided.difference_update(client_id for client_id, _, _ in asked)
        self.correct(others)
        return self.awareness.disown([client_id for client_id, _, _ in others], now)

    def note_foreign(self, rows: Iterable[bytes]) -> None:
        """Note what other processes wrote: whose the client ids are is known to the table alone."""
        if not self.has_strangers:
            self.has_strangers = any(read_only_client(row) not in self.owners for row in rows)

    def is_undecided(self, update: bytes) -> bool:
        """Whether it is not known yet whose a client id in an edit is: another process may have bound it.

        Only guarded documents wait for that: others take what belongs to somebody else, too.
        """
        if not self._undecided:
            return False
        only = read_only_client(update)
        if only is not None:
            return only in self._undecided
        clocks = encode_state_vector(dict.fromkeys(self._undecided, _ALL_CLOCKS))
        try:
            return pycrdt.get_update(update, clocks) != pycrdt.get_update(update, EMPTY_STATE_VECTOR)
        except ValueError:  # no update: found out when it is applied
            return False

    def correct(self, bound: Iterable[Binding]) -> None:
        """Take over what is stored: another process may have been faster."""
        self._hands.clear()
        for client_id, principal_id, has_written in bound:
            self.owners[client_id] = principal_id
            self._written.pop(client_id, None)
            if has_written:
                self._written[client_id] = principal_id

    def _remember_hand(self, peer: Peer, update: bytes, client_id: int) -> None:
        hand = ONE_STRUCT_OF_ONE_CLIENT + encode_number(client_id)
        if update.startswith(hand):
            self._hands[peer] = hand

    def _is_forged(self, peer: Peer, update: bytes, writers: list[int]) -> bool:
        own = peer.principal.id
        foreign = [client_id for client_id in writers if self.owners.get(client_id, own) != own]
        if any(self._is_guarded or self._is_in_step(client_id) for client_id in foreign):
            return True
        # An answer may bring what its sender has heard of others, whoever they were.
        binds = self._is_guarded or not self.is_answer(peer, update)
        for client_id in writers:
            if (client_id in self.owners or binds) and client_id not in foreign:
                self._bind(client_id, own, has_written=True)
        if any(self.owners.get(client_id) != own for client_id in writers):
            self._relayed.add((peer, update))
        return False

    def _bind(self, client_id: int, principal_id: str, *, has_written: bool) -> None:
        if self._is_guarded and client_id not in self.owners:
            self._undecided.add(client_id)
        binding = self.unsaved[client_id] = (client_id, principal_id, has_written)
        self.correct([binding])

    def _is_in_step(self, client_id: int) -> bool:
        if self.awareness.owner_of(client_id) in self._answered:
            return True
        inside = self._inside.get(client_id)
        return inside is not None and inside.principal.id == self.owners.get(client_id)

    def _is_wronging(self, peer: Peer, update: bytes, news: bytes, known: bytes) -> bool:
        """Whether much news has something that only somebody else can write: whether it would be less if all
        of theirs were known."""
        clocks = read_state_vector(known)
        own = peer.principal.id
        for client_id, owner in self.owners.items():
            if owner != own and self._is_in_step(client_id):
                clocks[client_id] = _ALL_CLOCKS
        return pycrdt.get_update(update, encode_state_vector(clocks)) != news


def find_writers(news: bytes) -> list[int] | None:
    """Return whose structs a large update brings, by a pass of pycrdt's for each; None for too many."""
    writers: list[int] = []
    while news[:1] != b"\x00":
        if len(writers) == MOST_WRITERS:
            return None
        reader = Reader(news)
        _clients, _structs, client_id = reader.read_number(), reader.read_number(), reader.read_number()
        writers.append(client_id)
        news = pycrdt.get_update(news, encode_state_vector({client_id: _ALL_CLOCKS}))
    return writers


def read_writers(news: bytes) -> list[int]:
    """Return whose structs an update brings."""
    clients = Reader(news).read_number()
    if clients == 0:
        return []
    only = read_only_client(news)
    return [only] if only is not None else [run[0] for run in read_runs(news)]
