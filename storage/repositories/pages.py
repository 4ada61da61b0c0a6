"""Canvas pages: the tree, its order and the trash. Order keys come from the caller."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Membership, Page, Role
from storage.repositories.access_changes import AccessChanges


class Pages:
    """Pages by id and by workspace."""

    def __init__(
        self,
        session: AsyncSession,
        now: datetime,
        new_id: Callable[[], UUID],
        access_changes: AccessChanges,
    ) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id
        self._access_changes = access_changes

    async def create(
        self,
        workspace_id: UUID,
        *,
        title: str,
        parent_page_id: UUID | None,
        icon_url: str | None,
        order_key: str,
        created_by_user_id: UUID,
    ) -> Page:
        """Add a page."""
        page = Page(
            id=self._new_id(),
            workspace_id=workspace_id,
            parent_page_id=parent_page_id,
            title=title,
            icon_url=icon_url,
            order_key=order_key,
            created_by_user_id=created_by_user_id,
            created_at=self._now,
            updated_at=self._now,
        )
        self._session.add(page)
        await self._session.flush()
        return page

    async def get(self, page_id: UUID) -> Page | None:
        """Return a page, in the trash or not."""
        return await self._session.get(Page, page_id)

    async def existing(self, workspace_id: UUID, page_ids: Collection[UUID]) -> Sequence[UUID]:
        """Return which of the pages are in a workspace, in the trash or not."""
        found = await self._session.scalars(
            select(Page.id).where(Page.workspace_id == workspace_id, Page.id.in_(page_ids))
        )
        return found.all()

    async def find_with_role(self, page_id: UUID, user_id: UUID) -> tuple[Page, Role] | None:
        """Return a page and the user's role in its workspace, or None for no member."""
        row = (
            await self._session.execute(
                select(Page, Membership.role)
                .join(Membership, Membership.workspace_id == Page.workspace_id)
                .where(Page.id == page_id, Membership.user_id == user_id)
            )
        ).one_or_none()
        return (row[0], row[1]) if row else None

    async def list_tree(
        self, workspace_id: UUID, *, after: tuple[str, UUID] | None, limit: int
    ) -> Sequence[Page]:
        """Return the pages outside the trash by (order key, id), behind `after`: siblings in their order."""
        statement = (
            select(Page)
            .where(Page.workspace_id == workspace_id, Page.trashed_at.is_(None))
            .order_by(Page.order_key, Page.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(_is_behind(*after))
        return (await self._session.scalars(statement)).all()

    async def list_trash(
        self, workspace_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[Page]:
        """Return the pages in the trash, the latest thrown away first, behind `after`."""
        statement = (
            select(Page)
            .where(Page.workspace_id == workspace_id, Page.trashed_at.is_not(None))
            .order_by(Page.trashed_at.desc(), Page.id)
            .limit(limit)
        )
        if after is not None:
            when, page_id = after
            statement = statement.where(
                or_(Page.trashed_at < when, and_(Page.trashed_at == when, Page.id > page_id))
            )
        return (await self._session.scalars(statement)).all()

    async def neighbours(
        self, workspace_id: UUID, parent_page_id: UUID | None, *, after: Page | None, moving: UUID | None
    ) -> tuple[str | None, str | None]:
        """Return the order keys between which a page behind `after` (None: before all) gets its own.

        `moving` is left out: the page that is about to be moved. Pages in the trash keep their places. Two
        pages made at the same moment may share a key: then the place is behind both.
        """
        statement = select(Page.order_key).where(*_siblings(workspace_id, parent_page_id, moving))
        if after is not None:
            statement = statement.where(Page.order_key > after.order_key)
        following = await self._session.scalar(statement.order_by(Page.order_key).limit(1))
        return (after.order_key if after else None, following)

    async def last_key(
        self, workspace_id: UUID, parent_page_id: UUID | None, *, moving: UUID | None
    ) -> str | None:
        """Return the greatest order key among the children of a page, or at the top."""
        return await self._session.scalar(
            select(Page.order_key)
            .where(*_siblings(workspace_id, parent_page_id, moving))
            .order_by(Page.order_key.desc())
            .limit(1)
        )

    async def is_inside(self, page_id: UUID | None, ancestor_id: UUID) -> bool:
        """Tell whether a page is `ancestor_id` or below it."""
        while page_id is not None and page_id != ancestor_id:
            page_id = await self._session.scalar(select(Page.parent_page_id).where(Page.id == page_id))
        return page_id is not None

    async def change(self, page: Page) -> None:
        """Write the fields that were set on a page."""
        page.updated_at = self._now
        await self._session.flush()

    async def trash(self, page: Page) -> None:
        """Put a page and everything below it into the trash; what is there already keeps its time."""
        await self._mark(page, Page.trashed_at.is_(None), self._now)

    async def restore(self, page: Page) -> None:
        """Take a page out of the trash, with what went there together with it."""
        assert page.trashed_at is not None
        await self._mark(page, Page.trashed_at == page.trashed_at, None)

    async def _mark(self, root: Page, chosen: ColumnElement[bool], trashed_at: datetime | None) -> None:
        """Set `trashed_at` on a page and, through children that are chosen too, on everything below it."""
        tree = select(Page.id).where(Page.id == root.id).cte("tree", recursive=True)
        tree = tree.union_all(select(Page.id).join(tree, Page.parent_page_id == tree.c.id).where(chosen))
        marked = await self._session.scalars(
            update(Page)
            .where(Page.id.in_(select(tree.c.id)))
            .values(trashed_at=trashed_at, updated_at=self._now)
            .returning(Page.id)
            .execution_options(synchronize_session=False)
        )
        self._access_changes.note(*(f"page:{page_id}" for page_id in marked))
        await self._session.refresh(root)


def _is_behind(order_key: str, page_id: UUID) -> ColumnElement[bool]:
    return or_(Page.order_key > order_key, and_(Page.order_key == order_key, Page.id > page_id))


def _siblings(
    workspace_id: UUID, parent_page_id: UUID | None, moving: UUID | None
) -> tuple[ColumnElement[bool], ...]:
    parent = (
        Page.parent_page_id.is_(None) if parent_page_id is None else Page.parent_page_id == parent_page_id
    )
    others = () if moving is None else (Page.id != moving,)
    return (Page.workspace_id == workspace_id, parent, *others)
