"""Makes the change that a Markdown text asks for in the tree it was made of, which holds more than it says.

Markdown has no words for nodes and marks that are not known here, colours, the widths of columns and more.
So what somebody brings back is compared with what the tree reads as in Markdown, and only the difference is
made:

    a node that still reads the same         is taken over whole
    one that was changed, of a known kind    keeps its attributes, and the nodes in it that read the same
    a word that stays                        keeps its marks, but those that were taken from it
    what cannot be seen in Markdown          stays where it is

A node of an unknown kind is read as a line of text; whoever changes that line puts a paragraph in its place.
Pure.
"""

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeAlias

import msgspec

from blocks import tiptap
from blocks.edits import key_of, pair_alike
from blocks.markdown_reader import from_markdown
from blocks.markdown_writer import to_markdown
from blocks.matching import match_items
from blocks.tree import Attributes, Element, Json, Mark, Node, Text, document, join_texts

Marks: TypeAlias = tuple[Mark, ...]

_ROWS = frozenset((*tiptap.LISTS, "table", "tableRow"))
"""The kinds whose children read as one node each, whatever they are."""

_FAMILIES = {
    **dict.fromkeys(tiptap.TEXT_BLOCKS, "line"),
    **dict.fromkeys(tiptap.LISTS, "list"),
    **dict.fromkeys(tiptap.ITEMS, "item"),
    **dict.fromkeys(tiptap.CELLS, "cell"),
}
"""Kinds of nodes that become each other."""

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


class _Part(msgspec.Struct):
    """Nodes that are one block, and what they read as."""

    nodes: tuple[Node, ...]
    shown: tuple[Node, ...]


def carry(base: Element, wanted: Element) -> Element:
    """Return a document with the changes that make what it reads as into a wanted one."""
    parts = [_Part(nodes, _read(nodes)) for nodes in _gather(base.content)]
    return Element(base.type, base.attrs, tuple(_carry_parts(parts, wanted.content)))


