"""What the search needs of a database: to keep words, and to find what has them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import ColumnElement, Select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.search.queries import Phrase


class Words(msgspec.Struct, frozen=True):
    """The words of an entry: `labels` are no words but what filters ask for, and `title` counts more."""

    labels: tuple[str, ...]
    title: Sequence[str]
    body: Sequence[str]


class Wanted(msgspec.Struct, frozen=True):
    """Words that an entry has to have: one of each set of labels, and all phrases.

    `in_title`: whether all phrases have to be in the title (True), or must not all be there (False).
    """

    labels: tuple[frozenset[str], ...]
    phrases: tuple[Phrase, ...]
    in_title: bool | None


class WordIndex(Protocol):
    """The table `search_terms`, by the ids of entries."""

    @property
    def entry_id(self) -> ColumnElement[int]:
        """The id of an entry in a restricted statement, to order and bound it by."""
        ...

    async def prepare(self, session: AsyncSession) -> None:
        """Say what a unit of work needs before it searches."""
        ...

    async def add(self, session: AsyncSession, words: Mapping[int, Words]) -> None:
        """Keep the words of new entries."""
        ...

    async def remove(self, session: AsyncSession, ids: Collection[int]) -> None:
        """Forget the words of entries."""
        ...

    def restrict(self, statement: Select[Any], wanted: Wanted) -> Select[Any]:
        """Let a statement over entries return only what has these words."""
        ...
