"""Grants on pages and share links: who may do more than their role says, or anything at all."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import CTE, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.models import GrantLevel, LinkLevel, Page, PageGrant, ShareLink, User
from storage.repositories.access_changes import AccessChanges


class Grants:
    """Grants by page and person."""

    def __init__(self, session: AsyncSession, now: datetime, access_changes: AccessChanges) -> None:
        self._session = session
        self._now = now
        self._access_changes = access_changes

    async def levels_on_path(self, page: Page, user_id: UUID) -> Sequence[GrantLevel]:
        """Return what somebody was granted on a page or above it, up to where access is restricted."""
        path = _path(page)
        found = await self._session.scalars(
            select(PageGrant.level)
            .join(path, path.c.id == PageGrant.page_id)
            .where(PageGrant.user_id == user_id)
        )
        return found.all()

    async def get(self, page_id: UUID, user_id: UUID) -> tuple[PageGrant, User] | None:
        """Return a grant on the page itself, with its person."""
        row = (
            await self._session.execute(
                select(PageGrant, User)
                .join(User, User.id == PageGrant.user_id)
                .where(PageGrant.page_id == page_id, PageGrant.user_id == user_id)
            )
        ).one_or_none()
        return (row[0], row[1]) if row else None

    async def list_of_page(
        self, page_id: UUID, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[PageGrant, User]]:
        """Return the grants on the page itself in the order of their people's accounts, behind `after`."""
        statement = (
            select(PageGrant, User)
            .join(User, User.id == PageGrant.user_id)
            .where(PageGrant.page_id == page_id)
            .order_by(PageGrant.user_id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(PageGrant.user_id > after)
        return [(row[0], row[1]) for row in await self._session.execute(statement)]

    async def list_of_user(
        self, user_id: UUID, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[Page, GrantLevel]]:
        """Return the pages outside the trash that were granted to somebody, oldest first, behind `after`."""
        statement = (
            select(Page, PageGrant.level)
            .join(PageGrant, PageGrant.page_id == Page.id)
            .where(PageGrant.user_id == user_id, Page.trashed_at.is_(None))
            .order_by(PageGrant.page_id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(PageGrant.page_id > after)
        return [(row[0], row[1]) for row in await self._session.execute(statement)]

    async def create(self, page_id: UUID, user_id: UUID, level: GrantLevel) -> PageGrant:
        """Add a grant. One that is there makes the unit fail with `ConstraintError`."""
        grant = PageGrant(page_id=page_id, user_id=user_id, level=level, created_at=self._now)
        self._session.add(grant)
        await self._access_changes.note_user(user_id)
        await self._session.flush()
        return grant

    async def change(self, grant: PageGrant, level: GrantLevel) -> None:
        """Set a grant's level."""
        grant.level = level
        await self._access_changes.note_user(grant.user_id)
        await self._session.flush()

    async def remove(self, grant: PageGrant) -> None:
        """Take a grant back."""
        await self._session.delete(grant)
        await self._access_changes.note_user(grant.user_id)
        await self._session.flush()

    async def remove_of_member(self, workspace_id: UUID, user_id: UUID) -> None:
        """Take back what was granted in a workspace to somebody who leaves it."""
        pages = select(Page.id).where(Page.workspace_id == workspace_id)
        await self._session.execute(
            delete(PageGrant)
            .where(PageGrant.user_id == user_id, PageGrant.page_id.in_(pages))
            .execution_options(synchronize_session=False)
        )

    async def copy(self, from_page_id: UUID, page_id: UUID) -> None:
        """Grant on a page, where nothing was granted, what is granted on another."""
        rows = await self._session.scalars(select(PageGrant).where(PageGrant.page_id == from_page_id))
        known = set(
            await self._session.scalars(select(PageGrant.user_id).where(PageGrant.page_id == page_id))
        )
        self._session.add_all(
            PageGrant(page_id=page_id, user_id=row.user_id, level=row.level, created_at=self._now)
            for row in rows
            if row.user_id not in known
        )
        await self._session.flush()


class ShareLinks:
    """Share links by id. A link stands while it is neither revoked nor expired."""

    def __init__(self, session: AsyncSession, now: datetime, access_changes: AccessChanges) -> None:
        self._session = session
        self._now = now
        self._access_changes = access_changes

    async def create(
        self,
        link_id: UUID,
        page_id: UUID,
        *,
        level: LinkLevel,
        secret_hash: str,
        password_hash: str | None,
        created_by_user_id: UUID,
        expires_at: datetime | None,
    ) -> ShareLink:
        """Add a link."""
        link = ShareLink(
            id=link_id,
            page_id=page_id,
            level=level,
            secret_hash=secret_hash,
            password_hash=password_hash,
            created_by_user_id=created_by_user_id,
            created_at=self._now,
            expires_at=expires_at,
        )
        self._session.add(link)
        await self._session.flush()
        return link

    async def get(self, page_id: UUID, link_id: UUID) -> ShareLink | None:
        """Return a page's link that is not revoked."""
        return await self._session.scalar(
            select(ShareLink).where(
                ShareLink.id == link_id, ShareLink.page_id == page_id, ShareLink.revoked_at.is_(None)
            )
        )

    async def find_standing(self, link_id: UUID) -> ShareLink | None:
        """Return a link that stands, to a page that is not in the trash."""
        return await self._session.scalar(
            select(ShareLink)
            .join(Page, Page.id == ShareLink.page_id)
            .where(
                ShareLink.id == link_id,
                ShareLink.revoked_at.is_(None),
                or_(ShareLink.expires_at.is_(None), ShareLink.expires_at > self._now),
                Page.trashed_at.is_(None),
            )
        )

    async def is_on_path(self, page: Page, page_id: UUID) -> bool:
        """Tell whether a link to `page_id` reaches a page: it or one above, up to where it is restricted."""
        path = _path(page)
        return await self._session.scalar(select(path.c.id).where(path.c.id == page_id)) is not None

    async def list_of_page(self, page_id: UUID, *, after: UUID | None, limit: int) -> Sequence[ShareLink]:
        """Return the links that are not revoked, oldest first, behind `after`."""
        statement = (
            select(ShareLink)
            .where(ShareLink.page_id == page_id, ShareLink.revoked_at.is_(None))
            .order_by(ShareLink.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(ShareLink.id > after)
        return (await self._session.scalars(statement)).all()

    async def revoke(self, link: ShareLink) -> None:
        """End a link."""
        link.revoked_at = self._now
        self._access_changes.note(f"link:{link.id}")
        await self._session.flush()


def _path(page: Page) -> CTE:
    """Return the ids from a page up to the one that restricts access to it, else to the top."""
    path = select(Page.id, Page.parent_page_id).where(Page.id == page.id).cte("path", recursive=True)
    above = aliased(Page)
    step = select(above.id, above.parent_page_id).join(path, above.id == path.c.parent_page_id)
    if page.access_root_id is not None:
        step = step.where(path.c.id != page.access_root_id)
    return path.union_all(step)
