"""Writes ProseMirror nodes into the XmlFragment of a rich text, by as few edits as there are differences.

Whatever stays is not touched: nodes that are the same, and of a paragraph that was changed the words that are
the same. So an edit that is made on an older text merges with what others have typed since, word by word.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Any, cast

import pycrdt

from blocks.plain import MAX_LEVELS, plain, plain_node, plain_text_nodes

Node = dict[str, Any]
Parent = pycrdt.XmlFragment | pycrdt.XmlElement
Marks = dict[str, Any]

ALIKE = 0.5
"""How much of two nodes must be the same for one to be the other one changed."""

MAX_PAIRS = 2500
"""Comparisons among changed nodes; beyond that they are paired as they come."""

_WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)
_EMBED = "\ufffc"


def is_node(value: object, levels: int = MAX_LEVELS) -> bool:
    """Tell whether a value is a node in JSON, whatever the node is called."""
    if not isinstance(value, dict) or not levels:
        return False
    node = cast("Node", value)
    if (
        not isinstance(node.get("type"), str)
        or not node["type"]
        or not isinstance(node.get("attrs") or {}, dict)
    ):
        return False
    if node["type"] == "text":
        return isinstance(node.get("text"), str) and all(map(_is_mark, _list(node, "marks")))
    return all(is_node(child, levels - 1) for child in _list(node, "content"))


def _list(node: Node, name: str) -> list[object]:
    """Return a list that may be missing; where something else is, one with nothing that fits."""
    value: object = node.get(name) or []
    return cast("list[object]", value) if isinstance(value, list) else [None]


def _is_mark(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    mark = cast("dict[str, object]", value)
    return (
        isinstance(mark.get("type"), str) and mark["type"] != "" and isinstance(mark.get("attrs") or {}, dict)
    )


def write_prose(parent: Parent, nodes: Sequence[Node]) -> None:
    """Append nodes to a fragment or an element that is in a document."""
    for part in _parts(nodes):
        _insert(parent, len(parent.children), part)


def fill_prose(parent: Parent, nodes: Sequence[Node], levels: int = MAX_LEVELS) -> None:
    """Give a fragment or an element other children.

    `levels` are those of the nodes that the caller was shown; what lies deeper stays.
    """
    if not levels:
        return
    before: list[Any] = list(parent.children)
    after = _parts(nodes)
    index = 0
    for old, new in _script([_as_part(child, levels - 1) for child in before], after):
        if new is None:
            del parent.children[index]
            continue
        if old is None:
            _insert(parent, index, after[new])
        elif not _change(before[old], after[new], levels - 1):
            del parent.children[index]
            _insert(parent, index, after[new])
        index += 1


Part = Node | list[Node]
"""An element, or the text nodes that lie in one XmlText."""


def _parts(nodes: Iterable[Node]) -> list[Part]:
    parts: list[Part] = []
    for node in nodes:
        if node.get("type") != "text":
            parts.append(node)
        elif parts and isinstance(parts[-1], list):
            parts[-1].append(node)
        else:
            parts.append([node])
    return parts


def _as_part(child: object, levels: int) -> Part:
    """Return what a child would be as a part, to compare it."""
    if isinstance(child, pycrdt.XmlText):
        return cast("list[Node]", plain_text_nodes(child))
    return cast("Node", plain_node(child, levels)) if isinstance(child, pycrdt.XmlElement) else {}


def _script(was: Sequence[Part], wanted: Sequence[Part]) -> Iterable[tuple[int | None, int | None]]:
    """Give the steps from one list to another: (old, new) stays or changes, None for what is not there."""
    matcher = SequenceMatcher(None, [*map(repr, was)], [*map(repr, wanted)], autojunk=False)
    for tag, start, end, new, new_end in matcher.get_opcodes():
        pairs = {} if tag == "equal" else _pair(was, wanted, range(start, end), range(new, new_end))
        for old in range(start, end):
            partner = new if tag == "equal" else pairs.get(old)
            if partner is None:
                yield old, None
                continue
            for added in range(new, partner):
                yield None, added
            yield old, partner
            new = partner + 1
        for added in range(new, new_end):
            yield None, added


def _pair(was: Sequence[Part], wanted: Sequence[Part], olds: range, news: range) -> dict[int, int]:
    """Return which of the nodes that changed became which, in their order."""
    if len(olds) * len(news) > MAX_PAIRS:
        return dict(zip(olds, news, strict=False))
    before, after = [[_key(part) for part in parts] for parts in (was, wanted)]
    pairs: dict[int, int] = {}
    first = news.start
    for old in olds:
        kind, words = before[old]
        matcher = SequenceMatcher(None, "", words, autojunk=False)
        # One without words may have some that are not shown.
        best, best_ratio = None, ALIKE if words.strip() else -1.0
        for new in range(first, news.stop):
            if after[new][0] == kind:
                matcher.set_seq1(after[new][1])
                if (ratio := matcher.quick_ratio()) > best_ratio:
                    best, best_ratio = new, ratio
        if best is not None:
            pairs[old] = best
            first = best + 1
    return pairs


def _key(part: Part) -> tuple[str, str]:
    """Return of which kind a part is, and its words."""
    if isinstance(part, list):
        return "text", "".join(str(node.get("text", "")) for node in part)
    inner = _parts(part.get("content") or [])
    return str(part.get("type")), " ".join(_key(child)[1] for child in inner)


def _change(child: object, part: Part, levels: int) -> bool:
    """Make a child what a part is; tell whether it could be."""
    if isinstance(child, pycrdt.XmlText) and isinstance(part, list):
        _change_text(child, part)
        return True
    if not isinstance(child, pycrdt.XmlElement) or isinstance(part, list) or child.tag != part.get("type"):
        return False
    # pycrdt's views are iterable and do not say so.
    was = dict(cast("Iterable[tuple[str, Any]]", child.attributes))
    wanted = cast("dict[str, Any]", part.get("attrs") or {})
    for name in was.keys() - wanted.keys():
        del child.attributes[name]
    for name, value in wanted.items():
        if name not in was or plain(was[name], levels) != value:
            child.attributes[name] = value
    fill_prose(child, part.get("content") or [], levels)
    return True


def _change_text(text: pycrdt.XmlText, nodes: list[Node]) -> None:
    """Change the words of a text that differ, then their marks."""
    was = [
        token
        for chunk, _ in text.diff()
        for token in (_WORDS.findall(chunk) if isinstance(chunk, str) else [_EMBED])
    ]
    wanted = _WORDS.findall("".join(str(node.get("text", "")) for node in nodes))
    matcher = SequenceMatcher(None, was, wanted, autojunk=False)
    place = 0
    for tag, start, end, new, new_end in matcher.get_opcodes():
        if tag == "equal":
            place += sum(map(_size, was[start:end]))
            continue
        place = _replace(text, place, was[start:end], "".join(wanted[new:new_end]))
    _mark(text, nodes)


def _replace(text: pycrdt.XmlText, place: int, tokens: list[str], new: str) -> int:
    """Replace tokens at a place by a text, without what both begin and end with; return the place behind."""
    if _EMBED not in tokens:
        old = "".join(tokens)
        start = next(
            (n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
        )
        end = next(
            (n for n, (a, b) in enumerate(zip(old[start:][::-1], new[start:][::-1], strict=False)) if a != b),
            min(len(old), len(new)) - start,
        )
        place += _size(old[:start])
        gone, added, rest = old[start : len(old) - end], new[start : len(new) - end], old[len(old) - end :]
        if gone:
            del text[place : place + _size(gone)]
        if added:
            text.insert(place, added)
        return place + _size(added) + _size(rest)
    for token in tokens:
        if token == _EMBED:
            place += 1  # what no caller can see stays
        else:
            del text[place : place + _size(token)]
    if new:
        text.insert(place, new)
    return place + _size(new)


def _mark(text: pycrdt.XmlText, nodes: list[Node]) -> None:
    """Give every piece of a text the marks of the node that it is of; embeds keep theirs."""
    wanted = [(mark, _marks(node)) for node in nodes for mark in str(node.get("text", ""))]
    place = index = 0
    changes: list[tuple[int, int, Marks]] = []
    for chunk, formatting in text.diff():
        if not isinstance(chunk, str):
            place += 1
            continue
        for character, (_, marks) in zip(chunk, wanted[index:], strict=False):
            change = _change_of_marks(dict(formatting or {}), marks)
            end = place + _size(character)
            if change and changes and changes[-1][1:] == (place, change):
                changes[-1] = (changes[-1][0], end, change)
            elif change:
                changes.append((place, end, change))
            place = end
        index += len(chunk)
    for start, end, change in changes:
        text.format(start, end, change)


def _change_of_marks(formatting: Marks, marks: Marks) -> Marks:
    was = _named(formatting)
    change: Marks = {name: None for name in formatting if name.partition("--")[0] not in marks}
    return change | {name: value for name, value in marks.items() if was.get(name) != value}


def _marks(node: Node) -> Marks:
    marks = cast("list[dict[str, Any]]", node.get("marks") or [])
    return {mark["type"]: mark.get("attrs") or {} for mark in marks}


def _named(formatting: Marks) -> Marks:
    """Return formatting as marks, as callers are shown them."""
    shown: dict[str, object] = {name.partition("--")[0]: plain(formatting[name]) for name in formatting}
    return {name: cast("Marks", attrs) if isinstance(attrs, dict) else {} for name, attrs in shown.items()}


def _size(token: str) -> int:
    """Return how long pycrdt finds a text: in UTF-8, and 1 for something embedded."""
    return 1 if token == _EMBED else len(token.encode())


def _insert(parent: Parent, index: int, part: Part) -> None:
    if isinstance(part, list):
        text = parent.children.insert(index, pycrdt.XmlText(""))
        for node in part:
            text.insert(len(text), str(node.get("text", "")), _marks(node))
        return
    element = parent.children.insert(index, pycrdt.XmlElement(str(part.get("type", "paragraph"))))
    attributes = cast("dict[str, Any]", part.get("attrs") or {})
    for name, value in attributes.items():
        element.attributes[name] = value
    write_prose(element, part.get("content") or [])
