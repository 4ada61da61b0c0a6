"""Changes a rich text in a document into another one by few edits, so that others' edits merge with them.

Nodes that stay as they are are not touched. Of the others those that are alike are changed in place, their
texts by the words that differ, their marks where they differ; only what is left is taken away or made anew.
Pure.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec
import pycrdt

from blocks.matching import match_items
from blocks.richtext import (
    XmlChild,
    XmlParent,
    attributes_of,
    children_of,
    doc_of,
    insert_nodes,
    is_in_text,
    read_child,
    set_attribute,
)
from blocks.text_edits import change_text
from blocks.tree import MAX_DEPTH, Attributes, Element, Node, clean, join_texts, texts_of

MAX_COMPARED = 2_500
"""So many pairs of nodes are compared to find those that are alike; beyond it their order decides."""

_COMPARED_CHARACTERS = 400

Item: TypeAlias = Element | tuple[Node, ...]
"""An element, or what is in texts that follow each other."""


class Place(msgspec.Struct, eq=False):
    """What is at a place of a document: an XML node, or several texts that follow each other."""

    number: int
    nodes: list[XmlChild | None]
    item: Item
    children: list["Place"] = []


class Rules(msgspec.Struct):
    """What somebody else has done to the places meanwhile, by their numbers; and what was changed here."""

    gone: frozenset[int] = frozenset()
    """They are not there any more: what should become of them has to be made anew."""

    grown: frozenset[int] = frozenset()
    """Somebody has written into them: they may be emptied of what was there, but not taken away."""

    changed: dict[int, Item] = {}
    """What has become of places of texts; one that was taken away is empty."""

    revived: list[tuple["Place", Item]] = []
    """What was made anew because its place is gone."""


def change_fragment(fragment: pycrdt.XmlFragment, wanted: Element) -> None:
    """Make a fragment that is in a document into a wanted document."""
    with doc_of(fragment).transaction():
        change_children(fragment, survey(fragment), wanted.content, Rules())


def change_tail(fragment: pycrdt.XmlFragment, start: int, wanted: Sequence[Node]) -> None:
    """Make what is in a fragment from one of its children on into wanted nodes."""
    with doc_of(fragment).transaction():
        change_children(fragment, survey(fragment, start), wanted, Rules(), start)


def survey(fragment: XmlParent, start: int = 0) -> list[Place]:
    """Return what is at the places under a node, from one of its children on, numbered in their order."""
    return _survey(fragment, [0], MAX_DEPTH - 1, start)


def _survey(parent: XmlParent, counter: list[int], levels: int, start: int = 0) -> list[Place]:
    places: list[Place] = []
    for child in children_of(parent, start):
        nodes = tuple(read_child(child, levels))
        last = places[-1] if places else None
        if isinstance(child, pycrdt.XmlText):
            if last is not None and isinstance(last.item, tuple):
                last.nodes.append(child)
                last.item = join_texts([*last.item, *nodes])
                continue
            item: Item = nodes
        else:
            (node,) = nodes
            assert isinstance(node, Element)
            item = node
        place = Place(counter[0], [child], item)
        counter[0] += 1
        places.append(place)
        if isinstance(child, pycrdt.XmlElement) and levels > 0 and isinstance(item, Element):
            place.children = _survey(child, counter, levels - 1)
    return places


def change_children(
    parent: XmlParent, places: Sequence[Place], wanted: Sequence[Node], rules: Rules, start: int = 0
) -> None:
    """Make the children of an XML node, from one of them on, into wanted ones, in a transaction."""
    items = _as_items(wanted)
    index = start
    for place, item in _align(places, items, rules):
        if place is None:
            assert item is not None
            index += insert_nodes(parent, index, (item,) if isinstance(item, Element) else item)
        elif item is None:
            index += _remove(parent, index, place, rules)
        else:
            _change(place, item, rules)
            index += len(place.nodes)


def _as_items(nodes: Sequence[Node]) -> list[Item]:
    items: list[Item] = []
    for node in nodes:
        if not is_in_text(node):
            assert isinstance(node, Element)
            items.append(node)
        elif items and isinstance(last := items[-1], tuple):
            items[-1] = (*last, node)
        else:
            items.append((node,))
    return items


def _align(
    places: Sequence[Place], items: Sequence[Item], rules: Rules
) -> list[tuple[Place | None, Item | None]]:
    """Return what becomes of what, in the order of the result."""
    same = match_items([key_of(place.item) for place in places], [key_of(item) for item in items])
    aligned: list[tuple[Place | None, Item | None]] = []
    start, new_start = 0, 0
    for end, new_end in (*same, (len(places), len(items))):
        aligned += _align_gap(places[start:end], items[new_start:new_end], rules)
        if end < len(places):
            aligned.append((places[end], items[new_end]))
        start, new_start = end + 1, new_end + 1
    return aligned


def _align_gap(
    places: Sequence[Place], items: Sequence[Item], rules: Rules
) -> list[tuple[Place | None, Item | None]]:
    aligned: list[tuple[Place | None, Item | None]] = []
    start, new_start = 0, 0
    for end, new_end in (*pair_alike([place.item for place in places], items), (len(places), len(items))):
        aligned += [(place, None) for place in places[start:end]]
        aligned += [(None, item) for item in items[new_start:new_end]]
        if end < len(places):
            place, item = places[end], items[new_end]
            if place.number in rules.gone:
                rules.revived.append((place, item))
                aligned += [(place, None), (None, item)]
            else:
                aligned.append((place, item))
        start, new_start = end + 1, new_end + 1
    return aligned


def pair_alike(before: Sequence[Item], after: Sequence[Item]) -> list[tuple[int, int]]:
    """Return which items become which: of the same kind, and as much alike as their order allows."""
    if not before or not after:
        return []
    if len(before) * len(after) > MAX_COMPARED:
        pairs = zip(range(len(before)), range(len(after)), strict=False)
        return [(old, new) for old, new in pairs if _kind(before[old]) == _kind(after[new])]
    features = [_features(item) for item in after]
    likeness = [[_likeness(left, right) for right in features] for left in map(_features, before)]
    best = [[0.0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for row in range(len(before) - 1, -1, -1):
        for column in range(len(after) - 1, -1, -1):
            paired = likeness[row][column]
            best[row][column] = max(
                best[row + 1][column],
                best[row][column + 1],
                best[row + 1][column + 1] + paired if paired else 0.0,
            )
    return _trace(best, likeness)


def _trace(best: Sequence[Sequence[float]], likeness: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    row, column = 0, 0
    while row < len(likeness) and column < len(likeness[0]):
        if best[row][column] == best[row + 1][column]:
            row += 1
        elif best[row][column] == best[row][column + 1]:
            column += 1
        else:
            pairs.append((row, column))
            row, column = row + 1, column + 1
    return pairs


def _kind(item: Item) -> str:
    return item.type if isinstance(item, Element) else "text"


def _features(item: Item) -> tuple[str, frozenset[str]]:
    """Return the kind of an item, and the pairs of characters in its text."""
    texts = texts_of(item) if isinstance(item, Element) else texts_of(Element("", {}, item))
    text = ""
    for node in texts:
        text += node.text[:_COMPARED_CHARACTERS]
        if len(text) > _COMPARED_CHARACTERS:
            break
    return _kind(item), frozenset(text[at : at + 2] for at in range(len(text)))


def _likeness(left: tuple[str, frozenset[str]], right: tuple[str, frozenset[str]]) -> float:
    """Return nothing for what is of different kinds, little for what is of one kind, up to 101 for likes."""
    if left[0] != right[0]:
        return 0.0
    together = len(left[1]) + len(right[1])
    return 1.0 + (200.0 * len(left[1] & right[1]) / together if together else 100.0)


def key_of(item: Item | Node) -> bytes:
    """Return the same for items that say the same, where a null attribute says nothing; for no others."""
    nodes = item if isinstance(item, tuple) else (item,)
    return msgspec.json.encode(list(map(_without_nulls, nodes)), order="deterministic")


def _without_nulls(node: Node) -> Node:
    if not isinstance(node, Element):
        return node
    attrs = {name: value for name, value in node.attrs.items() if value is not None}
    return Element(node.type, attrs, tuple(map(_without_nulls, node.content)))


def _change(place: Place, item: Item, rules: Rules) -> None:
    if place.item == item:
        return
    if isinstance(item, tuple):
        texts = [node for node in place.nodes if isinstance(node, pycrdt.XmlText)]
        change_text(texts, item)
        rules.changed[place.number] = item
        return
    (node,) = place.nodes
    assert isinstance(place.item, Element)
    if isinstance(node, pycrdt.XmlElement):
        _change_attributes(node, place.item.attrs, item.attrs)
        change_children(node, place.children, item.content, rules)


def _change_attributes(node: pycrdt.XmlElement, before: Attributes, after: Attributes) -> None:
    """Make attributes into wanted ones; a null is never written, but stays where it is wanted."""
    for name, _ in attributes_of(node):
        known = clean(name)
        if after.get(known) is None and (before[known] is not None or known not in after):
            del node.attributes[name]
    for name, value in after.items():
        if value is not None and before.get(name) != value:
            set_attribute(node, name, value)


def _remove(parent: XmlParent, index: int, place: Place, rules: Rules) -> int:
    """Take away what is at a place, but what others have written there; return how many nodes are left."""
    if place.item == ():
        return len(place.nodes)  # nobody has seen it, and somebody may be typing there
    _note_removal(place, rules)
    if place.number not in rules.grown:
        del parent.children[index : index + len(place.nodes)]
        return 0
    for node in place.nodes:
        if isinstance(node, pycrdt.XmlText):
            node.clear()
        elif isinstance(node, pycrdt.XmlElement):
            inner = 0
            for child in place.children:
                inner += _remove(node, inner, child, rules)
    return len(place.nodes)


def _note_removal(place: Place, rules: Rules) -> None:
    if isinstance(place.item, tuple):
        rules.changed[place.number] = ()
    for child in place.children:
        _note_removal(child, rules)