def _read(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    return from_markdown(to_markdown(document(nodes))).content


def _gather(nodes: Sequence[Node]) -> list[tuple[Node, ...]]:
    """Return nodes as blocks; those of a line that stand together are one."""
    found: list[tuple[Node, ...]] = []
    for is_line, group in groupby(nodes, tiptap.is_inline):
        block = tuple(group)
        found += [block] if is_line else [(node,) for node in block]
    return found


def _carry_parts(parts: Sequence[_Part], wanted: Sequence[Node]) -> list[Node]:
    shown = [key_of(node) for part in parts for node in part.shown]
    partners = dict(match_items(shown, [key_of(node) for node in wanted]))
    carried: list[Node] = []
    start, new_start, place = 0, 0, 0
    for index, part in enumerate(parts):
        places = range(place, place + len(part.shown))
        place = places.stop
        first = partners.get(places.start) if places else None
        if first is None or any(partners.get(at) != first + at - places.start for at in places):
            continue
        carried += _carry_gap(parts[start:index], wanted[new_start:first])
        carried += part.nodes
        start, new_start = index + 1, first + len(places)
    return carried + _carry_gap(parts[start:], wanted[new_start:])


def _carry_gap(parts: Sequence[_Part], wanted: Sequence[Node]) -> list[Node]:
    """Return what becomes of parts none of which reads as it did."""
    changeable = [index for index, part in enumerate(parts) if len(part.shown) == 1]
    pairs = pair_alike(
        [_as_family(parts[index].shown[0]) for index in changeable], [_as_family(node) for node in wanted]
    )
    carried: list[Node] = []
    start, new_start = 0, 0
    for at, new in (*pairs, (len(changeable), len(wanted))):
        index = changeable[at] if at < len(changeable) else len(parts)
        for part in parts[start:index]:
            carried += () if part.shown else part.nodes
        carried += wanted[new_start:new]
        if index < len(parts):
            carried.append(_carry_node(parts[index], wanted[new]))
        start, new_start = index + 1, new + 1
    return carried


def _as_family(node: Node) -> Element:
    if isinstance(node, Text):
        return Element("text", {}, (node,))
    return Element(_FAMILIES.get(node.type, node.type), {}, node.content)


def _carry_node(part: _Part, wanted: Node) -> Node:
    (shown,) = part.shown
    first = part.nodes[0]
    base = tiptap.paragraph(*part.nodes) if tiptap.is_inline(first) else first
    if not isinstance(base, Element) or not isinstance(shown, Element) or not isinstance(wanted, Element):
        return wanted
    if base.type != shown.type:
        return wanted
    attrs = _carry_attributes(base.attrs, shown.attrs, wanted.attrs)
    return Element(wanted.type, attrs, tuple(_carry_content(base, shown, wanted)))


def _carry_attributes(base: Attributes, shown: Attributes, wanted: Attributes) -> Attributes:
    changed: dict[str, Json] = {
        name: wanted.get(name) for name in {*shown, *wanted} if shown.get(name) != wanted.get(name)
    }
    kept = {name: value for name, value in base.items() if name not in changed}
    return kept | {name: value for name, value in changed.items() if value is not None}


def _carry_content(base: Element, shown: Element, wanted: Element) -> Sequence[Node]:
    if base.type in tiptap.TEXT_BLOCKS:
        return _carry_line(base.content, wanted.content, _read_marks)
    if base.type == "codeBlock":
        return _carry_line(base.content, wanted.content, lambda marks: ())
    content = wanted.content
    if base.type in _ROWS:
        if len(base.content) != len(shown.content):
            return content
        parts = [_Part((node,), (other,)) for node, other in zip(base.content, shown.content, strict=True)]
        return _carry_parts(parts, content)
    parts = [_Part(nodes, _read(nodes)) for nodes in _gather(base.content)]
    if base.type in tiptap.ITEMS and _is_put_before(parts, shown.content) and _is_put_again(content):
        content = content[1:]
    return _carry_parts(parts, content)


def _is_put_before(parts: Sequence[_Part], shown: Sequence[Node]) -> bool:
    """Whether an item reads as beginning with an empty paragraph that is not in it."""
    first = next((node for part in parts for node in part.shown), None)
    return shown[0] == tiptap.paragraph() != first


def _is_put_again(wanted: Sequence[Node]) -> bool:
    """Whether an item reads as beginning with an empty paragraph if it does not."""
    first, second = (*wanted, None, None)[:2]
    return first == tiptap.paragraph() and isinstance(second, Element) and second.type != "paragraph"


class _Line(msgspec.Struct):
    """A line of text: its characters (elements are one), and which of its nodes each is of."""

    units: list[str | bytes]
    owners: list[int]

    def tokens(self) -> list[tuple[str | bytes, int]]:
        """Return its words, spaces, signs and elements, each with its place."""
        found: list[tuple[str | bytes, int]] = []
        start = 0
        for is_text, group in groupby(self.units, lambda unit: isinstance(unit, str)):
            units = list(group)
            if is_text:
                text = "".join(unit for unit in units if isinstance(unit, str))
                found += [(match[0], start + match.start()) for match in _WORDS.finditer(text)]
            else:
                found += [(unit, start + index) for index, unit in enumerate(units)]
            start += len(units)
        return found


def _line_of(shown: Sequence[Sequence[Node]]) -> _Line:
    """Return what the nodes of a line read as."""
    line = _Line([], [])
    for owner, nodes in enumerate(shown):
        for node in nodes:
            units = list(node.text) if isinstance(node, Text) else [key_of(node)]
            line.units += units
            line.owners += [owner] * len(units)
    return line


def _carry_line(
    before: Sequence[Node], wanted: Sequence[Node], read_marks: Callable[[Marks], Marks]
) -> tuple[Node, ...]:
    old = _line_of([(node,) if isinstance(node, Text) else _read_element(node) for node in before])
    new = _line_of([(node,) for node in wanted])
    partners = _match_units(old, new)
    stayed = {*partners.values()}
    gone = {owner for at, owner in enumerate(old.owners) if at not in stayed}
    unseen = [owner for owner in range(len(before)) if owner not in {*old.owners}]
    carried: list[Node] = []
    emitted: set[int] = set()
    pairs = [
        (old.owners[partners[at]] if at in partners else None, new.owners[at], at)
        for at in range(len(new.units))
    ]
    for (owner, new_owner), group in groupby(pairs, lambda pair: pair[:2]):
        places = [at for _, _, at in group]
        while owner is not None and unseen and unseen[0] < owner:
            carried.append(before[unseen.pop(0)])
        base, node = before[owner] if owner is not None else None, wanted[new_owner]
        if isinstance(base, Element) and owner is not None and owner not in gone:
            carried += [] if owner in emitted else [base]
            emitted.add(owner)
        elif isinstance(node, Text):
            text = "".join(str(new.units[at]) for at in places)
            marks = _carry_marks(base.marks, node.marks, read_marks) if isinstance(base, Text) else node.marks
            carried.append(Text(text, marks))
        else:
            carried.append(node)
    return join_texts([*carried, *(before[owner] for owner in unseen)])


def _read_element(node: Element) -> tuple[Node, ...]:
    """Return what an element in a line reads as."""
    if node.type == "hardBreak":
        return (Element("hardBreak"),)
    read = _read((tiptap.paragraph(node),))
    block = read[0] if len(read) == 1 else None
    return block.content if isinstance(block, Element) and block.type == "paragraph" else ()


def _match_units(old: _Line, new: _Line) -> dict[int, int]:
    """Return which units of a new line are which of the old one."""
    before, after = old.tokens(), new.tokens()
    partners: dict[int, int] = {}
    for place, other in match_items([token for token, _ in before], [token for token, _ in after]):
        token, start = before[place]
        for offset in range(len(token) if isinstance(token, str) else 1):
            partners[after[other][1] + offset] = start + offset
    return partners


def _carry_marks(base: Marks, wanted: Marks, read_marks: Callable[[Marks], Marks]) -> Marks:
    shown = {mark.type: mark for mark in read_marks(base)}
    asked = {mark.type: mark for mark in wanted}
    kept = tuple(mark for mark in base if shown.get(mark.type) == asked.get(mark.type))
    types = {mark.type for mark in kept}
    return (*kept, *(mark for mark in wanted if mark.type not in types))


def _read_marks(marks: Marks) -> Marks:
    """Return what marks read as."""
    read = _read((tiptap.paragraph(Text("x", marks)),)) if marks else ()
    block = read[0] if len(read) == 1 else None
    text = block.content[0] if isinstance(block, Element) and len(block.content) == 1 else None
    return text.marks if isinstance(text, Text) else ()
