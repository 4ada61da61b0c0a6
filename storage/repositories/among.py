"""Asks about some of many rows, however many those are: as many statements as databases need."""

from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

K = TypeVar("K")

_IDS = 1000
"""Of one statement: SQLite takes 32,766 values at once, and plans fewer of them better."""


async def select_among(
    session: AsyncSession,
    statement: Select[UUID],
    column: InstrumentedAttribute[UUID],
    ids: Collection[UUID] | None,
) -> set[UUID]:
    """Return what a statement finds where a column is one of the ids; None for anything."""
    if ids is None:
        return set((await session.scalars(statement)).all())
    found: set[UUID] = set()
    for some in in_parts(sorted(ids)):
        found.update((await session.scalars(statement.where(column.in_(some)))).all())
    return found


def in_parts(ids: Collection[K]) -> Iterator[Sequence[K]]:
    """Part ids, in their order, into as many as one statement is to have."""
    listed = list(ids)
    for start in range(0, len(listed), _IDS):
        yield listed[start : start + _IDS]
