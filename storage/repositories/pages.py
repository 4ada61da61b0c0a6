"""Canvas pages: the tree, its order and the trash. Order keys come from the caller."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, and_, bindparam, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Membership, Page, PageGrant, Role
from storage.repositories.access_changes import AccessChanges

# Asked by every join, so it is built once: that costs as much as its answer.
_WITH_ROLE = (
    select(Page, Membership.role)
    .outerjoin(
        Membership,
        and_(Membership.workspace_id == Page.workspace_id, Membership.user_id == bindparam("user_id")),
    )
    .where(Page.id == bindparam("page_id"))
)


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
        parent: Page | None,
        icon_url: str | None,
        order_key: str,
        created_by_user_id: UUID,
        page_id: UUID | None = None,
    ) -> Page:
        """Add a page, under an id of its own if that was chosen; it is as restricted as its parent."""
        page = Page(
            id=page_id or self._new_id(),
            workspace_id=workspace_id,
            parent_page_id=parent.id if parent else None,
            access_root_id=parent.access_root_id if parent else None,
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

    async def visible(
        self, workspace_id: UUID, page_ids: Collection[UUID], *, reader: UUID | None
    ) -> Sequence[UUID]:
        """Return which of the pages of a workspace, in the trash or not, a member sees; None sees all."""
        found = await self._session.scalars(
            select(Page.id).where(
                Page.workspace_id == workspace_id, Page.id.in_(page_ids), *visible_to(reader)
            )
        )
        return found.all()

    async def find_with_role(self, page_id: UUID, user_id: UUID | None) -> tuple[Page, Role | None] | None:
        """Return a page and the user's role in its workspace, which is None for no member."""
        found = await self._session.execute(_WITH_ROLE, {"page_id": page_id, "user_id": user_id})
        row = found.one_or_none()
        return (row[0], row[1]) if row else None

    async def list_tree(
        self, workspace_id: UUID, *, reader: UUID | None, after: tuple[str, UUID] | None, limit: int
    ) -> Sequence[Page]:
        """Return the pages outside the trash by (order key, id), behind `after`: siblings in their order.

        `reader` is the member who may see them all; None sees what is restricted too.
        """
        statement = (
            select(Page)
            .where(Page.workspace_id == workspace_id, Page.trashed_at.is_(None), *visible_to(reader))
            .order_by(Page.order_key, Page.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(_is_behind(*after))
        return (await self._session.scalars(statement)).all()

    async def children(
        self, page_ids: Collection[UUID], *, after: tuple[str, UUID] | None = None, limit: int
    ) -> Sequence[Page]:
        """Return the pages right below some, trash aside, siblings in their order, behind `after`."""
        ids = list(page_ids)
        # Of one page they lie in their order in the index.
        is_below = Page.parent_page_id == ids[0] if len(ids) == 1 else Page.parent_page_id.in_(ids)
        statement = (
            select(Page)
            .where(is_below, Page.trashed_at.is_(None))
            .order_by(Page.order_key, Page.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(_is_behind(*after))
        return (await self._session.scalars(statement)).all()

    async def list_templates(
        self, workspace_id: UUID, *, reader: UUID | None, after: UUID | None, limit: int
    ) -> Sequence[Page]:
        """Return the templates outside the trash, oldest first, behind `after`; `reader` as above."""
        statement = (
            select(Page)
            .where(
                Page.workspace_id == workspace_id,
                Page.is_template,
                Page.trashed_at.is_(None),
                *visible_to(reader),
            )
            .order_by(Page.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(Page.id > after)
        return (await self._session.scalars(statement)).all()

    async def list_trash(
        self, workspace_id: UUID, *, reader: UUID | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[Page]:
        """Return the pages in the trash, the latest thrown away first, behind `after`; `reader` as above."""
        statement = (
            select(Page)
            .where(Page.workspace_id == workspace_id, Page.trashed_at.is_not(None), *visible_to(reader))
            .order_by(Page.trashed_at.desc(), Page.id.desc())
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(tuple_(Page.trashed_at, Page.id) < after)
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

    async def restrict(self, page: Page) -> None:
        """Close a page, and what is below it, to all who have no grant."""
        await self._set_access_root(page, page.id)

    async def unrestrict(self, page: Page) -> None:
        """Let a restricted page be as open as its parent."""
        await self._set_access_root(page, await self._access_root_of(page.parent_page_id))

    async def follow_parent(self, page: Page) -> None:
        """Let a page that was moved, and is not restricted itself, be as open as its new parent."""
        if page.access_root_id != page.id:
            await self._set_access_root(page, await self._access_root_of(page.parent_page_id))

    async def _access_root_of(self, page_id: UUID | None) -> UUID | None:
        return await self._session.scalar(select(Page.access_root_id).where(Page.id == page_id))

    async def _set_access_root(self, page: Page, access_root_id: UUID | None) -> None:
        """Set it on a page and what is below it, down to pages that are restricted themselves."""
        same = (
            Page.access_root_id.is_(None)
            if page.access_root_id is None
            else Page.access_root_id == page.access_root_id
        )
        tree = _subtree(page, same)
        changed = await self._session.scalars(
            update(Page)
            .where(Page.id.in_(select(tree.c.id)))
            .values(access_root_id=access_root_id)
            .returning(Page.id)
            .execution_options(synchronize_session=False)
        )
        self._note_access(changed)
        await self._session.refresh(page)

    async def _mark(self, root: Page, chosen: ColumnElement[bool], trashed_at: datetime | None) -> None:
        """Set `trashed_at` on a page and, through children that are chosen too, on everything below it."""
        tree = _subtree(root, chosen)
        marked = await self._session.scalars(
            update(Page)
            .where(Page.id.in_(select(tree.c.id)))
            .values(trashed_at=trashed_at, updated_at=self._now)
            .returning(Page.id)
            .execution_options(synchronize_session=False)
        )
        self._note_access(marked)
        await self._session.refresh(root)

    def _note_access(self, page_ids: Iterable[UUID]) -> None:
        """Note that the access to pages, and to the comments on them, is to be decided anew."""
        ids = list(page_ids)
        self._access_changes.note(*(f"{kind}:{page_id}" for page_id in ids for kind in ("page", "comments")))


def visible_to(reader: UUID | None) -> tuple[ColumnElement[bool], ...]:
    """Return what a page of a workspace has to fulfil for one of its members to see it; None sees all."""
    if reader is None:
        return ()
    granted = select(PageGrant.page_id).where(PageGrant.user_id == reader)
    # Where a page within a restricted area was granted, the way down from there is open too.
    opened = (
        select(Page.id, Page.access_root_id)
        .join(PageGrant, PageGrant.page_id == Page.id)
        .where(PageGrant.user_id == reader, Page.access_root_id != Page.id)
        .cte("opened", recursive=True)
    )
    opened = opened.union_all(
        select(Page.id, Page.access_root_id).join(
            opened,
            and_(Page.parent_page_id == opened.c.id, Page.access_root_id == opened.c.access_root_id),
        )
    )
    return (
        or_(
            Page.access_root_id.is_(None),
            Page.access_root_id.in_(granted),
            Page.id.in_(select(opened.c.id)),
        ),
    )


def granted_to(user_id: UUID) -> ColumnElement[bool]:
    """Return what a page has to fulfil to be one that somebody was granted, or below such a one."""
    granted = (
        select(Page.id, Page.access_root_id)
        .join(PageGrant, PageGrant.page_id == Page.id)
        .where(PageGrant.user_id == user_id)
        .cte("granted", recursive=True)
    )
    # A restriction ends what is granted above it.
    is_as_open = or_(
        Page.access_root_id == granted.c.access_root_id,
        and_(Page.access_root_id.is_(None), granted.c.access_root_id.is_(None)),
    )
    granted = granted.union(
        select(Page.id, Page.access_root_id).join(
            granted, and_(Page.parent_page_id == granted.c.id, is_as_open)
        )
    )
    return Page.id.in_(select(granted.c.id))


def _subtree(root: Page, chosen: ColumnElement[bool]) -> CTE:
    """Return the ids of a page and, through children that are chosen, of everything below it."""
    tree = select(Page.id).where(Page.id == root.id).cte("tree", recursive=True)
    return tree.union_all(select(Page.id).join(tree, Page.parent_page_id == tree.c.id).where(chosen))


def _is_behind(order_key: str, page_id: UUID) -> ColumnElement[bool]:
    return tuple_(Page.order_key, Page.id) > (order_key, page_id)


def _siblings(
    workspace_id: UUID, parent_page_id: UUID | None, moving: UUID | None
) -> tuple[ColumnElement[bool], ...]:
    parent = (
        Page.parent_page_id.is_(None) if parent_page_id is None else Page.parent_page_id == parent_page_id
    )
    others = () if moving is None else (Page.id != moving,)
    return (Page.workspace_id == workspace_id, parent, *others)
