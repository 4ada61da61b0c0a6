"""Words in SQLite: an FTS5 table, whose rows come in the order of their ids.

Words come folded; its tokenizer only takes them apart at the spaces between them.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, column, table, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import SearchEntry
from storage.search.ports import Wanted, Words
from storage.search.queries import Phrase

_TERMS = table("search_terms", column("rowid", BigInteger()))
# Words may have been left behind by an entry that somebody removed by hand, or that was lost.
_ADD = text(
    "INSERT OR REPLACE INTO search_terms (rowid, labels, title, body) VALUES (:id, :labels, :title, :body)"
)
_REMOVE = text("DELETE FROM search_terms WHERE rowid = :id")


class SqliteWords:
    """Implements `WordIndex`."""

    entry_id: ColumnElement[int] = _TERMS.c.rowid

    async def prepare(self, session: AsyncSession) -> None:
        """Nothing: SQLite plans the same way whatever is looked for."""

    async def add(self, session: AsyncSession, words: Mapping[int, Words]) -> None:
        """Keep the words of new entries."""
        if words:
            await session.execute(_ADD, [_row(id_, found) for id_, found in words.items()])

    async def remove(self, session: AsyncSession, ids: Collection[int]) -> None:
        """Forget the words of entries."""
        if ids:
            await session.execute(_REMOVE, [{"id": id_} for id_ in ids])

    def restrict(self, statement: Select[Any], wanted: Wanted) -> Select[Any]:
        """Let FTS5 give the ids; each entry is then looked up by its key."""
        matches = text("search_terms MATCH :search").bindparams(search=_match(wanted))
        # Adding 0 keeps SQLite from the opposite order: entries first, and a search for each.
        return statement.select_from(_TERMS).where(matches, SearchEntry.id == _TERMS.c.rowid + 0)


def _row(id_: int, words: Words) -> dict[str, Any]:
    return {
        "id": id_,
        "labels": " ".join(words.labels),
        "title": " ".join(words.title),
        "body": " ".join(words.body),
    }


def _match(wanted: Wanted) -> str:
    """Write what is wanted as FTS5 has it."""
    labels = " AND ".join(
        f"(labels : ({' OR '.join(_quote(label) for label in sorted(some))}))" for some in wanted.labels
    )
    if not wanted.phrases:
        return labels
    phrases = " AND ".join(_phrase(phrase) for phrase in wanted.phrases)
    if wanted.in_title:
        return f"{labels} AND (title : ({phrases}))"
    found = f"({labels} AND ({{title body}} : ({phrases})))"
    return found if wanted.in_title is None else f"{found} NOT (title : ({phrases}))"


def _phrase(phrase: Phrase) -> str:
    return _quote(" ".join(phrase.words)) + (" *" if phrase.is_prefix else "")


def _quote(words: str) -> str:
    return f'"{words}"'
