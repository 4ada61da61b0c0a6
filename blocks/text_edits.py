"""Changes the text of a document's XmlText by the words that differ, and its marks where they differ.

pycrdt counts the bytes of UTF-8; whatever is embedded counts one. What is inserted takes over no formatting,
so it is always given.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, groupby
from typing import Any, NamedTuple, TypeAlias

import msgspec
import pycrdt

from blocks.matching import match_items, stretches_of
from blocks.richtext import mark_name, named_marks, read_chunk
from blocks.tree import Element, Mark, Node, Text, clean, to_json

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")

LONG_WORD = 1000
"""Of a word that is longer, what both begin or end with may be kept."""

_EMBED = "\ufffc"

Unit: TypeAlias = str | Element
"""A text; or something embedded, which counts as one character."""

Formatting: TypeAlias = Mapping[str, object]


class _Style(NamedTuple):
    """How a text is marked, and as what that lies in the document if it is there."""

    marks: tuple[Mark, ...] = ()
    formatting: Formatting | None = None


class _Run(NamedTuple):
    """What is marked in one way, as it lies in the document."""

    unit: Unit
    style: _Style

    @property
    def size(self) -> int:
        return _size(self.unit)


class Piece(msgspec.Struct, frozen=True):
    """A word, a space, a sign, or something embedded."""

    unit: Unit
    key: str
    """The same for what says the same, however it is marked."""

    marks: tuple[tuple[int, tuple[Mark, ...]], ...]
    """How many of its characters are marked how, in their order."""


class _Line:
    """Texts that follow each other, by their words: marks may change within one."""

    def __init__(self, runs: Sequence[_Run]) -> None:
        self._runs = runs
        self._ends = [*accumulate(_length(run.unit) for run in runs)]
        self.words: list[Unit] = []
        self.keys: list[str] = []
        for is_text, some in groupby((run.unit for run in runs), lambda unit: isinstance(unit, str)):
            units = [*some]
            words = _WORDS.findall(clean("".join(map(str, units)))) if is_text else units
            self.words += words
            self.keys += map(str if is_text else _key, words)
        self._starts = [0, *accumulate(map(_length, self.words))]

    def runs(self, start: int, end: int) -> list[_Run]:
        """Return what lies from one word up to another."""
        first, last = self._starts[start], self._starts[end]
        at, until = bisect_right(self._ends, first), bisect_left(self._ends, last)
        begin = self._ends[at - 1] if at else 0
        return _cut(self._runs[at : until + 1], first - begin, last - begin)


def change_text(texts: Sequence[pycrdt.XmlText], wanted: Sequence[Node]) -> None:
    """Make texts that follow each other into one that is wanted, in a transaction."""
    names = _names_of(texts)
    before = [run for text in texts for run in _runs_of(text)]
    if sum(map(len, texts)) != sum(run.size for run in before):
        # A string that somebody has embedded looks like text, and is of another length.
        before = []
        for text in texts:
            text.clear()
    after = _read(wanted)
    start, end = _common_words(before, after)
    length, new_length = _length_of(before) - end, _length_of(after) - end
    pen = _Pen(texts, names)
    pen.keep(_cut(before, 0, start), _cut(after, 0, start))
    _change_words(pen, _cut(before, start, length), _cut(after, start, new_length))
    pen.keep(_cut(before, length), _cut(after, new_length))


def _change_words(pen: "_Pen", before: Sequence[_Run], after: Sequence[_Run]) -> None:
    """Change the words that differ, with a pen that is before the first one."""
    line, new_line = _Line(before), _Line(after)
    same = match_items(line.keys, new_line.keys)
    at, new_at = 0, 0
    for start, new_start, count in stretches_of(same, len(line.keys), len(new_line.keys)):
        pen.replace(line.runs(at, start), new_line.runs(new_at, new_start))
        at, new_at = start + count, new_start + count
        pen.keep(line.runs(start, at), new_line.runs(new_start, new_at))


def pieces_of(nodes: Sequence[Node]) -> list[Piece]:
    """Return nodes as words."""
    line = _Line(_read(nodes))
    return [
        Piece(word, key, tuple(_marks_of(line.runs(at, at + 1))))
        for at, (word, key) in enumerate(zip(line.words, line.keys, strict=True))
    ]


def _read(nodes: Sequence[Node]) -> list[_Run]:
    return [_Run(_unit_of(node), _style_of(node)) for node in nodes if node != Text("")]


def _marks_of(runs: Sequence[_Run]) -> Iterator[tuple[int, tuple[Mark, ...]]]:
    for marks, some in groupby(runs, lambda run: run.style.marks):
        yield _length_of([*some]), marks


def _length(unit: Unit) -> int:
    return len(unit) if isinstance(unit, str) else 1


def _length_of(runs: Sequence[_Run]) -> int:
    return sum(_length(run.unit) for run in runs)


def _size(unit: Unit) -> int:
    return len(unit.encode()) if isinstance(unit, str) else 1


def _key(unit: Unit) -> str:
    return unit if isinstance(unit, str) else repr(to_json(unit))


def _unit_of(node: Node) -> Unit:
    return node.text if isinstance(node, Text) else node


def _style_of(node: Node) -> _Style:
    return _Style(node.marks) if isinstance(node, Text) else _Style()


def _runs_of(text: pycrdt.XmlText) -> Iterator[_Run]:
    """Yield what is in an XmlText, not cleaned of anything."""
    for chunk, formatting in text.diff():
        node = read_chunk(chunk, formatting)
        unit = chunk if isinstance(chunk, str) and chunk else _unit_of(node)
        yield _Run(unit, _Style(_style_of(node).marks, formatting))


def _cut(runs: Sequence[_Run], start: int, end: int | None = None) -> list[_Run]:
    """Return what lies from one character up to another."""
    found: list[_Run] = []
    at = 0
    for run in runs:
        length = _length(run.unit)
        first, last = max(start - at, 0), length if end is None else min(end - at, length)
        if isinstance(run.unit, str) and 0 < last - first < length:
            found.append(_Run(run.unit[first:last], run.style))
        elif first < last:
            found.append(run)
        at += length
    return found


def _common_words(before: Sequence[_Run], after: Sequence[_Run]) -> tuple[int, int]:
    """Return with how many characters both begin and end, of whole words: large texts differ little."""
    if (start := _common_length(before, after)) == _length_of(before) == _length_of(after):
        return start, 0
    rest, new_rest = _reverse(_cut(before, start)), _reverse(_cut(after, start))
    end = _common_length(rest, new_rest)
    return start - _last_word(_cut(before, max(start - LONG_WORD, 0), start)), end - _last_word(
        _cut(rest, max(end - LONG_WORD, 0), end)
    )


def _last_word(runs: Sequence[_Run]) -> int:
    """Return how long the last word is."""
    text = "".join(run.unit if isinstance(run.unit, str) else _EMBED for run in runs)
    word = _WORDS.match(text[::-1])
    return word.end() if word else 0


def _common_length(before: Sequence[_Run], after: Sequence[_Run]) -> int:
    """Return with how many characters both begin, however those are marked."""
    total = 0
    for unit, other, _, _ in _side_by_side(before, after):
        if isinstance(unit, str) and isinstance(other, str):
            common = _common_start(clean(unit), clean(other))
            total += common
            if common < len(unit):
                break
        elif isinstance(unit, str) or isinstance(other, str) or _key(unit) != _key(other):
            break
        else:
            total += 1
    return total


def _common_start(text: str, other: str) -> int:
    """Return with how many characters two texts of one length begin."""
    if text == other:
        return len(text)
    low, high = 0, len(text) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if text[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _reverse(runs: Sequence[_Run]) -> list[_Run]:
    return [_Run(run.unit[::-1], run.style) if isinstance(run.unit, str) else run for run in reversed(runs)]


def _side_by_side(
    before: Sequence[_Run], after: Sequence[_Run]
) -> Iterator[tuple[Unit, Unit, _Style, _Style]]:
    """Yield what is of one length and marked in one way in both, as far as both go."""
    left, right = iter(before), iter(after)
    run, other = next(left, None), next(right, None)
    while run is not None and other is not None:
        length = min(_length(run.unit), _length(other.unit))
        unit, rest = _split(run, length)
        new_unit, new_rest = _split(other, length)
        yield unit, new_unit, run.style, other.style
        run = rest or next(left, None)
        other = new_rest or next(right, None)


def _split(run: _Run, length: int) -> tuple[Unit, _Run | None]:
    """Return so much of a run, and what is left."""
    if not isinstance(run.unit, str) or length == len(run.unit):
        return run.unit, None
    return run.unit[:length], _Run(run.unit[length:], run.style)


class _Pen:
    """Goes once through texts, changing them on its way."""

    def __init__(self, texts: Sequence[pycrdt.XmlText], names: dict[str, str]) -> None:
        self._texts = list(texts)
        self._lengths = [len(text) for text in texts]
        self._names = names
        self._text = 0
        self._at = 0
        """In bytes from the start of the text that it is in."""

    def keep(self, before: Sequence[_Run], after: Sequence[_Run]) -> None:
        """Go on over what says the same, marking it anew where that differs."""
        for (style, wanted), some in groupby(_side_by_side(before, after), lambda part: part[2:]):
            change = self._mark_changes(style, wanted.marks)
            for length in self._parts(sum(_size(unit) for unit, *_ in some)):
                if change:
                    self._texts[self._text].format(self._at, self._at + length, change)
                self._at += length

    def replace(self, before: Sequence[_Run], after: Sequence[_Run]) -> None:
        """Put something in the place of something else, but keep what both begin and end with."""
        start = _common_length(before, after)
        rest, new_rest = _cut(before, start), _cut(after, start)
        end = _common_length(_reverse(rest), _reverse(new_rest))
        length, new_length = (_length_of(runs) - end for runs in (rest, new_rest))
        self.keep(_cut(before, 0, start), _cut(after, 0, start))
        self._delete(sum(run.size for run in _cut(rest, 0, length)))
        self._insert(_cut(new_rest, 0, new_length))
        self.keep(_cut(rest, length), _cut(new_rest, new_length))

    def _delete(self, length: int) -> None:
        for part in self._parts(length):
            del self._texts[self._text][self._at : self._at + part]
            self._lengths[self._text] -= part

    def _insert(self, runs: Sequence[_Run]) -> None:
        text = self._texts[self._text]
        for (is_text, style), some in groupby(runs, lambda run: (isinstance(run.unit, str), run.style)):
            attributes = self._attributes(style.marks, style.marks, ())
            units = [run.unit for run in some]
            if is_text:
                units = ["".join(map(str, units))]
            for unit in units:
                if isinstance(unit, str):
                    text.insert(self._at, unit, attributes)
                else:
                    text.insert_embed(self._at, unit.attrs.get("value"), attributes)
                self._at += _size(unit)
                self._lengths[self._text] += _size(unit)

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


def _names_of(texts: Sequence[pycrdt.XmlText]) -> dict[str, str]:
    """Return under which names the marks of texts lie in the document."""
    names: dict[str, str] = {}
    for text in texts:
        for _, formatting in text.diff():
            names |= {_mark_key(mark): name for name, mark in named_marks(formatting or {}).items()}
    return names


def _mark_key(mark: Mark) -> str:
    return f"{mark.type} {sorted(mark.attrs.items())}"
