"""Imports of pages, and the lines of their reports."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.looks import Look
from storage.models import ImportStatus, Page, PageImport, PageImportLine

OPEN = ("waiting", "running")

ANY_OPEN = Look(select(PageImport.id).where(or_(*(PageImport.status == status for status in OPEN))).limit(1))
"""One of the imports that are not over."""


class PageImports:
    """Imports by page."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def add(self, row: PageImport) -> None:
        """Add one."""
        self._session.add(row)
        await self._session.flush()

    async def get(self, import_id: UUID) -> PageImport | None:
        """Return one as it is now."""
        return await self._session.get(PageImport, import_id, populate_existing=True)

    async def next_open(self) -> PageImport | None:
        """Return the oldest one that is to be worked on."""
        return await self._session.scalar(
            select(PageImport).where(PageImport.status.in_(OPEN)).order_by(PageImport.id).limit(1)
        )

    async def count_open(self, user_id: UUID) -> int:
        """Return how many of somebody's are not over."""
        counted = await self._session.scalar(
            select(func.count()).where(PageImport.user_id == user_id, PageImport.status.in_(OPEN))
        )
        return counted or 0

    async def list_of_page(self, page_id: UUID, *, after: UUID | None, limit: int) -> Sequence[PageImport]:
        """Return those into a page, oldest first, behind `after`."""
        statement = (
            select(PageImport).where(PageImport.page_id == page_id).order_by(PageImport.id).limit(limit)
        )
        if after is not None:
            statement = statement.where(PageImport.id > after)
        return (await self._session.scalars(statement)).all()

    async def move_on(
        self,
        import_id: UUID,
        *,
        done: int,
        total: int,
        lines: Sequence[PageImportLine] = (),
    ) -> bool:
        """Note how far one has come, and what became of files; False where it is over: it was cancelled."""
        if not await self._set(import_id, done=done, total=total, status="running"):
            return False
        for line in lines:
            await self._session.merge(line)
        await self._session.flush()
        return True

    async def end(self, import_id: UUID, status: ImportStatus, detail: str | None = None) -> bool:
        """End one; False where it was over already."""
        return await self._set(import_id, status=status, detail=detail)

    async def lines(self, import_id: UUID, *, after: int | None, limit: int) -> Sequence[PageImportLine]:
        """Return a part of a report, in its order, behind `after`."""
        statement = (
            select(PageImportLine)
            .where(PageImportLine.import_id == import_id)
            .order_by(PageImportLine.number)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(PageImportLine.number > after)
        return (await self._session.scalars(statement)).all()

    async def existing_pages(self, page_ids: Collection[UUID]) -> set[UUID]:
        """Return which of these pages there are."""
        return set(await self._session.scalars(select(Page.id).where(Page.id.in_(page_ids))))

    async def _set(self, import_id: UUID, **values: object) -> bool:
        changed = await self._session.scalar(
            update(PageImport)
            .where(PageImport.id == import_id, PageImport.status.in_(OPEN))
            .values(updated_at=self._now, **values)
            .returning(PageImport.id)
            .execution_options(synchronize_session=False)
        )
        return changed is not None
