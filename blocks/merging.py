"""Merges what somebody made of an older state of a rich text into the present one: nobody's words are lost.

The change from the older state to the wanted text is made there, by few edits, and comes back as an update,
which merges as any edit does that was made offline. Two things a mere merge would lose:

    what others wrote into a node that is taken away    the node stays, with nothing but their words
    what is changed in a node that others took away     is written anew, beside the neighbours it had

Pure: documents and a way to find the rich text in them go in, an update and the overlaps come out.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
import pycrdt

from blocks.edits import Item, Place, Rules, change_children, survey
from blocks.recording import record
from blocks.richtext import XmlChild, child_at, read_child
from blocks.tree import MAX_DEPTH, Element, document, texts_of

Find: TypeAlias = Callable[["pycrdt.Doc[Any]"], pycrdt.XmlFragment | None]

_MARK = "\0place"
_NOTHING = b"\0\0"
"""An update that changes nothing."""


class Overlap(msgspec.Struct, frozen=True):
    """A text that both have changed since, and not to the same."""

    before: str
    mine: str
    """What the caller made of it; empty if it was taken away."""
    theirs: str


class Merge(msgspec.Struct, frozen=True):
    """A change on its way into the present document."""

    update: bytes
    overlaps: tuple[Overlap, ...]


class _Present(msgspec.Struct):
    """What has become of the older places, by their numbers."""

    nodes: set[int] = set()
    """Those that are still there."""

    texts: dict[int, str] = {}
    """What is in those that are texts."""

    parents: set[int] = set()
    """Those under which there is something new."""


def merge_change(
    base: "pycrdt.Doc[Any]",
    present: "pycrdt.Doc[Any]",
    find: Find,
    wanted: Element,
    *,
    start: int = 0,
    client_id: int | None = None,
) -> Merge:
    """Return the update that brings what was made of the older document `base` into the `present` one.

    `present` must contain `base`; neither is changed. What stands before the child `start` stays, and
    `wanted` is what comes from there on. `client_id` is the update's, for whoever goes on writing under it.
    Raises LookupError if `base` has no such rich text.
    """
    state = base.get_update()
    copy = pycrdt.Doc[Any](client_id=client_id, skip_gc=True)
    copy.apply_update(state)
    fragment = find(copy)
    if fragment is None:
        raise LookupError("The older document has no such rich text.")
    places = survey(fragment, start)
    since = _look_up(state, present, find, start)
    rules = Rules(*_judge(places, since))
    update = record(copy, lambda: change_children(fragment, places, wanted.content, rules, start))
    return Merge(update or _NOTHING, tuple(_overlaps(places, since, rules)))


def _look_up(state: bytes, present: "pycrdt.Doc[Any]", find: Find, start: int) -> _Present:
    """Number the places of the older document in a copy, and see which are there in the present one."""
    copy = pycrdt.Doc[Any](skip_gc=True)
    copy.apply_update(state)
    fragment = find(copy)
    assert fragment is not None
    with copy.transaction():
        places = survey(fragment, start)
        _number(places)
    copy.apply_update(present.get_update(copy.get_state()))
    found = _Present()
    now = find(copy)
    if now is not None:
        _collect(survey(now, _first_numbered(now, len(places)) if start else 0), found)
    return found


def _number(places: Sequence[Place]) -> None:
    for place in places:
        for node in place.nodes:
            if isinstance(node, pycrdt.XmlElement | pycrdt.XmlText):
                node.attributes[_MARK] = str(place.number)
        _number(place.children)


def _collect(places: Sequence[Place], found: _Present, parent: int | None = None) -> None:
    for place in places:
        number: int | None = None
        for node in place.nodes:
            number = _number_of(node)
            if number is None and parent is not None:
                found.parents.add(parent)
            if number is not None:
                found.nodes.add(number)
            if number is not None and isinstance(node, pycrdt.XmlText):
                found.texts[number] = found.texts.get(number, "") + _text_of(
                    tuple(read_child(node, MAX_DEPTH))
                )
        _collect(place.children, found, number)


def _first_numbered(fragment: pycrdt.XmlFragment, count: int) -> int:
    """Return the first of so many children that are numbered, looked for from the end."""
    first = index = len(fragment.children)
    while count and index:
        index -= 1
        if _number_of(child_at(fragment, index)) is not None:
            first, count = index, count - 1
    return first


def _number_of(node: XmlChild | None) -> int | None:
    if not isinstance(node, pycrdt.XmlElement | pycrdt.XmlText):
        return None
    mark = node.attributes.get(_MARK)
    return int(mark) if isinstance(mark, str) and mark.isdigit() else None


def _judge(places: Sequence[Place], since: _Present) -> tuple[frozenset[int], frozenset[int]]:
    """Return which places are gone, and which others have written into."""
    gone: set[int] = set()
    grown: set[int] = set()
    for place in places:
        below_gone, below_grown = _judge(place.children, since)
        gone |= below_gone
        grown |= below_grown
        if place.number not in since.nodes:
            gone.add(place.number)
        elif place.number in since.parents or below_grown or _has_grown(place, since):
            grown.add(place.number)
    return frozenset(gone), frozenset(grown)


def _has_grown(place: Place, since: _Present) -> bool:
    if not isinstance(place.item, tuple):
        return False
    rest = iter(_text_of(place.item))
    return not all(character in rest for character in since.texts.get(place.number, ""))


def _overlaps(places: Sequence[Place], since: _Present, rules: Rules) -> Iterator[Overlap]:
    """Yield the texts that both have changed, and not to the same."""
    for place, item in rules.revived:
        yield Overlap(_text_of(place.item), _text_of(item), "")
    yield from _overlaps_at(places, since, rules)


def _overlaps_at(places: Sequence[Place], since: _Present, rules: Rules) -> Iterator[Overlap]:
    for place in places:
        if place.number in rules.changed and isinstance(place.item, tuple):
            before, mine = _text_of(place.item), _text_of(rules.changed[place.number])
            theirs = since.texts.get(place.number, "")
            if before != theirs and mine != theirs:
                yield Overlap(before, mine, theirs)
        yield from _overlaps_at(place.children, since, rules)


def _text_of(item: Item) -> str:
    """Return the characters of an item, without its marks."""
    return "".join(node.text for node in texts_of(item if isinstance(item, Element) else document(item)))
