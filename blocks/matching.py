"""What two sequences have in common: the longest common subsequence where they differ little. Bounded."""

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence

MAX_DIFFERENCES = 300
"""So many are looked through for the best match; beyond it only what is unique on both sides is matched."""

Pair = tuple[int, int]


def match_items(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Pair]:
    """Return which items stay the same, as pairs of places that grow on both sides."""
    start = 0
    shorter = min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    left, right = before[start : len(before) - end], after[start : len(after) - end]
    middle = _shortest_edit(left, right)
    if middle is None:
        middle = _match_unique(left, right)
    return [
        *((place, place) for place in range(start)),
        *((start + place, start + other) for place, other in middle),
        *((len(before) - place, len(after) - place) for place in range(end, 0, -1)),
    ]


def stretches_of(pairs: Sequence[Pair], length: int, other_length: int) -> Iterator[tuple[int, int, int]]:
    """Yield where pairs follow each other on both sides, and how many do; at last the ends of both."""
    start = 0
    for at in range(1, len(pairs) + 1):
        if at == len(pairs) or pairs[at] != (pairs[at - 1][0] + 1, pairs[at - 1][1] + 1):
            yield *pairs[start], at - start
            start = at
    yield length, other_length, 0


def _shortest_edit(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Pair] | None:
    """Return the best match (E. Myers, "An O(ND) Difference Algorithm", 1986); None if it lies too far."""
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    for differences in range(min(len(before) + len(after), MAX_DIFFERENCES) + 1):
        trace.append(dict(furthest))
        for diagonal in range(-differences, differences + 1, 2):
            goes_down = diagonal == -differences or (
                diagonal != differences and furthest[diagonal - 1] < furthest[diagonal + 1]
            )
            place = furthest[diagonal + 1] if goes_down else furthest[diagonal - 1] + 1
            other = place - diagonal
            while place < len(before) and other < len(after) and before[place] == after[other]:
                place, other = place + 1, other + 1
            furthest[diagonal] = place
            if place >= len(before) and other >= len(after):
                return _walk_back(trace, len(before), len(after))
    return None


def _walk_back(trace: Sequence[dict[int, int]], place: int, other: int) -> list[Pair]:
    pairs: list[Pair] = []
    for differences in range(len(trace) - 1, -1, -1):
        furthest = trace[differences]
        diagonal = place - other
        goes_down = diagonal == -differences or (
            diagonal != differences and furthest[diagonal - 1] < furthest[diagonal + 1]
        )
        before_diagonal = diagonal + 1 if goes_down else diagonal - 1
        start = furthest[before_diagonal] if differences else 0
        start_other = start - before_diagonal if differences else 0
        while place > start and other > start_other and place > 0 and other > 0:
            place, other = place - 1, other - 1
            pairs.append((place, other))
        place, other = start, start_other
    return pairs[::-1]


def _match_unique(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Pair]:
    """Return a match of items that both have once, as many as keep their order."""
    once = _places_of_unique(after)
    candidates = [(place, once[item]) for item, place in _places_of_unique(before).items() if item in once]
    return _longest_rising(sorted(candidates))


def _places_of_unique(items: Sequence[Hashable]) -> dict[Hashable, int]:
    places: dict[Hashable, int] = {}
    doubled: set[Hashable] = set()
    for place, item in enumerate(items):
        if item in places:
            doubled.add(item)
        places[item] = place
    return {item: place for item, place in places.items() if item not in doubled}


def _longest_rising(pairs: Sequence[Pair]) -> list[Pair]:
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, (_, other) in enumerate(pairs):
        length = bisect_left(tails, other)
        previous.append(ends[length - 1] if length else -1)
        tails[length : length + 1] = [other]
        ends[length : length + 1] = [index]
    found: list[Pair] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        found.append(pairs[index])
        index = previous[index]
    return found[::-1]
