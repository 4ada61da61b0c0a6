"""A large document with a history: words that several people set down at random places, some taken out."""

import random
from functools import cache

import msgspec
import pycrdt

_AUTHORS = 20
_CHAPTERS = 46
_WORDS_PER_CHAPTER = 1000
_SEED = 20


class Manuscript(msgspec.Struct, frozen=True):
    """The document's updates, and its lines."""

    updates: tuple[bytes, ...]
    lines: dict[str, str]


@cache
def write_manuscript() -> Manuscript:
    """Return the same document every time: about 1.8 MB of state."""
    chance = random.Random(_SEED)
    authors = chance.sample(range(1 << 31, 1 << 32), k=_AUTHORS)
    updates: list[bytes] = []
    lines: dict[str, str] = {}
    # A document object a chapter, joined later: where an insert lands is found by walking the whole text.
    for chapter in range(_CHAPTERS):
        doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=authors[chapter % _AUTHORS] + chapter)
        line = doc.get(f"chapter-{chapter}", type=pycrdt.Text)
        with doc.transaction():
            for _ in range(_WORDS_PER_CHAPTER):
                at = chance.randrange(len(line) + 1)
                line.insert(at, "".join(chance.choices("etaoinshrdlu", k=chance.randint(3, 14))) + " ")
                if at > 20 and chance.random() < 0.1:
                    del line[at // 2 : at // 2 + 5]
        updates.append(doc.get_update())
        lines[f"chapter-{chapter}"] = str(line)
    return Manuscript(tuple(updates), lines)
