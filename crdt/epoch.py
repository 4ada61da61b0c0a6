"""Epochs of a document, and how to tell from which of them a client's copy is (rule D7).

Pure. Stock clients have no word for an epoch, and can be trusted with none: one that reconnects with a fresh
token may still hold an old copy. So the copy itself tells. Every document has a *marker* of its epoch in it:
a struct without content, as Yjs leaves one of what was deleted, under a client id made of the document's name
and the epoch. Whoever has synced once has it, keeps it, and names it in the state vector of every step 1.
"""

import zlib

from crdt.errors import EpochEnded, ProtocolError
from crdt.ports import DocumentName
from crdt.protocol import encode_number
from crdt.waiting import read_state_vector

_FIRST_MARKER = 1 << 52
_EPOCH_BITS = 32
_NAME_BITS = 20
"""Together the 53 bits that a client id may have. Yjs draws its own from 32 bits, pycrdt from 53: one of its
ids in two million passes for a marker of a given document, and matters only to a copy that never synced."""


class Epoch:
    """One epoch of one document. `name` is 8 hexadecimal digits, or empty: then there is no marker."""

    def __init__(self, document: DocumentName, name: str) -> None:
        self.name = name
        self.address = f"{document}#{name}" if name else document
        """Under which the log knows the document in this epoch only."""
        self._family = (_FIRST_MARKER >> _EPOCH_BITS) + (zlib.crc32(document.encode()) >> (32 - _NAME_BITS))
        self._client_id = encode_number((self._family << _EPOCH_BITS) + int(name or "0", 16))

    @property
    def marker(self) -> list[bytes]:
        """What a document of this epoch begins with, as updates: one or none."""
        # One client with one struct, from clock 0 on: of no content (0) and of length 1. No deletions.
        return [b"\x01\x01" + self._client_id + b"\x00\x00\x01\x00"] if self.name else []

    def check(self, state_vector: bytes) -> None:
        """Raise EpochEnded for a copy that was synced with the document in another epoch only."""
        if not self.name or self._client_id in state_vector:
            return
        try:
            client_ids = read_state_vector(state_vector)
        except ProtocolError:  # found out when it is answered
            return
        if any(client_id >> _EPOCH_BITS == self._family for client_id in client_ids):
            raise EpochEnded(EPOCH_ENDED)


EPOCH_ENDED = "The document has begun anew: throw your copy away and open it again."


def read_token(token: str) -> tuple[str, str | None]:
    """Split what a client signs in with, `TOKEN` or `TOKEN#EPOCH`, into the token and the epoch it states."""
    token, _, epoch = token.partition("#")
    return token, epoch or None
