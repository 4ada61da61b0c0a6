"""Updates that came too early, and how to tell: the parts of the Yjs update format that this needs.

Pure: works on a pycrdt document, an update's bytes and a state vector.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pycrdt

from crdt.errors import ProtocolError
from crdt.protocol import EMPTY_STATE_VECTOR, EMPTY_UPDATE, Reader, encode_number
from crdt.structs import LETTER, NUMBER, Deletions, read_delete_set, read_needs

Missing = tuple[int, int]
"""A client id, and the clock from which on an update may find its place; -1 for always worth a try."""

Needs = Sequence[tuple[int, int]]
"""Client ids, and how many of their clocks must be there."""

# One character of at most 16 bits, and nothing else: whose it is and which of theirs, and what it was typed
# between, or behind, or before.
_TYPED = re.compile(
    rb"\x01\x01(%(number)s)(%(number)s)(?:[\x44\x84]|\xc4(%(number)s)(%(number)s))(%(number)s)(%(number)s)"
    rb"%(letter)s\x00" % {b"number": NUMBER, b"letter": LETTER},
    re.DOTALL,
)
_ENTRY = re.compile(rb"([\x80-\xff]*[\x00-\x7f])([\x80-\xff]*[\x00-\x7f])")
"""Of a state vector: a client id, and how many of its clocks are known."""

_AHEAD, _HERE, _NEXT = 0, 1, 2

LARGE_BYTES = 64 * 1024
"""A larger update is not read for what it goes on from: that may take longer than to apply it (R7)."""


class Waiting:
    """What a document was given and could not take in yet, because something that it depends on is missing.

    pycrdt shows structs behind a gap in their writer's clock, and where other structs than those that are
    missing fill the gap, it writes states that end there for Yjs (yrs 0.28). So what goes on from what is not
    here is not applied before that has come. Structs that depend on those of others it forgets when they come
    first (a third of the documents whose updates came shuffled stayed incomplete for ever), so they are kept,
    and applied again when what they wait for may have come.
    """

    def __init__(self, doc: pycrdt.Doc[Any]) -> None:
        self._doc = doc
        self.updates: list[bytes] = []
        # For each client, from what clock on one of the updates may find its place.
        self._needs: dict[int, int] = {}
        self._tried_at = b""
        # Encoded client id -> how many of its clocks are here at least; looked up anew where that is too few.
        self._clocks: dict[bytes, int] = {}
        self._is_exact = False  # whether they are not only the least
        self.is_in_doubt = False
        """Whether anything was given since the last `taken` or `settle` that may not be here whole."""
        self._large: dict[bytes, Needs] = {}

    def apply(self, update: bytes) -> None:
        """Apply an update, unless it is ahead; `settle` is to follow. Raises ValueError for what is none."""
        if not self.is_ahead(update):
            try:
                self._doc.apply_update(update)
            except ValueError:
                self.refused()
                raise

    def refused(self) -> None:
        """Note that the update which was not ahead could not be read, so nothing of it is here."""
        self._clocks.clear()
        self._is_exact = False

    def is_ahead(self, update: bytes) -> bool:
        """Whether an update goes on from what is not here, and must not be applied yet; if not, it is now.

        Mostly somebody has typed one more character next to others that are here: then it is here whole. A
        large update counts as not ahead, unless it was suspected.
        """
        typed = _TYPED.fullmatch(update)
        if typed is not None and (self._place(typed) or self._place_anew(typed)):
            return False
        self.is_in_doubt = True
        if len(update) > LARGE_BYTES:
            is_ahead = self._lacks(self._large.get(update, ()))
        else:
            is_ahead = update[:1] != b"\x00" and self._is_ahead(update)
        self._is_exact = False
        return is_ahead

    def join_news(self, updates: Sequence[bytes]) -> bytes | None:
        """Return updates as one, where each is a typed character that is not here; None where one is not.

        They must be applied now, and are all that changes: each that is such a character counts as here from
        now on. None of them depends on another writer's in there, which pycrdt may take in the wrong order.
        """
        if len(updates) == 1:
            return updates[0] if self._match_news(updates[0]) is not None else None
        runs: dict[bytes, list[bytes]] = {}  # encoded client id -> its first clock, then its structs
        for update in updates:
            typed = self._match_news(update)
            if typed is None:
                return None
            writer, at, beside, beside_at, other, other_at = typed.groups()
            if _is_in(runs, writer, other, other_at) or (beside and _is_in(runs, writer, beside, beside_at)):
                return None
            struct = update[typed.end(2) : -1]
            # It is the next of its writer's, so it follows on those before it.
            runs.setdefault(writer, [at]).append(struct)
        parts = [encode_number(len(runs))]
        for writer in sorted(runs, key=_number, reverse=True):  # the order that Yjs writes them in
            run = runs[writer]
            parts += (encode_number(len(run) - 1), writer, *run)
        parts.append(b"\x00")  # nothing is deleted
        return b"".join(parts)

    def _match_news(self, update: bytes) -> re.Match[bytes] | None:
        """Match a typed character that is not here, and goes on from what is here alone."""
        typed = _TYPED.fullmatch(update)
        if typed is None:
            return None
        place = self._place(typed)
        # What else was applied may have had this character, too.
        if place == _AHEAD or (place == _NEXT and not self._is_exact):
            place = self._place_anew(typed)
        return typed if place == _NEXT else None

    def _place_anew(self, typed: re.Match[bytes]) -> int:
        self._read_clocks(self._doc.get_state())
        return self._place(typed)

    def _read_clocks(self, state_vector: bytes) -> None:
        """Read a state vector by encoded client ids: a tenth of the time of `read_state_vector`."""
        beginning = len(encode_number(Reader(state_vector).read_number()))
        entries = _ENTRY.findall(state_vector, beginning)
        self._clocks = {client_id: _number(clock) for client_id, clock in entries}
        self._is_exact = True

    def _place(self, typed: re.Match[bytes]) -> int:
        """Tell a typed character that is next, and counts as here from now on, from one that is here already
        and one that goes on from what is not here, as far as that is known."""
        writer, at, beside, beside_at, other, other_at = typed.groups()
        get, clock = self._clocks.get, _number(at)
        known = get(writer, 0)
        if (
            clock > known
            or _number(other_at) >= get(other, 0)
            or (beside is not None and _number(beside_at) >= get(beside, 0))
        ):
            return _AHEAD
        if clock < known:
            return _HERE
        self._clocks[writer] = clock + 1
        return _NEXT

    def suspect(self, update: bytes) -> None:
        """Have a large update read for what it goes on from, as it was not taken in whole."""
        self._large[update] = read_needs(update)

    def taken(self) -> None:
        """Note that what was applied is here whole: nothing of it waits."""
        self.is_in_doubt = False

    def settle(self, updates: Sequence[bytes]) -> None:
        """Look after updates that were just applied, or are ahead, and after those that waited for them."""
        self.is_in_doubt = False
        state_vector = self._doc.get_state()
        self._read_clocks(state_vector)
        for update in updates:
            missing = None if self._is_here(update) else find_missing(update, state_vector)
            if missing is not None:
                self._keep(update, missing)
        while self.updates and state_vector != self._tried_at and self._is_hopeful(state_vector):
            with self._doc.transaction():
                for update in self.updates:
                    self.apply(update)
            self._tried_at = state_vector
            state_vector = self._doc.get_state()
            waiting, self.updates = self.updates, []
            self._needs.clear()
            for update in waiting:
                missing = find_missing(update, state_vector)
                if missing is not None:
                    self._keep(update, missing)
        if self._large:
            self._large = {update: needs for update, needs in self._large.items() if update in self.updates}

    def _is_ahead(self, update: bytes) -> bool:
        try:
            is_ahead = self._lacks(read_needs(update))
            if is_ahead:
                pycrdt.get_update(update, EMPTY_STATE_VECTOR)  # can pycrdt read it?
        except (ProtocolError, ValueError):  # no update: found out when it is applied
            return False
        return is_ahead

    def _lacks(self, needs: Needs) -> bool:
        if self._has(needs):
            return False
        self._read_clocks(self._doc.get_state())
        return not self._has(needs)

    def _has(self, needs: Needs) -> bool:
        known = self._clocks.get
        return all(clock <= known(encode_number(client_id), 0) for client_id, clock in needs)

    def _is_here(self, update: bytes) -> bool:
        """Whether an update is a typed character that is here; others have to be looked at."""
        typed = _TYPED.fullmatch(update)
        return typed is not None and _number(typed[2]) < self._clocks.get(typed[1], 0)

    def _keep(self, update: bytes, missing: Missing) -> None:
        self.updates.append(update)
        client_id, clock = missing
        self._needs[client_id] = min(clock, self._needs.get(client_id, clock))

    def _is_hopeful(self, state_vector: bytes) -> bool:
        clocks = read_state_vector(state_vector)
        return any(clocks.get(client_id, 0) >= clock for client_id, clock in self._needs.items())


def find_missing(update: bytes, state_vector: bytes) -> Missing | None:
    """Return what an applied update waits for; None when all that it inserts and deletes is in its place."""
    rest = pycrdt.get_update(update, state_vector)
    if rest == EMPTY_UPDATE:
        return None
    reader = Reader(rest)
    clients = reader.read_number()
    if clients:
        _structs, client_id, clock = reader.read_number(), reader.read_number(), reader.read_number()
        return client_id, clock if clients == 1 else -1
    clocks = read_state_vector(state_vector)
    deletions = read_delete_set(reader)
    return next(
        (
            (client_id, clock + 1)
            for client_id, ranges in deletions.items()
            for clock, length in ranges
            if clock + length > clocks.get(client_id, 0)
        ),
        None,
    )


def read_deletions(update: bytes) -> Deletions | None:
    """Return the delete set of an update; None for one that has structs too."""
    reader = Reader(update)
    return read_delete_set(reader) if reader.read_number() == 0 else None


def read_state_vector(encoded: bytes) -> dict[int, int]:
    """Return a state vector as client id -> number of its structs' clocks that are known."""
    reader = Reader(encoded)
    return {reader.read_number(): reader.read_number() for _ in range(reader.read_number())}


def encode_state_vector(clocks: Mapping[int, int]) -> bytes:
    """Return what `read_state_vector` reads."""
    entries = (encode_number(client_id) + encode_number(clock) for client_id, clock in clocks.items())
    return encode_number(len(clocks)) + b"".join(entries)


def _is_in(runs: dict[bytes, list[bytes]], writer: bytes, other: bytes, at: bytes) -> bool:
    """Whether a struct of another writer is among those that are joined."""
    return other != writer and other in runs and _number(at) >= _number(runs[other][0])


def _number(encoded: bytes) -> int:
    """Return a varUint that is known to be one."""
    if len(encoded) == 1:
        return encoded[0]
    number = 0
    for byte in reversed(encoded):
        number = number << 7 | byte & 0x7F
    return number
