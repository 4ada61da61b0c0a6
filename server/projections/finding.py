"""Finding something by its id in rows that may be behind the documents."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import anyio

from blocks.channel import time_of_id
from server.errors import OverloadedError
from storage.engine import Database
from storage.repositories.projections import BEHIND_OF_KIND
from storage.unit_of_work import UnitOfWork

T = TypeVar("T")

WITHIN_SECONDS = 5.0
"""How long is waited for the documents that something may be in."""

_LOOK_EVERY_SECONDS = 0.02

_RECENT = timedelta(days=1)
"""What was made longer ago by its id is not waited for, though it may have come just now, from a client that
was offline for so long."""


class Finding:
    """Looks again and again, as long as the rows may lack something."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def find(self, id_: str, kind: str, look: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        """Return what is found in the rows of something with an id, in a document of a kind.

        While nothing is found it waits for the rows of all documents of that kind to have what these had when
        it was asked: of what is not found then it is known that it was not there. Raises OverloadedError
        where that takes too long.
        """
        wanted: dict[int, int] | None = None if self._may_be_recent(id_) else {}
        with anyio.move_on_after(WITHIN_SECONDS):
            while True:
                if wanted != {}:  # asked first: rows that come in between are seen
                    wanted = await self._not_followed(kind, wanted)
                async with self._database.read() as uow:
                    found = await look(uow)
                if found or not wanted:
                    return found
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
        raise OverloadedError(
            "Not all is read yet that was written just now, and this may be in it.", retry_after_seconds=1
        )

    async def _not_followed(self, kind: str, wanted: dict[int, int] | None) -> dict[int, int]:
        """Return the documents whose rows are behind, of those that are waited for, and up to where."""
        behind = await self._database.look(BEHIND_OF_KIND, names=f"{kind}:%")
        if wanted is None:
            return {document: head for document, head, _ in behind}
        return {
            document: wanted[document]
            for document, _, position in behind
            if position < wanted.get(document, 0)
        }

    def _may_be_recent(self, id_: str) -> bool:
        try:
            version = UUID(id_).version
        except ValueError:
            return True
        return version != 7 or datetime.fromisoformat(time_of_id(id_)) > self._clock() - _RECENT
