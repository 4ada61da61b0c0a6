"""The part of a text that shows why it was found. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from storage.search.queries import Phrase
from storage.search.words import MAX_WORD_CHARACTERS, runs

SNIPPET_CHARACTERS = 200
LOOKED_AT_CHARACTERS = 20_000
"""How far into a text is looked for a part to show."""

_BEFORE = 60
"""How much is shown before the first match, at most."""


class Part(msgspec.Struct, frozen=True):
    """A piece of a snippet, as plain text, and whether it is what was looked for."""

    text: str
    is_match: bool


def has_match(text: str, phrases: Sequence[Phrase]) -> bool:
    """Tell whether anything that is looked for is in the part of a text that is looked at."""
    return next(_matches(text[:LOOKED_AT_CHARACTERS], phrases), None) is not None


def snippet(text: str, phrases: Sequence[Phrase]) -> list[Part]:
    """Return a part of a text with what was looked for marked in it; its beginning where nothing is."""
    looked_at = text[:LOOKED_AT_CHARACTERS]
    first = next(_matches(looked_at, phrases), (0, 0))
    start = first[0] - _BEFORE
    if start > 0:
        # From the beginning of a word on, if there is one near.
        space = looked_at.find(" ", start, first[0])
        start = space + 1 if space >= 0 else start
    start = max(start, 0)
    shown = looked_at[start : start + SNIPPET_CHARACTERS]
    parts: list[Part] = []
    at = 0
    for begin, end in _matches(shown, phrases):
        if begin > at:
            parts.append(Part(shown[at:begin], False))
        parts.append(Part(shown[begin:end], True))
        at = end
    if at < len(shown):
        parts.append(Part(shown[at:], False))
    return parts


def _matches(text: str, phrases: Sequence[Phrase]) -> Iterator[tuple[int, int]]:
    """Give where single words are that are looked for: a phrase is marked word by word."""
    exact = {word for phrase in phrases for word in phrase.words[: -1 if phrase.is_prefix else None]}
    prefixes = tuple(phrase.words[-1] for phrase in phrases if phrase.is_prefix)
    if not exact and not prefixes:
        return
    for run in runs(text):
        if run.is_unspaced:
            yield from _matches_unspaced(text[run.start : run.end], run.start, exact, prefixes)
        else:
            word = run.text[:MAX_WORD_CHARACTERS]
            if word in exact or word.startswith(prefixes):
                yield run.start, run.end


def _matches_unspaced(
    text: str, start: int, exact: set[str], prefixes: tuple[str, ...]
) -> Iterator[tuple[int, int]]:
    marked = [False] * len(text)
    for index in range(len(text)):
        if text[index : index + 2] in exact:
            marked[index] = True
            marked[min(index + 1, len(text) - 1)] = True
        marked[index] = marked[index] or text[index] in prefixes or text[index] in exact
    index = 0
    while index < len(text):
        end = index
        while end < len(text) and marked[end]:
            end += 1
        if end > index:
            yield start + index, start + end
        index = end + 1
