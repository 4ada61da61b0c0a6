"""Deletes pages for good: by hand, or when they have been in the trash for long."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from server.background.leadership import Leadership
from server.background.pacing import again_and_again
from server.files import Files
from server.pages.making import tell_of_page
from storage.engine import Database
from storage.models import File, Page
from storage.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
_AT_ONCE = 100


async def end_page(uow: UnitOfWork, page: Page, actor: str | None) -> Sequence[File]:
    """Delete a page that is locked, with all below it; return files whose contents are to be removed."""
    await tell_of_page(uow, actor, "page.deleted", page)
    files = await uow.page_ends.delete(page)
    for file in files:
        await uow.file_space.give_back(file.workspace_id, file.size)
    return files


class PageTrash:
    """Empties the trash of what has been there for long, in the one process that leads."""

    def __init__(self, database: Database, files: Files, *, trash_days: int) -> None:
        self._database = database
        self._files = files
        self._age = timedelta(days=trash_days)
        self._leadership = Leadership(database, "trash")

    async def run(self) -> None:
        """Empty it again and again, until the task is cancelled."""
        await self._leadership.lead(self._empty_forever)

    async def empty(self) -> int:
        """Empty it once; return how many pages were deleted, not counting those below them."""
        deleted = 0
        while True:
            async with self._database.read() as uow:
                due = await uow.page_ends.due(uow.now - self._age, _AT_ONCE)
            if not due:
                return deleted
            for page_id in due:
                deleted += await self._end(page_id)

    async def _end(self, page_id: UUID) -> bool:
        async with self._database.transaction() as uow:
            page = await uow.pages.get(page_id)
            if page is None:
                return False  # it went with a page above it
            await uow.workspaces.lock(page.workspace_id)
            await uow.session.refresh(page)
            if page.trashed_at is None or page.trashed_at >= uow.now - self._age:
                return False
            files = await end_page(uow, page, None)
        for file in files:
            await self._files.remove(file.workspace_id, file.id)
        return True

    async def _empty_forever(self) -> None:
        await again_and_again(self._empty_some, EVERY_SECONDS, "the trash is not emptied now")

    async def _empty_some(self) -> None:
        if deleted := await self.empty():
            logger.info("%d pages were deleted for good, with what was below them", deleted)
