"""Waiting a moment until the rows of a document have all that is in it, for whoever reads the rows."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import anyio

from blocks.channel import time_of_id
from server.errors import OverloadedError
from server.projections.projector import Projector
from storage.callers import Caller
from storage.engine import Database
from storage.repositories.projections import BEHIND_OF_KIND, Overtaken

WITHIN_SECONDS = 2.0
"""How long reading waits for rows that are behind their document."""

ALL_WITHIN_SECONDS = 5.0
"""Likewise for the rows of many documents, any of which may have what was asked for."""

_LOOK_EVERY_SECONDS = 0.02
_LOOK_AT_ALL_EVERY_SECONDS = 0.1

_RECENT = timedelta(days=1)
"""What was made longer ago by its id is not waited for, though it may have come just now, from a client that
was offline for so long."""

_MAX_WRITTEN = 10_000
"""Of the newest things that were written here it is known where they are."""


class CatchingUp:
    """Brings the rows of documents up for those who read them."""

    def __init__(self, database: Database, projector: Projector, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._projector = projector
        self._clock = clock
        self._written: OrderedDict[UUID, str] = OrderedDict()
        self._underway: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """End the work that is underway; the rows stay behind."""
        tasks = list(self._underway.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def note(self, id_: UUID, document: str) -> None:
        """Note in which document something was written just now, or somebody wrote what they will ask for."""
        self._written[id_] = document
        while len(self._written) > _MAX_WRITTEN:
            self._written.popitem(last=False)

    async def catch_up(self, document: str, within_seconds: float | None = None) -> bool:
        """Wait a moment until the rows have all that the document has now; do that work where it is due.

        Tells whether that came about. What is written meanwhile is not waited for.
        """
        wanted: int | None = None

        async def is_behind() -> bool:
            nonlocal wanted
            async with self._database.read() as uow:
                head, position = await uow.messages.followed(document)
            wanted = head if wanted is None else min(wanted, head)
            if is_behind := position < wanted:
                await asyncio.shield(self._bring_up(document))
            return is_behind

        return await _wait_while(is_behind, within_seconds)

    async def catch_up_with(self, id_: UUID) -> None:
        """Catch up with the document that was noted for an id, if one was."""
        document = self._written.get(id_)
        if document is not None:
            await self.catch_up(document)

    def may_lack(self, id_: str) -> bool:
        """Tell whether rows may lack something because they are behind; its id may say when it was made."""
        try:
            made = UUID(id_)
        except ValueError:
            return True
        return made.version != 7 or datetime.fromisoformat(time_of_id(str(made))) > self._clock() - _RECENT

    async def catch_up_all(self, kind: str, caller: Caller) -> None:
        """Wait until the rows have all that documents of a kind have now, where somebody has to do with any.

        Raises OverloadedError where that takes too long.
        """
        found = await self._database.look(
            BEHIND_OF_KIND, names=f"{kind}:%", user_id=caller.user_id, page_id=caller.link_page_id
        )
        behind = dict(found)

        async def are_behind() -> bool:
            nonlocal behind
            async with self._database.read() as uow:
                behind = await uow.projections.still_behind(behind)
            return bool(behind)

        if behind and not await _wait_while(are_behind, ALL_WITHIN_SECONDS, _LOOK_AT_ALL_EVERY_SECONDS):
            raise OverloadedError(
                "Not all is read yet that was written just now, and this may be in it.", retry_after_seconds=1
            )

    def _bring_up(self, document: str) -> asyncio.Task[None]:
        """Return the work on a document's rows.

        It goes on when nobody waits for it any more: if each reader's patience ended it, the rows of a large
        document would stay behind for as long as somebody reads.
        """
        task = self._underway.get(document)
        if task is None:
            task = self._underway[document] = asyncio.create_task(self._follow(document))
            task.add_done_callback(lambda task: self._is_over(document, task))
        return task

    async def _follow(self, document: str) -> None:
        with suppress(Overtaken):  # somebody else does it
            await self._projector.follow(document)

    def _is_over(self, document: str, task: asyncio.Task[None]) -> None:
        del self._underway[document]
        if not task.cancelled():
            task.exception()  # told to those who still wait; who follows all documents reports it


async def _wait_while(
    is_waiting: Callable[[], Awaitable[bool]],
    within_seconds: float | None = None,
    every_seconds: float = _LOOK_EVERY_SECONDS,
) -> bool:
    """Look again and again, for a moment: what other processes write cannot be heard. Tell if it has come."""
    with anyio.move_on_after(WITHIN_SECONDS if within_seconds is None else within_seconds):
        while True:
            if not await is_waiting():
                return True
            await asyncio.sleep(every_seconds)
    return False
