"""Updates that came too early, and how to tell: the parts of the Yjs update format that this needs.

Pure: works on a pycrdt document, an update's bytes and a state vector.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pycrdt

from crdt.protocol import EMPTY_UPDATE, Reader, encode_number

Missing = tuple[int, int]
"""A client id, and the clock from which on an update may find its place; -1 for always worth a try."""

Deletions = dict[int, list[tuple[int, int]]]
"""Client id -> (clock, length) ranges."""


class Waiting:
    """What a document was given and could not take in yet, because something that it depends on is missing.

    pycrdt forgets structs that came before what they depend on (yrs 0.28: a third of the documents whose
    updates came shuffled stayed incomplete for ever). So they are kept here, and applied again when what they
    wait for may have come.
    """

    def __init__(self, doc: pycrdt.Doc[Any]) -> None:
        self._doc = doc
        self.updates: list[bytes] = []
        # For each client, from what clock on one of the updates may find its place.
        self._needs: dict[int, int] = {}
        self._tried_at = b""

    def settle(self, updates: Sequence[bytes]) -> None:
        """Look after updates that were just applied, and after those that have been waiting for them."""
        state_vector = self._doc.get_state()
        for update in updates:
            missing = find_missing(update, state_vector)
            if missing is not None:
                self._keep(update, missing)
        while self.updates and state_vector != self._tried_at and self._is_hopeful(state_vector):
            with self._doc.transaction():
                for update in self.updates:
                    self._doc.apply_update(update)
            self._tried_at = state_vector
            state_vector = self._doc.get_state()
            waiting, self.updates = self.updates, []
            self._needs.clear()
            for update in waiting:
                missing = find_missing(update, state_vector)
                if missing is not None:
                    self._keep(update, missing)

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


def read_delete_set(reader: Reader) -> Deletions:
    """Return the delete set that comes next."""
    return {
        reader.read_number(): [
            (reader.read_number(), reader.read_number()) for _ in range(reader.read_number())
        ]
        for _ in range(reader.read_number())
    }
