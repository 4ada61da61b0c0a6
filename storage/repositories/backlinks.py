"""Which pages lead to a page: the other way round of what `storage.projections` writes of their blocks."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Page, PageLink
from storage.repositories.pages import granted_to, visible_to


class Backlinks:
    """Links to pages."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def pages_of_member(
        self, page: Page, *, reader: UUID | None, after: UUID | None, limit: int
    ) -> Sequence[Page]:
        """Return the pages that lead to one, by id behind `after`, that a member may see; None sees all."""
        statement = _linking(page, after, limit).where(*visible_to(reader))
        return (await self._session.scalars(statement)).all()

    async def pages_of_guest(
        self, page: Page, *, user_id: UUID, after: UUID | None, limit: int
    ) -> Sequence[Page]:
        """Return the same for somebody who is no member and sees what was granted alone."""
        statement = _linking(page, after, limit).where(granted_to(user_id))
        return (await self._session.scalars(statement)).all()

    async def blocks(self, page: Page, page_ids: Collection[UUID]) -> dict[UUID, list[str]]:
        """Return in which of their blocks pages lead to one."""
        found: dict[UUID, list[str]] = {}
        rows = await self._session.execute(
            select(PageLink.page_id, PageLink.block_id)
            .where(PageLink.kind == "page", PageLink.target_id == page.id, PageLink.page_id.in_(page_ids))
            .order_by(PageLink.page_id, PageLink.block_id)
        )
        for page_id, block_id in rows:
            found.setdefault(page_id, []).append(block_id)
        return found


def _linking(page: Page, after: UUID | None, limit: int) -> Select[Page]:
    leading = select(PageLink.page_id).where(PageLink.kind == "page", PageLink.target_id == page.id)
    statement = (
        select(Page)
        .where(
            Page.id.in_(leading),
            Page.id != page.id,
            Page.workspace_id == page.workspace_id,
            Page.trashed_at.is_(None),
        )
        .order_by(Page.id)
        .limit(limit)
    )
    return statement if after is None else statement.where(Page.id > after)
