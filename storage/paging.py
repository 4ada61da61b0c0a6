"""All rows of a question whose answer comes in pages, each page read in a unit of its own."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

from storage.engine import Database
from storage.unit_of_work import UnitOfWork

R = TypeVar("R")

PAGE = 100

Ask = Callable[[UnitOfWork, UUID | None, int], Awaitable[Sequence[R]]]
"""Returns so many rows behind one of them, or the first ones."""


async def each_row(
    database: Database, ask: Ask[R], mark: Callable[[R], UUID], size: int = PAGE
) -> AsyncGenerator[R]:
    """Give the rows one by one, with no unit open meanwhile; `mark` is what the next page comes behind."""
    after: UUID | None = None
    while True:
        async with database.read() as uow:
            page = await ask(uow, after, size)
        for row in page:
            yield row
        if len(page) < size:
            return
        after = mark(page[-1])
