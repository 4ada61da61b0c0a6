"""Changes the text of a document's XmlText by the words that differ, and its marks where they differ.

pycrdt counts the bytes of UTF-8; whatever is embedded counts one. What is inserted takes over no formatting,
so it is always given.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
import pycrdt

from blocks.matching import match_items
from blocks.richtext import read_marks, read_text
from blocks.tree import UNREADABLE, Element, Mark, Node, Text, to_json

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_HASH_BYTES = 6

Unit: TypeAlias = str | Element
"""A word, a space or a sign; or something embedded."""


class _Piece(msgspec.Struct):
    """A word and how it is marked: runs of characters with their marks."""

    unit: Unit
    marks: list[tuple[Mark, ...]]
    """For each character."""


def is_in_text(node: Node) -> bool:
    """Whether a node lies in an XmlText: a text, or what is embedded in one."""
    return isinstance(node, Text) or (node.type == UNREADABLE and node.attrs.get("reason") == "embed")


def change_text(texts: Sequence[pycrdt.XmlText], wanted: Sequence[Node]) -> None:
    """Make texts that follow each other into one that is wanted, in a transaction."""
    names = _names_of(texts)
    before = [piece for text in texts for piece in _pieces(read_text(text))]
    after = _pieces(wanted)
    same = match_items([_key(piece) for piece in before], [_key(piece) for piece in after])
    pen = _Pen(texts, names)
    start, new_start = 0, 0
    for end, new_end in (*same, (len(before), len(after))):
        if start < end or new_start < new_end:
            pen.replace(_flat(before[start:end]), _flat(after[new_start:new_end]))
        if end < len(before):
            piece, new_piece = before[end], after[new_end]
            if piece.marks == new_piece.marks:
                pen.skip(_size(piece.unit))
            else:
                pen.keep(_flat([piece]), _flat([new_piece]))
        start, new_start = end + 1, new_end + 1


Characters: TypeAlias = list[tuple[Unit, tuple[Mark, ...]]]


def _flat(pieces: Sequence[_Piece]) -> Characters:
    found: Characters = []
    for piece in pieces:
        units = piece.unit if isinstance(piece.unit, str) else [piece.unit]
        found += zip(units, piece.marks, strict=True)
    return found


def _key(piece: _Piece) -> object:
    return piece.unit if isinstance(piece.unit, str) else repr(to_json(piece.unit))


def _pieces(nodes: Sequence[Node]) -> list[_Piece]:
    """Return nodes as words, which marks may change within."""
    pieces: list[_Piece] = []
    text: list[str] = []
    marks: list[tuple[Mark, ...]] = []

    def end_text() -> None:
        for match in _WORDS.finditer("".join(text)):
            pieces.append(_Piece(match[0], marks[match.start() : match.end()]))
        text.clear()
        marks.clear()

    for node in nodes:
        if isinstance(node, Text):
            text.append(node.text)
            marks.extend([node.marks] * len(node.text))
        else:
            end_text()
            pieces.append(_Piece(node, [()]))
    end_text()
    return pieces


class _Pen:
    """Goes once through texts, changing them on its way."""

    def __init__(self, texts: Sequence[pycrdt.XmlText], names: dict[str, str]) -> None:
        self._texts = list(texts)
        self._lengths = [len(text) for text in texts]
        self._names = names
        self._text = 0
        self._at = 0
        """In bytes from the start of the text that it is in."""

    def keep(self, before: Characters, after: Characters) -> None:
        """Go on over characters, marking them anew where that differs."""
        for start, end in _runs(before, after):
            old, new = before[start][1], after[start][1]
            for length in self._parts(sum(_size(unit) for unit, _ in before[start:end])):
                change = self._mark_changes(old, new)
                if change:
                    self._texts[self._text].format(self._at, self._at + length, change)
                self._at += length

    def replace(self, before: Characters, after: Characters) -> None:
        """Put characters in the place of others, but keep what both begin and end with."""
        start = 0
        while start < min(len(before), len(after)) and before[start][0] == after[start][0]:
            start += 1
        end = 0
        while end < min(len(before), len(after)) - start and before[-1 - end][0] == after[-1 - end][0]:
            end += 1
        last, new_last = len(before) - end, len(after) - end
        self.keep(before[:start], after[:start])
        self._delete(sum(_size(unit) for unit, _ in before[start:last]))
        self._insert(after[start:new_last])
        self.keep(before[last:], after[new_last:])

    def _delete(self, length: int) -> None:
        for part in self._parts(length):
            del self._texts[self._text][self._at : self._at + part]
            self._lengths[self._text] -= part

    def _insert(self, characters: Characters) -> None:
        start = 0
        while start < len(characters):
            unit, marks = characters[start]
            end = start + 1
            while end < len(characters) and isinstance(unit, str) and _goes_on(characters[end], marks):
                end += 1
            attributes = self._attributes(marks)
            text = self._texts[self._text]
            if isinstance(unit, str):
                added = "".join(str(part) for part, _ in characters[start:end])
                text.insert(self._at, added, attributes)
                size = len(added.encode())
            else:
                text.insert_embed(self._at, unit.attrs.get("value"), attributes)
                size = 1
            self._at += size
            self._lengths[self._text] += size
            start = end

    def skip(self, size: int) -> None:
        """Go on over what stays as it is."""
        for part in self._parts(size):
            self._at += part

    def _parts(self, size: int) -> Iterator[int]:
        """Yield how much of a length lies in the text that the pen is in, going on to the next ones."""
        while size > 0:
            while self._at >= self._lengths[self._text] and self._text + 1 < len(self._texts):
                self._text, self._at = self._text + 1, 0
            part = min(size, self._lengths[self._text] - self._at)
            assert part > 0, "there is no more text"
            yield part
            size -= part

    def _mark_changes(self, old: Sequence[Mark], new: Sequence[Mark]) -> dict[str, Any]:
        ended: dict[str, Any] = {self._name(mark, old): None for mark in old if mark not in new}
        return ended | {self._name(mark, new): dict(mark.attrs) for mark in new if mark not in old}

    def _attributes(self, marks: Sequence[Mark]) -> dict[str, Any]:
        return {self._name(mark, marks): dict(mark.attrs) for mark in marks}

    def _name(self, mark: Mark, beside: Sequence[Mark]) -> str:
        known = self._names.get(_mark_key(mark))
        if known is not None:
            return known
        is_only = sum(other.type == mark.type for other in beside) == 1
        return mark.type if is_only else f"{mark.type}--{_hash(mark)}"


def _goes_on(character: tuple[Unit, tuple[Mark, ...]], marks: tuple[Mark, ...]) -> bool:
    return isinstance(character[0], str) and character[1] == marks


def _runs(before: Characters, after: Characters) -> Iterator[tuple[int, int]]:
    """Yield from where to where characters were marked alike and will be marked alike."""
    start = 0
    for index in range(1, len(before) + 1):
        if index == len(before) or (before[index][1], after[index][1]) != (before[start][1], after[start][1]):
            yield start, index
            start = index


def _size(unit: Unit) -> int:
    return len(unit.encode()) if isinstance(unit, str) else 1


def _names_of(texts: Sequence[pycrdt.XmlText]) -> dict[str, str]:
    """Return under which names the marks of texts lie in the document."""
    names: dict[str, str] = {}
    for text in texts:
        for _, attributes in text.diff():
            for name, value in (attributes or {}).items():
                for mark in read_marks({name: value}):
                    names[_mark_key(mark)] = name
    return names


def _mark_key(mark: Mark) -> str:
    return f"{mark.type} {sorted(mark.attrs.items())}"


def _hash(mark: Mark) -> str:
    digest = hashlib.sha256(_mark_key(mark).encode()).digest()
    return base64.b64encode(digest[:_HASH_BYTES]).decode()
