"""Words as they are searched: without case and accents, the same for both databases.

Chinese and Japanese are written without spaces, so a run of their characters becomes pairs of neighbours, and
its last character by itself; what is looked for becomes pairs too. Everything else is words between what is
no letter or digit. Words are not brought to a stem. Pure.
"""

import re
import unicodedata
from collections.abc import Iterator

import msgspec

MAX_WORDS = 16_000
"""Words of one text that can be found; Postgres counts positions up to 16,383."""

MAX_WORD_CHARACTERS = 40
"""What is longer is found by its beginning."""

_UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff"
)
"""Signs that belong to the letters before them, and scripts that have many of these."""

_RUN = re.compile(rf"(?P<unspaced>[{_UNSPACED}]+)|(?:(?![{_UNSPACED}])[^\W_]|[{_MARKS}])+")
_NOT_A_WORD = re.compile(rf"(?![{_MARKS}])[\W_]")
_ACCENTS = re.compile("[\u0300-\u036f]")


class Run(msgspec.Struct, frozen=True):
    """A word, or characters that are written without spaces, and where in the text it is."""

    text: str
    is_unspaced: bool
    start: int
    end: int


def runs(text: str) -> Iterator[Run]:
    """Give the words of a text, folded."""
    for match in _RUN.finditer(text):
        folded = fold(match[0])
        if folded:
            yield Run(folded, match["unspaced"] is not None, match.start(), match.end())


def fold(word: str) -> str:
    """Return a word as it is compared."""
    if word.isascii():
        return word.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", word))
    return _NOT_A_WORD.sub("", unicodedata.normalize("NFKC", bare).casefold())


def words_of(text: str) -> list[str]:
    """Return the words of a text that can be found, in their order."""
    found: list[str] = []
    for run in runs(text):
        found += pairs(run.text, with_last=True) if run.is_unspaced else (run.text[:MAX_WORD_CHARACTERS],)
        if len(found) >= MAX_WORDS:
            return found[:MAX_WORDS]
    return found


def pairs(text: str, *, with_last: bool) -> list[str]:
    """Return the pairs of neighbours in a run of characters; a single character is one by itself."""
    found = [text[index : index + 2] for index in range(len(text) - 1)]
    return [*found, text[-1]] if with_last or not found else found
