"""How a document tells what a step of a run has written: by the Yjs client ids that it was written under.

They are derived from the step's id, so what a step writes and the mark that it was written are one update,
and whoever repeats the step finds it in the document's state vector. Nothing else is kept for it, and nobody
who reads the document sees it. The last bits of an id are by chance: two processes that believe to do the
same step do not write different things under one id.
"""

import hashlib
import secrets
from typing import Any
from uuid import UUID

import pycrdt

from blocks.page import META
from crdt.waiting import read_state_vector

_MARK_BYTES = 5
_TRY_BITS = 8

Mark = int


class Marks:
    """The marks of one step in one document, one for each thing that it writes there, in their order."""

    def __init__(self, step_id: str, document: str) -> None:
        self._name = f"{step_id}|{document}"
        self._count = 0

    def next(self) -> Mark:
        """Return the mark of what comes next."""
        self._count += 1
        digest = hashlib.sha256(f"{self._name}|{self._count}".encode()).digest()
        return int.from_bytes(digest[:_MARK_BYTES])


def written_under(doc: "pycrdt.Doc[Any]", mark: Mark) -> dict[int, int]:
    """Return the client ids with a mark that have written a document, and how much each."""
    clocks = read_state_vector(doc.get_state())
    return {client_id: clock for client_id, clock in clocks.items() if is_under(mark, client_id)}


def is_under(mark: Mark, client_id: int) -> bool:
    """Tell whether a client id has a mark."""
    return client_id >> _TRY_BITS == mark


def draft_under(doc: "pycrdt.Doc[Any]", mark: Mark) -> "pycrdt.Doc[Any]":
    """Return a copy of a document in which everything is written under a mark."""
    draft: pycrdt.Doc[Any] = pycrdt.Doc(client_id=new_client_id(mark))
    draft.apply_update(doc.get_update())
    return draft


def new_client_id(mark: Mark) -> int:
    """Return a client id for one try to write something."""
    return mark << _TRY_BITS | secrets.randbits(_TRY_BITS)


def id_of(name: str, like: UUID) -> UUID:
    """Return an id for something of a step that is no part of a document: the same for a name each time.

    It is a UUIDv7 of the time of the id `like`.
    """
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16])
    noise = digest & ~(0xF << 76) & ~(0b11 << 62) & ((1 << 80) - 1)
    return UUID(int=like.int >> 80 << 80 | noise | 0x7 << 76 | 0b10 << 62)


def sign(draft: "pycrdt.Doc[Any]") -> None:
    """Write something into a page that nobody sees: where a step deletes, or writes elsewhere."""
    meta = draft.get(META, type=pycrdt.Map[Any])
    with draft.transaction():
        meta["_"] = None
        del meta["_"]
