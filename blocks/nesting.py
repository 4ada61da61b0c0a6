"""Marks as signs around texts: which begin and end where, so that few signs say it, properly nested."""

from collections.abc import Iterator, Sequence

from blocks.tree import Element, Mark, Node, Text


def nest_marks(
    nodes: Sequence[Node], *, beside: str = ""
) -> Iterator[tuple[list[Mark], list[Mark], Node | None]]:
    """Yield before each node which marks end, the innermost first, and which begin; None after the last node.

    Marks of the type `beside` are not told: they are written with each text.
    """
    marks = _marks_of(nodes, beside)
    opened: list[Mark] = []
    for index, node in enumerate((*nodes, None)):
        here = marks[index] if node is not None else []
        kept = next((place for place, mark in enumerate(opened) if mark not in here), len(opened))
        ended = opened[kept:][::-1]
        del opened[kept:]
        begun = [mark for mark in _by_length(marks, index) if mark not in opened] if node is not None else []
        opened += begun
        yield ended, begun, node


def _marks_of(nodes: Sequence[Node], beside: str) -> list[list[Mark]]:
    """Return the marks that are open around each node; what is no text has those of both its neighbours."""
    marks = [
        [mark for mark in node.marks if mark.type != beside] if isinstance(node, Text) else []
        for node in nodes
    ]
    for index, node in enumerate(nodes):
        if isinstance(node, Element) and 0 < index < len(nodes) - 1:
            marks[index] = [
                mark
                for mark in marks[index - 1]
                if mark in marks[index + 1] and (mark.type != "link" or node.type == "hardBreak")
            ]
    return marks


def _by_length(marks: Sequence[Sequence[Mark]], index: int) -> list[Mark]:
    """Return the marks of a node, the one first that goes on furthest."""

    def length(mark: Mark) -> int:
        end = index
        while end < len(marks) and mark in marks[end]:
            end += 1
        return end

    return sorted(marks[index], key=length, reverse=True)
