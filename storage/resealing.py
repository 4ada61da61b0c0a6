"""Brings every sealed value of the database under the vault's newest key, while the server runs.

Which columns are sealed is told by their type, so that no table can be forgotten.
"""

from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from sqlalchemy import Column, select, update

from storage.engine import Database
from storage.models import Model, Sealed
from storage.unit_of_work import UnitOfWork
from storage.vault import Vault, place_of

BATCH = 100
"""Values of one transaction: writers wait for no more than that."""


def sealed_columns() -> list[Column[Any]]:
    """Return the columns of all tables that hold sealed values. Their rows have an `id`."""
    return [
        column
        for table in Model.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Sealed)
    ]


async def reseal(database: Database, vault: Vault) -> int:
    """Seal anew what is not under the newest key; return how many values that were.

    Each batch is a transaction: cut off at any point, what is done stays done, and the next call goes on.
    A process that read its keys before this began may still write under an older one: hence again, until
    nothing is found. Raises UnknownKeyError and BrokenSealError, at the first value that cannot be opened.
    """
    total = 0
    while moved := await _reseal_once(database, vault):
        total += moved
    return total


async def count_stale(database: Database, vault: Vault) -> tuple[int, int]:
    """Return how many values are not under the newest key, and how many there are.

    Opens each of them. Raises UnknownKeyError, BrokenSealError.
    """
    stale = total = 0
    async with database.read() as uow:
        for column in sealed_columns():
            async for rows in _batches(uow, column):
                for row_id, sealed in rows:
                    vault.open(sealed, _place(column, row_id))
                    total += 1
                    stale += not vault.is_current(sealed)
    return stale, total


async def _reseal_once(database: Database, vault: Vault) -> int:
    moved = 0
    for column in sealed_columns():
        after: UUID | None = None
        while True:
            async with database.transaction() as uow:
                rows = await _batch(uow, column, after, lock=True)
                for row_id, sealed in rows:
                    if vault.is_current(sealed):
                        continue
                    place = _place(column, row_id)
                    fresh = vault.seal(vault.open(sealed, place), place)
                    await _replace(uow, column, row_id, fresh)
                    moved += 1
            if len(rows) < BATCH:
                break
            after = rows[-1][0]
    return moved


def _place(column: Column[Any], row_id: UUID) -> str:
    return place_of(column.table.name, column.name, row_id)


async def _batches(uow: UnitOfWork, column: Column[Any]) -> AsyncGenerator[list[tuple[UUID, bytes]]]:
    after: UUID | None = None
    while rows := await _batch(uow, column, after, lock=False):
        yield rows
        after = rows[-1][0]


async def _batch(
    uow: UnitOfWork, column: Column[Any], after: UUID | None, *, lock: bool
) -> list[tuple[UUID, bytes]]:
    row_id = column.table.c.id
    statement = select(row_id, column).where(column.is_not(None)).order_by(row_id).limit(BATCH)
    if after is not None:
        statement = statement.where(row_id > after)
    if lock:
        statement = statement.with_for_update()
    return [(row[0], row[1]) for row in await uow.session.execute(statement)]


async def _replace(uow: UnitOfWork, column: Column[Any], row_id: UUID, sealed: bytes) -> None:
    table = column.table
    await uow.session.execute(update(table).where(table.c.id == row_id).values({column: sealed}))  # pyright: ignore[reportArgumentType]  (a FromClause by type, a Table in truth)
