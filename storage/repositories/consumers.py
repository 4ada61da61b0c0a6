"""Consumers of events and their cursors, a position in each workspace."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Text, Uuid, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import EventConsumer, EventCursor, UtcDateTime, Workspace
from storage.repositories.upserts import insert_into

Beginning = Literal["start", "now"]
"""What a consumer gets that is new: everything that ever happened, or what happens from now on."""


class Consumers:
    """Consumers by name."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def register(self, name: str, beginning: Beginning) -> None:
        """Make a consumer known; one that is known goes on where it was."""
        if await self._session.get(EventConsumer, name) is not None:
            return
        try:
            async with self._session.begin_nested():
                self._session.add(EventConsumer(name=name, created_at=self._now))
                await self._session.flush()
        except IntegrityError:  # another process was faster
            return
        if beginning == "now":
            columns = [
                literal(name, Text()),
                Workspace.id,
                Workspace.event_head,
                literal(self._now, UtcDateTime()),
            ]
            await self._session.execute(
                insert(EventCursor).from_select(
                    ["consumer", "workspace_id", "position", "updated_at"],
                    select(*columns).where(Workspace.event_head > 0),
                )
            )

    async def position(self, name: str, workspace_id: UUID) -> int:
        """Return the position up to which a consumer is done with a workspace."""
        found = await self._session.scalar(
            select(EventCursor.position).where(
                EventCursor.consumer == name, EventCursor.workspace_id == workspace_id
            )
        )
        return found or 0

    async def behind(self, name: str, *, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Return the workspaces, by id behind `after`, that have events which a consumer has not seen."""
        statement = (
            select(Workspace.id)
            .outerjoin(
                EventCursor,
                (EventCursor.workspace_id == Workspace.id) & (EventCursor.consumer == literal(name)),
            )
            .where(Workspace.event_head > func.coalesce(EventCursor.position, 0))
            .order_by(Workspace.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(Workspace.id > literal(after, Uuid()))
        return (await self._session.scalars(statement)).all()

    async def advance(self, name: str, workspace_id: UUID, *, seen: int, done: int) -> bool:
        """Move a cursor from where it was seen; False when somebody else has moved it since."""
        moved = await self._session.scalar(
            update(EventCursor)
            .where(
                EventCursor.consumer == name,
                EventCursor.workspace_id == workspace_id,
                EventCursor.position == seen,
            )
            .values(position=done, updated_at=self._now)
            .returning(EventCursor.position)
            .execution_options(synchronize_session=False)
        )
        if moved is not None or seen > 0:
            return moved is not None
        try:
            async with self._session.begin_nested():
                self._session.add(
                    EventCursor(consumer=name, workspace_id=workspace_id, position=done, updated_at=self._now)
                )
                await self._session.flush()
        except IntegrityError:
            return False
        return True

    async def follow(self, positions: Mapping[tuple[str, UUID], int]) -> None:
        """Move cursors, each a consumer's in a workspace, to where there was nothing to it; never back."""
        # First the workspaces, as everybody who writes rows that go with them; one may be gone.
        kept = await self._session.scalars(
            select(Workspace.id)
            .where(Workspace.id.in_({workspace_id for _, workspace_id in positions}))
            .order_by(Workspace.id)
            .with_for_update(read=True, key_share=True)
        )
        there = set(kept)
        rows = [
            {"consumer": name, "workspace_id": workspace_id, "position": position, "updated_at": self._now}
            for (name, workspace_id), position in sorted(positions.items())
            if workspace_id in there
        ]
        if not rows:
            return
        added = insert_into(self._session, EventCursor.__table__).values(rows)
        await self._session.execute(
            added.on_conflict_do_update(
                index_elements=["consumer", "workspace_id"],
                set_={"position": added.excluded.position, "updated_at": added.excluded.updated_at},
                where=EventCursor.position < added.excluded.position,
            )
        )
