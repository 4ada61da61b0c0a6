"""Sets of Yjs ids, as ranges of clocks by client id: what was inserted, what was deleted. Pure."""

from collections.abc import Iterable

import pycrdt

from crdt.protocol import encode_number
from crdt.structs import Deletions

Ranges = Deletions
"""Client id -> (clock, length) ranges."""


def union(*several: Ranges) -> Ranges:
    """Return what is in any of them, in order and joined."""
    gathered: Ranges = {}
    for ranges in several:
        for client_id, own in ranges.items():
            gathered.setdefault(client_id, []).extend(own)
    return {client_id: _join(own) for client_id, own in gathered.items() if own}


def without(ranges: Ranges, others: Ranges) -> Ranges:
    """Return what of some ranges is in no other ones."""
    left: Ranges = {}
    for client_id, own in ranges.items():
        cuts = sorted(others.get(client_id, []))
        for clock, length in own:
            end = clock + length
            for cut, size in cuts:
                if cut + size > clock and cut < end:
                    if cut > clock:
                        left.setdefault(client_id, []).append((clock, cut - clock))
                    clock = cut + size
            if clock < end:
                left.setdefault(client_id, []).append((clock, end - clock))
    return left


def encode(ranges: Ranges) -> bytes:
    """Return ranges as the delete set of an update; behind a zero it is an update that deletes them."""
    encoded = encode_number(len(ranges))
    for client_id, own in ranges.items():
        encoded += encode_number(client_id) + encode_number(len(own))
        encoded += b"".join(encode_number(clock) + encode_number(length) for clock, length in own)
    return encoded


def id_set(ranges: Ranges) -> pycrdt.IdSet:
    """Return ranges as pycrdt has them."""
    return pycrdt.IdSet.decode(encode(ranges))


def _join(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for clock, length in sorted(ranges):
        last, size = joined[-1] if joined else (0, -1)
        if clock <= last + size:
            joined[-1] = (last, max(size, clock + length - last))
        else:
            joined.append((clock, length))
    return joined
