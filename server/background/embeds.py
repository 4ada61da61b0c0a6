"""Gives `embed_panel` blocks what is found at their address, whoever wrote that and by whatever way.

Blocks begin to wait with their row in `canvas_blocks`. What is found is written into the live document as a
peer's edit: only if the block still has that address, and beside what people wrote.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pycrdt
from anyio import create_task_group

from blocks.errors import BlocksError
from blocks.kinds.embed_panel import EmbedPanelContent, resolve
from blocks.page import find, read_content
from blocks.page_edits import change_block
from crdt.errors import CrdtError
from crdt.ports import Principal, PrincipalId
from server.background.leadership import Leadership
from server.documents.writing import Writer
from server.embeds import Previews, content_of
from storage.engine import Database
from storage.errors import StorageError
from storage.models import WaitingEmbed

logger = logging.getLogger(__name__)

WRITER = Principal(id=PrincipalId("system:embeds"), name="IONFLUX", kind="system")

EVERY_SECONDS = 1.0
AT_ONCE = 8
AGAIN = timedelta(minutes=5)
"""When a block that cannot be written now has its next turn."""


class EmbedResolving:
    """Follows the blocks that wait, in one process at a time."""

    def __init__(self, database: Database, writer: Writer, previews: Previews) -> None:
        self._database = database
        self._writer = writer
        self._previews = previews
        self._leadership = Leadership(database, "embeds")

    async def run(self) -> None:
        """Follow whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._follow)

    async def _follow(self) -> None:
        while True:
            try:
                while await self._take_some():
                    continue
            except StorageError as error:
                logger.warning("embeds wait for the database: %s", error)
            await asyncio.sleep(EVERY_SECONDS)

    async def _take_some(self) -> bool:
        """Resolve some blocks; tell whether there may be more."""
        async with self._database.read() as uow:
            waiting = await uow.embeds.due(AT_ONCE)
        async with create_task_group() as tasks:
            for one in waiting:
                tasks.start_soon(self._resolve, one)
        return len(waiting) == AT_ONCE

    async def _resolve(self, waiting: WaitingEmbed) -> None:
        preview = await self._previews.find(waiting.url)
        page = f"page:{waiting.page_id}"
        change = _change(waiting.block_id, waiting.url, content_of(preview))
        try:
            await self._writer.write(page, WRITER, change)
        except BlocksError as error:
            # It is gone, or nothing that can be written: with its next edit it may wait again.
            logger.info("an embed of %s is left as it is: %s", page, error)
        except CrdtError as error:
            logger.info("an embed of %s waits: %s", page, error)
            async with self._database.transaction() as uow:
                await uow.embeds.postpone(waiting, AGAIN)
            return
        async with self._database.transaction() as uow:
            await uow.embeds.finish(waiting)


def _change(block_id: str, url: str, found: EmbedPanelContent) -> Callable[["pycrdt.Doc[Any]"], None]:
    def change(doc: "pycrdt.Doc[Any]") -> None:
        block = find(doc, block_id)
        content = (
            read_content(cast("pycrdt.Map[Any]", block)).content if isinstance(block, pycrdt.Map) else None
        )
        if isinstance(content, EmbedPanelContent) and content.url == url:
            change_block(doc, block_id, patch=resolve(content, found), by_server=True)

    return change
