"""Words in Postgres: a tsvector with a GIN index, made from our words without a dictionary of its own."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, column, table, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import SearchEntry
from storage.search.ports import Wanted, Words
from storage.search.queries import Phrase

_MAX_BYTES = 500_000
"""Of the distinct words of one entry; a tsvector holds 1 MB."""

_MAX_POSITION = 16_383
_MAX_POSITIONS = 255
"""Of one word; Postgres keeps no more."""

_TERMS = table("search_terms", column("entry_id", BigInteger()))
_ADD = text("INSERT INTO search_terms (entry_id, terms) VALUES (:id, CAST(:terms AS tsvector))")
_REMOVE = text("DELETE FROM search_terms WHERE entry_id = :id")


class PostgresWords:
    """Implements `WordIndex`."""

    entry_id: ColumnElement[int] = _TERMS.c.entry_id

    async def add(self, session: AsyncSession, words: Mapping[int, Words]) -> None:
        """Keep the words of new entries."""
        if words:
            rows = [{"id": id_, "terms": _vector(found)} for id_, found in words.items()]
            await session.execute(_ADD, rows)

    async def remove(self, session: AsyncSession, ids: Collection[int]) -> None:
        """Forget the words of entries."""
        if ids:
            await session.execute(_REMOVE, [{"id": id_} for id_ in ids])

    def restrict(self, statement: Select[Any], wanted: Wanted) -> Select[Any]:
        """Join what matches; Postgres begins with the rarest words, or with the newest entries."""
        matches = text("search_terms.terms @@ CAST(:search AS tsquery)")
        statement = statement.select_from(_TERMS).where(
            matches.bindparams(search=_query(wanted, in_title=wanted.in_title is True)),
            SearchEntry.id == self.entry_id,
        )
        if wanted.in_title is False:
            is_in_title = text("NOT search_terms.terms @@ CAST(:in_title AS tsquery)")
            statement = statement.where(is_in_title.bindparams(in_title=_query(wanted, in_title=True)))
        return statement


def _vector(words: Words) -> str:
    """Write words as a tsvector: those of the title have the weight A; labels have no position."""
    places: dict[str, list[str]] = {}
    size = 0
    for position, (word, weight) in enumerate(
        [*((word, "A") for word in words.title), ("", ""), *((word, "") for word in words.body)], start=1
    ):
        if not word or position > _MAX_POSITION:
            continue
        if word not in places:
            size += len(word.encode())
            if size > _MAX_BYTES:
                break
        found = places.setdefault(word, [])
        if len(found) < _MAX_POSITIONS:
            found.append(f"{position}{weight}")
    lexemes = [f"'{word}':{','.join(found)}" for word, found in places.items()]
    return " ".join([*(f"'={label}'" for label in words.labels), *lexemes])


def _query(wanted: Wanted, *, in_title: bool) -> str:
    """Write what is wanted as a tsquery."""
    labels = ["({})".format(" | ".join(f"'={label}'" for label in sorted(some))) for some in wanted.labels]
    return " & ".join([*labels, *(_phrase(phrase, in_title=in_title) for phrase in wanted.phrases)])


def _phrase(phrase: Phrase, *, in_title: bool) -> str:
    last = len(phrase.words) - 1
    return "({})".format(
        " <-> ".join(
            f"'{word}'" + _flags(is_prefix=phrase.is_prefix and index == last, in_title=in_title)
            for index, word in enumerate(phrase.words)
        )
    )


def _flags(*, is_prefix: bool, in_title: bool) -> str:
    flags = ("*" if is_prefix else "") + ("A" if in_title else "")
    return f":{flags}" if flags else ""
