"""What a document holds, to be compared: which neighbours its bytes join is nobody's business (D4)."""

from typing import Any

import msgspec
import pycrdt

from crdt.waiting import read_deletions, read_state_vector

VILLAIN = 5
"""The client id that writes what breaks documents.

Whether such a struct found its place depends on what came in one transaction with it, so nothing of this
client is compared beyond what people see.
"""


class Content(msgspec.Struct, frozen=True):
    """A document without its encoding."""

    clocks: dict[int, int]
    deleted: dict[int, set[int]]
    seen: tuple[str, object, object, str]


def read_content(state: bytes) -> Content:
    """Take a state apart."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(state)
    clocks = read_state_vector(doc.get_state())
    deletions = read_deletions(doc.get_update(doc.get_state())) or {}
    deleted = {
        client: {at for clock, length in ranges for at in range(clock, clock + length)}
        for client, ranges in deletions.items()
    }
    clocks.pop(VILLAIN, None)
    deleted.pop(VILLAIN, None)
    return Content(
        clocks,
        deleted,
        (
            str(doc.get("text", type=pycrdt.Text)),
            doc.get("fields", type=pycrdt.Map[Any]).to_py(),
            doc.get("list", type=pycrdt.Array[Any]).to_py(),
            str(doc.get("body", type=pycrdt.XmlFragment)),
        ),
    )
