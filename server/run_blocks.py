"""Lets `agent_snippet` blocks show the run that answers in them as it stands, through all its ends.

The log of runs says which run that is. Whatever else a page says, because somebody wrote it or copied the
block, is corrected: blocks wait for that with the change of their run, or with their row in `canvas_blocks`.
"""

import logging
from typing import Any
from uuid import UUID

import pycrdt

from blocks.errors import UnknownBlockError
from blocks.kinds.agent_snippet import Status
from blocks.snippets import show_run
from crdt.errors import CrdtError, DocumentRefused, UpdateRefused
from crdt.ports import Principal, PrincipalId
from server.background.leadership import LEASE_SECONDS, Leadership
from server.background.pacing import at_news
from server.documents.writing import Writer
from storage.engine import Database
from storage.event_feed import EventFeed
from storage.models import WaitingSnippet
from storage.paging import each_row
from storage.repositories.snippets import ANY_WAITING

logger = logging.getLogger(__name__)

WRITER = Principal(id=PrincipalId("system:runs"), name="IONFLUX", kind="system")

RETRY_SECONDS = 1.0
"""Blocks wait without an event where a page was written; they are looked for this often."""


class RunBlocks:
    """Follows the blocks that wait, in one process at a time."""

    def __init__(
        self, database: Database, feed: EventFeed, writer: Writer, *, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._database = database
        self._feed = feed
        self._writer = writer
        self._leadership = Leadership(database, "run-blocks", lease_seconds=lease_seconds)

    async def follow(self) -> None:
        """Follow whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._follow)

    async def _follow(self) -> None:
        await at_news(
            self._feed,
            self.show_all,
            RETRY_SECONDS,
            "blocks of agents cannot be written now",
            concerning=("agent.run.",),
        )

    async def show_all(self) -> None:
        """Write all blocks that wait."""
        if not await self._database.look(ANY_WAITING):
            return
        waiting_ones = each_row(
            self._database,
            lambda uow, after, limit: uow.snippets.waiting(after=after, limit=limit),
            lambda waiting: waiting.mark,
        )
        async for waiting in waiting_ones:
            await self._show(waiting)

    async def _show(self, waiting: WaitingSnippet) -> None:
        name = f"page:{waiting.page_id}"
        moved_to: str | None = None
        async with self._database.read() as uow:
            page = await uow.pages.get(waiting.page_id)
            run = await uow.snippets.run_of(page.workspace_id, waiting.block_id) if page else None
        run_id = str(run.run_id) if run is not None else None
        status: Status = run.status if run is not None else "idle"

        def show(doc: "pycrdt.Doc[Any]") -> str | None:
            return show_run(doc, waiting.block_id, run_id, status)

        try:
            if page is not None:
                moved_to = (await self._writer.write(name, WRITER, show)).result
        except (DocumentRefused, UpdateRefused, UnknownBlockError) as error:
            logger.info("a block of %s is left as it is: %s", name, error)
        except CrdtError as error:
            logger.warning("a block of %s does not show its run yet: %s", name, error)
            return
        async with self._database.transaction() as uow:
            await uow.snippets.finish(waiting)
            if moved_to is not None:
                await uow.snippets.let_wait(UUID(moved_to), [waiting.block_id])
