"""What people write to search, read into what is looked for.

    plan budget            both words, anywhere in the text, in any order
    "launch plan"          the words one after the other
    launch*                a word that begins like this
    type:page,message      of these kinds: page, block, comment, message, file, prompt, brand, creator
    in:UUID                on this page, or in this channel (also page:UUID, channel:UUID)
    from:me from:UUID      written by somebody (also user:UUID, agent:UUID)
    before:2026-05-01      written before that day, or time; after: from then on

Nothing is an error but a filter whose value makes no sense. Pure.
"""

import re
from datetime import UTC, datetime
from typing import Literal, get_args
from uuid import UUID

import msgspec

from storage.search.words import MAX_WORD_CHARACTERS, pairs, runs

Kind = Literal["page", "block", "comment", "message", "file", "prompt", "brand", "creator"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MAX_PHRASES = 32
"""What is written beyond these is not looked for."""

_PART = re.compile(
    r'"(?P<phrase>[^"]*)"?|(?P<filter>type|in|from|before|after):(?P<value>\S+)|(?P<word>[^\s"]+)'
)
_PLACE = re.compile(r"(?:page:|channel:)?(?P<id>[0-9a-fA-F-]{36})")
_AUTHOR = re.compile(r"(?:(?P<kind>user|agent|key):)?(?P<id>[0-9a-fA-F-]{36})")


class QueryError(ValueError):
    """A filter has a value that makes no sense; the message says which."""


class Phrase(msgspec.Struct, frozen=True):
    """Words that follow each other; the last one may be the beginning of a word."""

    words: tuple[str, ...]
    is_prefix: bool = False


class Query(msgspec.Struct, frozen=True):
    """What is looked for: all phrases, and what every filter lets through; an empty one lets all through."""

    phrases: tuple[Phrase, ...] = ()
    kinds: frozenset[Kind] = frozenset()
    places: frozenset[UUID] = frozenset()
    authors: frozenset[str] = frozenset()
    before: datetime | None = None
    after: datetime | None = None
    text: str = ""
    """What was written beside the filters."""


def parse(text: str, *, me: str) -> Query:
    """Read what somebody wrote; `me` is their principal id. Raises QueryError."""
    phrases: list[Phrase] = []
    filters: dict[str, list[str]] = {}
    texts: list[str] = []
    for part in _PART.finditer(text):
        if part["filter"]:
            filters.setdefault(part["filter"], []).append(part["value"])
            continue
        texts.append(part["word"] or part["phrase"] or "")
        if part["word"]:
            phrases += _phrases(part["word"], is_prefix=part["word"].endswith("*"))
        else:
            phrases += _phrases(part["phrase"], is_prefix=False)
    return Query(
        phrases=tuple(dict.fromkeys(phrases[:MAX_PHRASES])),
        kinds=frozenset(
            _kind(name) for value in filters.get("type", []) for name in value.split(",") if name
        ),
        places=frozenset(_place(value) for value in filters.get("in", [])),
        authors=frozenset(who for value in filters.get("from", []) for who in _authors(value, me)),
        before=min((_time("before", value) for value in filters.get("before", [])), default=None),
        after=max((_time("after", value) for value in filters.get("after", [])), default=None),
        text=" ".join(texts),
    )


def _phrases(text: str, *, is_prefix: bool) -> list[Phrase]:
    """Return what one piece of text looks for: neighbours stay neighbours, as far as one script goes."""
    found: list[Phrase] = []
    spaced: list[str] = []
    for run in runs(text):
        if run.is_unspaced:
            if spaced:
                found.append(Phrase(tuple(spaced)))
                spaced = []
            found.append(Phrase(tuple(pairs(run.text, with_last=False)), is_prefix=len(run.text) == 1))
        else:
            spaced.append(run.text[:MAX_WORD_CHARACTERS])
            is_cut = len(run.text) > MAX_WORD_CHARACTERS
            is_prefix = is_prefix and not is_cut
    if spaced:
        found.append(Phrase(tuple(spaced), is_prefix))
    return found


def _kind(name: str) -> Kind:
    for kind in KINDS:
        if name.lower() in (kind, f"{kind}s"):
            return kind
    raise QueryError(f"type: is one of {', '.join(KINDS)}")


def _place(value: str) -> UUID:
    match = _PLACE.fullmatch(value)
    try:
        return UUID(match["id"] if match else "")
    except ValueError:
        raise QueryError("in: is the id of a page or a channel") from None


def _authors(value: str, me: str) -> list[str]:
    if value.lower() == "me":
        return [me]
    match = _AUTHOR.fullmatch(value)
    try:
        id_ = UUID(match["id"] if match else "")
    except ValueError:
        raise QueryError("from: is `me`, or the id of a person or an agent") from None
    assert match
    return [f"{kind}:{id_}" for kind in ([match["kind"]] if match["kind"] else ["user", "agent"])]


def _time(name: str, value: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise QueryError(f"{name}: is a day, 2026-05-01, or a time, 2026-05-01T12:00:00Z") from None
