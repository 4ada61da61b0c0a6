"""One open document: what arrives in a turn is applied once, logged once and sent on once.

A room belongs to its hub and to one event loop; nothing here blocks or waits except `rebuild` and `close`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from crdt.admission import Admission
from crdt.audience import Audience
from crdt.broadcast import Peer
from crdt.bus import WHO, Here, Hint, Who, decode_message, encode_here, encode_hint
from crdt.commits import Commits, Turn
from crdt.document import LiveDocument, Poisoned, read_snapshot
from crdt.elsewhere import Elsewhere
from crdt.epoch import Epoch
from crdt.errors import CrdtError, DocumentUnavailable, ProtocolError, UpdateRefused
from crdt.foreign import Foreign
from crdt.poison import find_poison
from crdt.ports import Binding, Bus, ClientIds, DocumentName, Guard, UpdateLog
from crdt.protocol import (
    EMPTY_STATE_VECTOR,
    EMPTY_UPDATE,
    encode_presence,
)
from crdt.rhythm import Rhythm, Ticks
from crdt.signatures import Signatures
from crdt.snapshots import Due, Folder, Snapshots
from crdt.statistics import RoomCounts, RoomStatistics

logger = logging.getLogger(__name__)


Opener = Callable[[DocumentName, str | None], Awaitable["Room"]]
"""Gives the room of a document in an epoch; see `Hub.open`."""


class Room:
    """One open document and its peers."""

    def __init__(
        self,
        name: DocumentName,
        log: UpdateLog,
        bus: Bus,
        stored: tuple[int, bytes | None, list[bytes]],
        *,
        epoch: Epoch,
        voice: str,
        client_ids: ClientIds,
        bound: Sequence[Binding],
        guard: Guard | None,
        clock: Callable[[], float],
        ticks: Ticks,
        start: Callable[[Callable[[], Awaitable[None]]], object],
        snapshot_every_updates: int,
        coalesce_max_seconds: float,
        max_bytes: int,
        max_presence_bytes: int,
        fold_elsewhere: Folder,
    ) -> None:
        """Open a room on what the log and the table of client ids gave.

        `start` runs an async callable in the hub's task group.
        """
        self.name = name
        self.epoch = epoch
        self.idle_since: float | None = clock()
        self.failure: CrdtError | None = None
        """Why the room is of no use any more; a failed room must be opened anew."""
        self._log = log
        position, snapshot, updates = stored
        self._document = LiveDocument(snapshot, updates, marker=epoch.marker)
        self._client_ids = client_ids
        self._signatures = Signatures(
            bound, is_guarded=guard is not None, max_presence_bytes=max_presence_bytes
        )
        self._awareness = self._signatures.awareness
        self._clock = clock
        self._start = start
        self._snapshots = Snapshots(epoch.address, log, fold_elsewhere, every_updates=snapshot_every_updates)
        self._snapshots.loaded(snapshot, updates)
        self.counts = RoomCounts()
        self.admission = Admission(
            name,
            signatures=self._signatures,
            guard=guard,
            snapshots=self._snapshots,
            max_bytes=max_bytes,
            counts=self.counts,
            clock=clock,
        )
        """Which edits the document may take."""
        self._rhythm = Rhythm(ticks, self._take_turn, longest_window_seconds=coalesce_max_seconds)

        self._edits: list[tuple[Peer, bytes]] = []
        self._requests: list[tuple[Peer, bytes]] = []
        self._presence_changes: set[int] = set()
        self._catching_up: list[Peer] = []
        self._is_rebuilding = False
        self._is_poison_unknown = False  # whether a rebuild has not shown yet that it was of use

        self._commits = Commits(saved=self._on_saved, signed=self._close_turns, failed=self._give_up)
        self._audience = Audience(self._commits, is_guarded=guard is not None)
        self._settled = asyncio.Event()
        self._foreign = Foreign(
            epoch.address,
            log,
            position,
            start=start,
            take=self._take_foreign,
            lose=self._begin_rebuild,
            is_writing=lambda: bool(self._commits.turns),
        )
        self._elsewhere = Elsewhere(voice, self._awareness, clock())
        self._line = bus.join(epoch.address, self._hear)
        self._line.publish(WHO)

    # Peers

    @property
    def peers(self) -> int:
        """How many peers there are."""
        return len(self._audience)

    def join(self, peer: Peer) -> None:
        """Take a peer in: presence from now on, edits once its first step 1 has been answered (R4)."""
        if self.failure is not None:
            raise self.failure
        self._audience.join(peer)
        self.idle_since = None
        if self._awareness.present():
            self.send_presence(peer)

    def leave(self, peer: Peer) -> None:
        """Let a peer go. What it has sent is committed all the same."""
        self._audience.leave(peer)
        self.admission.forget(peer)
        self._note_presence(self._awareness.leave(peer, self._clock()))
        if not self._audience:
            self.idle_since = self._clock()

    def request_state(self, peer: Peer, state_vector: bytes) -> None:
        """Answer a step 1 at the end of this turn: with our own step 1, then with what the peer lacks.

        Raises EpochEnded where the peer's copy is of another epoch (D7): it must not stay.
        """
        self.epoch.check(state_vector)
        self._requests.append((peer, state_vector))
        self.admission.restarted(peer)
        self._schedule()

    def submit(self, peer: Peer, update: bytes, *, is_answer: bool = False) -> None:
        """Take an edit; the peer hears `acknowledge` or `refuse` of it.

        The answer to our step 1 (`is_answer`) brings all that a peer has.
        """
        self._edits.append((peer, update))
        if is_answer:
            self.admission.note_answer(peer, update)
        self._schedule()

    def take(self, peer: Peer, update: bytes) -> None:
        """Do what `submit` does, and at once where it is a typed character in a small room that is at rest.

        A turn of its own costs a third more than such a character. What else comes in the same iteration of
        the loop is taken together. Not for callers that are within a call of a peer or a document.
        """
        is_waiting = self._edits or self._is_rebuilding or self.failure is not None
        if not is_waiting and self._rhythm.lets_take(len(self._audience.peers)):
            edits = [(peer, update)]
            try:
                if self._take_strokes(edits):
                    self._is_poison_unknown = False
                    return
            except Poisoned:
                self._break(edits)
                return
        self._edits.append((peer, update))
        self._schedule()

    def introduce(self, bindings: Iterable[Binding]) -> None:
        """Note whose client ids of another document are, whose structs will be brought here (A7)."""
        self._signatures.introduce(bindings)

    def promote(self, peer: Peer) -> None:
        """Let a peer write that could only read, and ask it for what it was refused (A3)."""
        if self.admission.promoted(peer):
            self._start(self._ask_again)

    async def _ask_again(self) -> None:
        await self.fold()  # says how large the document really is
        self.admission.ask_again(self._document)

    def lag(self, peer: Peer) -> None:
        """Send a peer nothing more, because its transport is full (R3)."""
        # A document that is being rebuilt is no measure of what the peer has.
        is_known = not self._is_rebuilding
        self._audience.lag(peer, self._document.state_vector() if is_known else EMPTY_STATE_VECTOR)

    def catch_up(self, peer: Peer) -> None:
        """Send a peer all that it has missed, at the end of this turn."""
        self._catching_up.append(peer)
        self._schedule()

    def contains(self, update: bytes) -> bool:
        """Whether an update would change nothing: what even a reader may send (A2)."""
        return self._document.contains(update)

    def announce(self, peer: Peer, presence: bytes) -> None:
        """Take a peer's presence (A5); raises ProtocolError when it is malformed, PresenceTooLarge."""
        changes = self._awareness.apply(peer, peer.principal, presence, self._clock())
        self._signatures.note_presence(peer.principal, changes)
        self._note_presence(changes)

    def send_presence(self, peer: Peer) -> None:
        """Tell a peer who is here."""
        peer.send(encode_presence(self._awareness.encode(self._awareness.present())))

    def sweep(self) -> None:
        """Remove presence that was not renewed, and ask those whose edits did not fit for all that they have,
        where that may fit by now (W4)."""
        self._audience.forget_answer()
        now = self._clock()
        self._note_presence(self._awareness.expire(now) + self._elsewhere.expire(now))
        self._tell_others(self._elsewhere.beat(now))
        if self.admission.is_asking_due:
            self._start(self._ask_again)
        if self._signatures.has_strangers:
            self._start(self._meet_strangers)

    async def _meet_strangers(self) -> None:
        self._signatures.has_strangers = False
        self._note_bound([], await self._client_ids.load(self.name))

    def _note_presence(self, client_ids: list[int]) -> None:
        if client_ids:
            self._presence_changes.update(client_ids)
            self._schedule()

    # Turns

    def _schedule(self) -> None:
        if not self._is_rebuilding:
            self._rhythm.schedule()

    def _take_turn(self) -> None:
        self._rhythm.begin(len(self._audience.peers))
        if self._is_rebuilding or self.failure is not None:
            return
        edits, self._edits = self._edits, []
        try:
            if edits and not self._take_strokes(edits):
                edits = self._admit(edits)
                if edits:
                    self._take_edits(edits)
        except Poisoned:
            self._break(edits)
            return
        if edits:
            self._is_poison_unknown = False
        if not self._commits.turns:
            self._settled.set()  # where all of it was refused
        self._signatures.note_applied(self.admission.undecided)
        if self._requests:
            requests, self._requests = self._requests, []
            for peer, state_vector in requests:
                if peer in self._audience:
                    self._answer(peer, state_vector)
        if self._catching_up:
            catching_up, self._catching_up = self._catching_up, []
            for peer in catching_up:
                if self._audience.catch_up(peer, self._document):
                    peer.send(encode_presence(self._awareness.encode_all()))
        if self._presence_changes:
            if self._signatures.unsaved:
                self._bind()
            changes, self._presence_changes = self._presence_changes, set()
            self._audience.show(encode_presence(self._awareness.encode(sorted(changes))))
            self._tell_others(self._elsewhere.say(changes))

    def _break(self, edits: list[tuple[Peer, bytes]]) -> None:
        """Begin anew, as the document broke at these edits."""
        if self._is_poison_unknown:
            self.fail(DocumentUnavailable("The document breaks, and it is unknown which edit does it."))
            return
        # Nothing of this turn has left the room: the log gives the document back as it was, and the honest
        # edits are taken again.
        self._is_poison_unknown = True
        self._edits[:0] = edits
        self._is_rebuilding = True
        self._start(self._rebuild)

    def _admit(self, edits: list[tuple[Peer, bytes]]) -> list[tuple[Peer, bytes]]:
        senders = {peer for peer, _ in edits}
        edits = self.admission.admit(edits, self._document)
        for peer in senders:
            if peer not in self._audience:  # it has left, and may have been noted once more
                self.admission.forget(peer)
        if self.admission.undecided and self._signatures.unsaved:
            self._bind()
        return edits

    def _take_strokes(self, edits: list[tuple[Peer, bytes]]) -> bool:
        """Take the edits of a turn where each is a typed character and nothing is to be asked about it.

        What nearly every turn is, for two thirds of what `_admit` and `_take_edits` cost. For anything else
        return False, with nothing done.
        """
        if not (self._audience.is_plain and self.admission.admits(edits)):
            return False
        change = self._document.apply_strokes([update for _, update in edits])
        if change is None:
            return False
        self.counts.taken(len(edits))
        turn = Turn(self.counts.turns, {})
        rows: list[tuple[bytes, str]] = []
        size = 0
        for peer, update in edits:
            turn.edits[peer] = turn.edits.get(peer, 0) + 1
            rows.append((update, peer.principal.author))
            size += len(update)
        self._commits.turns.append(turn)
        self._save_rows(turn, rows, size)
        # What is all of a change a lone sender knows.
        self._audience.tell_all_but(edits[0][0] if len(turn.edits) == 1 else None, change)
        return True

    def _take_edits(self, edits: list[tuple[Peer, bytes]]) -> None:
        applied = self._document.apply([update for _, update in edits])
        for index in applied.refused:
            self.counts.refused("malformed")
            edits[index][0].refuse(UpdateRefused("The update is malformed; the document never held it."))
        if applied.refused:
            edits = [edit for index, edit in enumerate(edits) if index not in applied.refused]
        self.counts.taken(len(edits))
        turn = Turn(self.counts.turns, {})
        for peer, _ in edits:
            turn.edits[peer] = turn.edits.get(peer, 0) + 1
        self.admission.follow(turn)
        self._commits.turns.append(turn)
        self._save(turn, edits, is_change=applied.change is not None)
        if self._signatures.unsaved:
            self._bind(turn)
        is_echo = self._audience.echo_peers and applied.change is not None
        authors = self._signatures.relayed_authors(edits) if is_echo else None
        self._audience.pass_on(turn, edits, applied.change, authors)
        if turn.is_saved and turn.is_signed:
            self._close_turns()

    def _save(self, turn: Turn, edits: list[tuple[Peer, bytes]], *, is_change: bool) -> None:
        # A turn that changed nothing is what reconnecting clients say again; only what waits for its
        # dependencies is news then (D4). The acknowledgement still waits for the turns before it, because
        # what is repeated may be on its way to the commit only now (D2).
        rows: list[tuple[bytes, str]] = []
        size = 0
        for peer, update in edits:
            if (is_change and update != EMPTY_UPDATE) or self._document.is_waiting(update):
                rows.append((update, self._signatures.author_of(peer, update)))
                size += len(update)
        if rows:
            self._save_rows(turn, rows, size)

    def _save_rows(self, turn: Turn, rows: list[tuple[bytes, str]], size: int) -> None:
        turn.is_saved = False
        turn.unsaved_updates, turn.unsaved_bytes = len(rows), size
        if self._snapshots.added(len(rows), size):
            turn.snapshot = self._snapshots.take(self._document)
            turn.foreign_rows = self._foreign.rows
        self._log.submit(self.epoch.address, rows, partial(self._commits.saved, turn))

    def _bind(self, turn: Turn | None = None) -> None:
        bindings = self._signatures.take_unsaved()
        bound = self._client_ids.bind(self.name, bindings)
        self._commits.sign(turn, bound, partial(self._note_bound, bindings))

    def _note_bound(self, asked: list[Binding], others: list[Binding]) -> None:
        self._note_presence(self._signatures.confirm(asked, others, self._clock()))
        if self.admission.undecided:
            self._edits[:0] = self.admission.take_decided()
            self._schedule()

    def _give_up(self, error: BaseException) -> None:
        logger.error("document %s: an edit cannot be saved: %s", self.name, error)
        self.fail(DocumentUnavailable("The document cannot be saved any more."))

    def _on_saved(self, turn: Turn) -> None:
        is_next = self._foreign.saved(turn.position - turn.unsaved_updates + 1, turn.position)
        if self._line.has_others:
            self._line.publish(encode_hint(turn.position))
        if turn.snapshot is not None:
            # With rows of others in between, only the log has what belongs to that position.
            is_whole = is_next and turn.foreign_rows == self._foreign.rows and not self._is_rebuilding
            due = turn.snapshot if is_whole else Due(None)
            self._start(partial(self._snapshots.keep, due, turn.position))
        self._close_turns()

    def _close_turns(self) -> None:
        for turn in self._commits.done():
            self._audience.acknowledge(turn, turn.position or self._foreign.position)
        if not self._commits.turns:
            self._settled.set()
            self._foreign.look()
            if self._audience.behind:
                for peer in self._audience.take_behind():
                    self.catch_up(peer)

    def _answer(self, peer: Peer, state_vector: bytes) -> None:
        try:
            self._audience.answer(peer, self._document, state_vector)
        except ProtocolError as error:
            peer.refuse(error)

    # What others wrote (N1)

    def heard(self, position: int) -> None:
        """Note that the log reaches to a position."""
        self._foreign.heard(position)

    def _hear(self, message: bytes) -> None:
        try:
            said = decode_message(message)
            if isinstance(said, Hint):
                self.heard(said.position)
            elif isinstance(said, Here):
                self._note_presence(self._elsewhere.hear(said, self._clock()))
            elif isinstance(said, Who):
                self._tell_others(self._elsewhere.say_all())
        except CrdtError:
            logger.warning("document %s: a message of the bus cannot be read", self.name)

    def _tell_others(self, here: Here | None) -> None:
        if here is not None:
            self._line.publish(encode_here(here))

    def _take_foreign(self, rows: Sequence[bytes]) -> bool:
        if self._is_rebuilding or self.failure is not None:
            return False
        known = self._document.state_vector()
        try:
            applied = self._document.apply(rows)
        except Poisoned:
            self._begin_rebuild(known)
            return False
        self.admission.reset()
        self._signatures.note_foreign(rows)
        self._snapshots.added(len(rows), sum(len(row) for row in rows))
        if applied.change is not None:
            self._audience.tell(applied.change)
        return True

    def _begin_rebuild(self, known: bytes | None = None) -> None:
        if not self._is_rebuilding:
            self._is_rebuilding = True
            self._start(partial(self._rebuild, known or self._document.state_vector()))

    # A document that an edit broke

    async def _rebuild(self, known: bytes | None = None) -> None:
        """Take the document from the log again; `known` is the state vector that the peers have then."""
        while self._commits.turns:
            self._settled.clear()
            await self._settled.wait()
        try:
            position, snapshot, updates = await self._log.load(self.epoch.address)
            stored = [*read_snapshot(snapshot), *updates]
            poison = find_poison([*stored, *(update for _, update in self._edits)])
            self._document = LiveDocument(snapshot, updates, without=poison, marker=self.epoch.marker)
            self.admission.reset()
            self._snapshots.loaded(snapshot, updates)
            if known is None and position > self._foreign.position:
                # Others wrote meanwhile. What the peers have cannot be told from a document that broke.
                known = EMPTY_STATE_VECTOR
            self._foreign.restart(position)
        except Exception:  # whatever the store says: the room cannot go on
            logger.exception("document %s: cannot be read back", self.name)
            self.fail(DocumentUnavailable("The document cannot be read back now."))
            return
        for peer, update in self._edits:
            if update in poison:
                logger.warning("document %s: an edit by %s breaks it", self.name, peer.principal.id)
                self.counts.refused("contradicting")
                peer.refuse(UpdateRefused("The update contradicts the document, which never held it."))
        self._edits = [edit for edit in self._edits if edit[1] not in poison]
        if known is not None:
            self._audience.tell(self._document.diff(known))
        self._is_rebuilding = False
        self._settled.set()
        self._schedule()

    def fail(self, error: CrdtError) -> None:
        """Give the room up: every peer is told, and nothing more is taken."""
        self.failure = error
        self.close()
        self._edits.clear()
        self._commits.clear()
        for peer in list(self._audience):
            peer.end(error)
        self._settled.set()

    # Life

    @property
    def is_settled(self) -> bool:
        """Whether everything that was sent here has been committed."""
        return not (self._edits or self._commits.turns or self._is_rebuilding or self.admission.undecided)

    async def settle(self) -> None:
        """Wait until everything that was sent here has been committed and acknowledged."""
        while not self.is_settled and self.failure is None:
            self._settled.clear()
            await self._settled.wait()

    def is_worth_folding(self, at_least_updates: int) -> bool:
        """Whether that many rows have come since the last snapshot."""
        return self._snapshots.rows >= at_least_updates

    async def fold(self, at_least_updates: int = 1) -> None:
        """Keep a snapshot of a settled room, where that many rows have come since the last."""
        if not self.is_settled or self.failure or not self._foreign.is_whole:
            return
        due = self._snapshots.take(self._document, at_least=at_least_updates)
        if due is not None:
            await self._snapshots.keep(due, self._foreign.position)

    def close(self) -> None:
        """Hear nothing more of other processes, and take leave of them."""
        self._tell_others(self._elsewhere.say_gone())
        self._line.close()

    def end(self, error: CrdtError) -> None:
        """Send every peer away."""
        for peer in list(self._audience):
            peer.end(error)

    def statistics(self) -> RoomStatistics:
        """Return the room at this moment."""
        unsaved_updates, unsaved_bytes = self._commits.unsaved
        return RoomStatistics(
            peers=len(self._audience),
            lagging_peers=self._audience.lagging,
            position=self._foreign.position,
            unsaved_updates=unsaved_updates,
            unsaved_bytes=unsaved_bytes,
            rows_since_snapshot=self._snapshots.rows,
            document_bytes=self._snapshots.size_bytes,
            turns=self.counts.turns,
            edits=self.counts.edits,
            largest_turn_edits=self.counts.largest_turn_edits,
            refused_edits=dict(self.counts.refused_edits),
        )
