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

_IN_TITLE = "+"
"""Before a word of the title; no word has it, nor labels, which have `=`."""

_MAX_POSITION = 16_383
_MAX_POSITIONS = 255
"""Of one word; Postgres keeps no more."""

_TERMS = table("search_terms", column("entry_id", BigInteger()))
# Words may have been left behind by an entry that somebody removed by hand, or that was lost.
_ADD = text(
    "INSERT INTO search_terms (entry_id, terms) VALUES (:id, CAST(:terms AS tsvector)) "
    "ON CONFLICT (entry_id) DO UPDATE SET terms = excluded.terms"
)
_PLAN_EACH = text("SET LOCAL plan_cache_mode = force_custom_plan")
_REMOVE = text("DELETE FROM search_terms WHERE entry_id = :id")


class PostgresWords:
    """Implements `WordIndex`."""

    entry_id: ColumnElement[int] = _TERMS.c.entry_id

    async def prepare(self, session: AsyncSession) -> None:
        """Let each search be planned for its own words: how rare they are decides how to begin."""
        await session.execute(_PLAN_EACH)

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
            statement = statement.where(is_in_title.bindparams(in_title=_titled(wanted)))
        return statement


def _vector(words: Words) -> str:
    """Write words as a tsvector: those of the title once more, marked; labels have no position.

    A weight would not do for titles: the index does not know it, and has to read all that has a common word.
    """
    places: dict[str, list[int]] = {}
    size = 0
    for position, word, in_title in [
        *((position, word, True) for position, word in enumerate(words.title, start=1)),
        *((position, word, False) for position, word in enumerate(words.body, start=len(words.title) + 2)),
    ]:
        if position > _MAX_POSITION:
            break
        for lexeme in (word, _IN_TITLE + word) if in_title else (word,):
            if lexeme not in places:
                size += len(lexeme.encode())
            found = places.setdefault(lexeme, [])
            if len(found) < _MAX_POSITIONS:
                found.append(position)
        if size > _MAX_BYTES:
            break
    lexemes = [f"'{word}':{','.join(map(str, found))}" for word, found in places.items()]
    return " ".join([*(f"'={label}'" for label in words.labels), *lexemes])


def _query(wanted: Wanted, *, in_title: bool) -> str:
    """Write what is wanted as a tsquery."""
    labels = ["({})".format(" | ".join(f"'={label}'" for label in sorted(some))) for some in wanted.labels]
    return " & ".join([*labels, *(_phrase(phrase, in_title=in_title) for phrase in wanted.phrases)])


def _titled(wanted: Wanted) -> str:
    """Write that all phrases are in the title, wherever that is."""
    return " & ".join(_phrase(phrase, in_title=True) for phrase in wanted.phrases)


def _phrase(phrase: Phrase, *, in_title: bool) -> str:
    mark = _IN_TITLE if in_title else ""
    last = len(phrase.words) - 1
    return "({})".format(
        " <-> ".join(
            f"'{mark}{word}'" + (":*" if phrase.is_prefix and index == last else "")
            for index, word in enumerate(phrase.words)
        )
    )
