"""Workspaces and who belongs to them."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.models import Document, Membership, PromptLibrary, Role, User, Workspace
from storage.repositories.access_changes import AccessChanges
from storage.repositories.among import select_among

DEFAULT_LIBRARY = "Prompts"
"""The library that each workspace begins with."""


class Workspaces:
    """Workspaces and memberships, by id."""

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

    async def keep(self, workspace_id: UUID) -> bool:
        """Keep a workspace from being deleted until the end of the transaction; False where there is none.

        Whoever writes rows that go with it does so first: its deletion locks it, and then them.
        """
        found = await self._session.execute(
            select(Workspace.id)
            .where(Workspace.id == workspace_id)
            .with_for_update(read=True, key_share=True)
        )
        return found.scalar() is not None

    async def create(
        self, name: str, owner_user_id: UUID, settings: dict[str, Any] | None = None
    ) -> Workspace:
        """Add a workspace with its first owner and a prompt library."""
        workspace = Workspace(
            id=self._new_id(),
            name=name,
            owner_user_id=owner_user_id,
            settings=settings or {},
            created_at=self._now,
            updated_at=self._now,
        )
        self._session.add(workspace)
        await self._session.flush()
        self._session.add(
            PromptLibrary(
                id=self._new_id(),
                workspace_id=workspace.id,
                name=DEFAULT_LIBRARY,
                created_at=self._now,
                updated_at=self._now,
            )
        )
        await self.add_member(workspace.id, owner_user_id, "owner")
        return workspace

    async def get(self, workspace_id: UUID) -> Workspace | None:
        """Return a workspace, or None."""
        return await self._session.get(Workspace, workspace_id)

    async def lock(self, workspace_id: UUID) -> None:
        """Keep other units that lock it waiting until this one ends: for rules over several rows."""
        await self._session.execute(
            select(Workspace.id).where(Workspace.id == workspace_id).with_for_update()
        )

    async def find_with_role(
        self, workspace_id: UUID, user_id: UUID, *, lock: bool = False
    ) -> tuple[Workspace, Role] | None:
        """Return a workspace and the user's role in it, or None for no member.

        `lock` keeps other units that lock it waiting until this one ends: for rules over several rows.
        """
        statement = (
            select(Workspace, Membership.role)
            .join(Membership, Membership.workspace_id == Workspace.id)
            .where(Workspace.id == workspace_id, Membership.user_id == user_id)
        )
        if lock:
            statement = statement.with_for_update(of=Workspace)
        row = (await self._session.execute(statement)).one_or_none()
        return (row[0], row[1]) if row else None

    async def list_of_user(
        self, user_id: UUID, *, only: UUID | None = None, after: UUID | None, limit: int
    ) -> Sequence[tuple[Workspace, Role]]:
        """Return a user's workspaces, or `only` one, in the order of their making, behind `after`."""
        statement = (
            select(Workspace, Membership.role)
            .join(Membership, Membership.workspace_id == Workspace.id)
            .where(Membership.user_id == user_id)
            .order_by(Membership.workspace_id)
            .limit(limit)
        )
        if only is not None:
            statement = statement.where(Membership.workspace_id == only)
        if after is not None:
            statement = statement.where(Membership.workspace_id > after)
        return [(row[0], row[1]) for row in await self._session.execute(statement)]

    async def change(
        self, workspace: Workspace, *, name: str | None = None, settings: dict[str, Any] | None = None
    ) -> None:
        """Set what is given."""
        if name is not None:
            workspace.name = name
        if settings is not None:
            workspace.settings = settings
        workspace.updated_at = self._now
        await self._session.flush()

    async def delete(self, workspace_id: UUID) -> None:
        """Remove a workspace with everything in it, documents and history too."""
        names = await self._session.scalars(
            select(Document.name).where(Document.workspace_id == workspace_id)
        )
        self._access_changes.note(*names)
        await self._session.execute(delete(Workspace).where(Workspace.id == workspace_id))

    async def add_member(self, workspace_id: UUID, user_id: UUID, role: Role) -> Membership:
        """Add a member. One who is there makes the unit fail with `ConstraintError`."""
        membership = Membership(workspace_id=workspace_id, user_id=user_id, role=role, created_at=self._now)
        self._session.add(membership)
        await self._access_changes.note_user(user_id)
        await self._session.flush()
        return membership

    async def find_member(self, workspace_id: UUID, user_id: UUID) -> tuple[Membership, User] | None:
        """Return a member, or None."""
        row = (
            await self._session.execute(
                select(Membership, User)
                .join(User, User.id == Membership.user_id)
                .where(Membership.workspace_id == workspace_id, Membership.user_id == user_id)
            )
        ).one_or_none()
        return (row[0], row[1]) if row else None

    async def list_members(
        self, workspace_id: UUID, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[Membership, User]]:
        """Return the members in the order in which their accounts were made, behind `after`."""
        statement = (
            select(Membership, User)
            .join(User, User.id == Membership.user_id)
            .where(Membership.workspace_id == workspace_id)
            .order_by(Membership.user_id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(Membership.user_id > after)
        return [(row[0], row[1]) for row in await self._session.execute(statement)]

    async def first_members(self, workspace_ids: Sequence[UUID], limit: int) -> dict[UUID, list[UUID]]:
        """Return the members of each workspace as `list_members` orders them, `limit` of each at most."""
        if not workspace_ids:
            return {}
        parts = [
            select(Membership.workspace_id, Membership.user_id)
            .where(Membership.workspace_id == workspace_id)
            .order_by(Membership.user_id)
            .limit(limit)
            .subquery()
            for workspace_id in workspace_ids
        ]
        rows = await self._session.execute(union_all(*(select(part) for part in parts)))
        found: dict[UUID, list[UUID]] = {workspace_id: [] for workspace_id in workspace_ids}
        for row in rows:
            found[row.workspace_id].append(row.user_id)
        return found

    async def members_with(
        self, workspace_id: UUID, roles: Collection[Role], user_ids: Collection[UUID] | None
    ) -> set[UUID]:
        """Return which of these people, or of all, are active members with one of the roles."""
        statement = (
            select(Membership.user_id)
            .join(User, User.id == Membership.user_id)
            .where(
                Membership.workspace_id == workspace_id,
                Membership.role.in_(roles),
                User.deactivated_at.is_(None),
            )
        )
        return await select_among(self._session, statement, Membership.user_id, user_ids)

    async def change_role(self, membership: Membership, role: Role) -> None:
        """Set a member's role."""
        membership.role = role
        await self._access_changes.note_user(membership.user_id)
        await self._session.flush()

    async def remove_member(self, membership: Membership) -> None:
        """Remove a member."""
        await self._session.delete(membership)
        await self._access_changes.note_user(membership.user_id)
        await self._session.flush()

    async def keep_owner(self, workspace: Workspace) -> bool:
        """Let `owner_user_id` name somebody active with the role; False when nobody has it any more."""
        owners = (
            select(Membership.user_id)
            .join(User, User.id == Membership.user_id)
            .where(
                Membership.workspace_id == workspace.id,
                Membership.role == "owner",
                User.deactivated_at.is_(None),
            )
        )
        if await self._session.scalar(owners.where(Membership.user_id == workspace.owner_user_id)):
            return True
        successor = await self._session.scalar(owners.order_by(Membership.created_at).limit(1))
        if successor is None:
            return False
        workspace.owner_user_id = successor
        await self._session.flush()
        return True

    async def is_last_owner(self, user_id: UUID) -> bool:
        """Tell whether somebody is the only active owner of any workspace; locks those they own."""
        owned = (Membership.user_id == user_id, Membership.role == "owner")
        # In one order, so that two owners who go at once wait for each other.
        await self._session.execute(
            select(Workspace.id)
            .join(Membership, Membership.workspace_id == Workspace.id)
            .where(*owned)
            .order_by(Workspace.id)
            .with_for_update(of=Workspace)
        )
        other = aliased(Membership)
        others = (
            select(other.user_id)
            .join(User, User.id == other.user_id)
            .where(
                other.workspace_id == Membership.workspace_id,
                other.role == "owner",
                other.user_id != user_id,
                User.deactivated_at.is_(None),
            )
        )
        found = await self._session.scalar(
            select(Membership.workspace_id).where(*owned, ~others.exists()).limit(1)
        )
        return found is not None

    async def transfer(self, workspace: Workspace, giver: Membership, taker: Membership) -> None:
        """Make one member an owner, and the owner who gives that up an admin."""
        await self.change_role(taker, "owner")
        await self.change_role(giver, "admin")
        if workspace.owner_user_id == giver.user_id:
            workspace.owner_user_id = taker.user_id
        workspace.updated_at = self._now
        await self._session.flush()

    async def count_members(self, workspace_id: UUID, user_ids: Sequence[UUID]) -> int:
        """Return how many of the users are members."""
        count = await self._session.scalar(
            select(func.count())
            .select_from(Membership)
            .where(Membership.workspace_id == workspace_id, Membership.user_id.in_(user_ids))
        )
        return count or 0
