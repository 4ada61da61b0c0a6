"""Changes the text of a document's XmlText by the words that differ, and its marks where they differ.

pycrdt counts the bytes of UTF-8; whatever is embedded counts one. What is inserted takes over no formatting,
so it is always given.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
import pycrdt

from blocks.matching import match_items
from blocks.richtext import mark_name, named_marks, read_chunk
from blocks.tree import Element, Mark, Node, Text, clean, to_json

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")

Unit: TypeAlias = str | Element
"""A word, a space or a sign; or something embedded."""

Formatting: TypeAlias = Mapping[str, object]


class _Style(NamedTuple):
    """How a character is marked, and as what that lies in the document if it is there."""

    marks: tuple[Mark, ...] = ()
    formatting: Formatting | None = None


class Piece(msgspec.Struct):
    """A word as it lies in the document, and how each of its characters is marked."""

    unit: Unit
    styles: list[_Style]

    @property
    def key(self) -> object:
        """The same for what says the same, however it is marked."""
        return _key(self.unit)

    @property
    def marks(self) -> list[tuple[Mark, ...]]:
        """The marks of each of its characters."""
        return [style.marks for style in self.styles]


def change_text(texts: Sequence[pycrdt.XmlText], wanted: Sequence[Node]) -> None:
    """Make texts that follow each other into one that is wanted, in a transaction."""
    names = _names_of(texts)
    before = [piece for text in texts for piece in _pieces_of(text)]
    if sum(map(len, texts)) != sum(_size(piece.unit) for piece in before):
        # A string that somebody has embedded looks like text, and is of another length.
        before = []
        for text in texts:
            text.clear()
    after = pieces_of(wanted)
    same = match_items([piece.key for piece in before], [piece.key for piece in after])
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


class _Character(NamedTuple):
    unit: Unit
    style: _Style

    @property
    def size(self) -> int:
        return _size(self.unit)

    @property
    def key(self) -> object:
        return _key(self.unit)


Characters: TypeAlias = list[_Character]


def _flat(pieces: Sequence[Piece]) -> Characters:
    found: Characters = []
    for piece in pieces:
        units = piece.unit if isinstance(piece.unit, str) else [piece.unit]
        found += map(_Character, units, piece.styles)
    return found


def pieces_of(nodes: Sequence[Node]) -> list[Piece]:
    """Return nodes as words."""
    return _pieces([(node, _style_of(node)) for node in nodes])


def _size(unit: Unit) -> int:
    return len(unit.encode()) if isinstance(unit, str) else 1


def _key(unit: Unit) -> object:
    return clean(unit) if isinstance(unit, str) else repr(to_json(unit))


def _pieces_of(text: pycrdt.XmlText) -> list[Piece]:
    """Return what is in an XmlText, not cleaned of anything."""
    found: list[tuple[Node, _Style]] = []
    for chunk, formatting in text.diff():
        node = read_chunk(chunk, formatting)
        style = _Style(_style_of(node).marks, formatting)
        found.append((Text(chunk) if isinstance(chunk, str) and chunk else node, style))
    return _pieces(found)


def _style_of(node: Node) -> _Style:
    return _Style(node.marks) if isinstance(node, Text) else _Style()


def _pieces(nodes: Sequence[tuple[Node, _Style]]) -> list[Piece]:
    """Return nodes as words, which marks may change within."""
    pieces: list[Piece] = []
    text: list[str] = []
    styles: list[_Style] = []

    def end_text() -> None:
        for match in _WORDS.finditer("".join(text)):
            pieces.append(Piece(match[0], styles[match.start() : match.end()]))
        text.clear()
        styles.clear()

    for node, style in nodes:
        if isinstance(node, Text):
            text.append(node.text)
            styles.extend([style] * len(node.text))
        else:
            end_text()
            pieces.append(Piece(node, [style]))
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
            change = self._mark_changes(before[start].style, after[start].style.marks)
            for length in self._parts(sum(character.size for character in before[start:end])):
                if change:
                    self._texts[self._text].format(self._at, self._at + length, change)
                self._at += length

    def replace(self, before: Characters, after: Characters) -> None:
        """Put characters in the place of others, but keep what both begin and end with."""
        start = 0
        while start < min(len(before), len(after)) and before[start].key == after[start].key:
            start += 1
        end = 0
        while end < min(len(before), len(after)) - start and before[-1 - end].key == after[-1 - end].key:
            end += 1
        last, new_last = len(before) - end, len(after) - end
        self.keep(before[:start], after[:start])
        self._delete(sum(character.size for character in before[start:last]))
        self._insert(after[start:new_last])
        self.keep(before[last:], after[new_last:])

    def _delete(self, length: int) -> None:
        for part in self._parts(length):
            del self._texts[self._text][self._at : self._at + part]
            self._lengths[self._text] -= part

    def _insert(self, characters: Characters) -> None:
        start = 0
        while start < len(characters):
            unit, style = characters[start]
            end = start + 1
            while end < len(characters) and isinstance(unit, str) and _goes_on(characters[end], style):
                end += 1
            attributes = self._attributes(style.marks, style.marks, ())
            text = self._texts[self._text]
            if isinstance(unit, str):
                text.insert(self._at, "".join(str(part) for part, _ in characters[start:end]), attributes)
            else:
                text.insert_embed(self._at, unit.attrs.get("value"), attributes)
            size = sum(character.size for character in characters[start:end])
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

    def _mark_changes(self, before: _Style, marks: Sequence[Mark]) -> dict[str, Any]:
        if before.marks == tuple(marks):
            return {}
        there = named_marks(before.formatting or {})
        kept = [name for name, mark in there.items() if mark in marks]
        added = [mark for mark in marks if mark not in before.marks]
        ended: dict[str, Any] = dict.fromkeys(there.keys() - kept)
        return ended | self._attributes(added, marks, kept)

    def _attributes(
        self, marks: Sequence[Mark], beside: Sequence[Mark], taken: Sequence[str]
    ) -> dict[str, Any]:
        """Return the formatting for marks: called as they are in these texts already, if they can be."""
        found: dict[str, Any] = {}
        for mark in marks:
            name = self._names.get(_mark_key(mark))
            if name is None or name in found or name in taken:
                name = mark_name(mark, beside)
            found[name] = dict(mark.attrs)
        return found


def _goes_on(character: _Character, style: _Style) -> bool:
    return isinstance(character.unit, str) and character.style == style


def _runs(before: Characters, after: Characters) -> Iterator[tuple[int, int]]:
    """Yield from where to where characters are marked alike, and will be."""
    styles = [(old.style, new.style) for old, new in zip(before, after, strict=True)]
    start = 0
    for index in range(1, len(styles) + 1):
        if index == len(styles) or styles[index] != styles[start]:
            yield start, index
            start = index


def _names_of(texts: Sequence[pycrdt.XmlText]) -> dict[str, str]:
    """Return under which names the marks of texts lie in the document."""
    names: dict[str, str] = {}
    for text in texts:
        for _, formatting in text.diff():
            names |= {_mark_key(mark): name for name, mark in named_marks(formatting or {}).items()}
    return names


def _mark_key(mark: Mark) -> str:
    return f"{mark.type} {sorted(mark.attrs.items())}"
