"""The outbox: events in one gapless order per workspace, written in the transaction of their cause.

Consumers follow it with `after`, each with a position of its own, at least once.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import UnknownWorkspaceError
from storage.models import Event, Workspace


class Events:
    """The events of all workspaces, as one unit of work sees them."""

    def __init__(self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id

    async def append(
        self,
        workspace_id: UUID,
        type: str,
        actor: str | None = None,
        subject: str | None = None,
        payload: dict[str, Any] | None = None,
    ) -> Event:
        """Add an event at the next position.

        The position stays gapless because the counter moves in the same transaction: whoever rolls back gives
        it back. On Postgres this holds the workspace's row until the commit, so append late in a unit.
        """
        moved = await self._session.execute(
            update(Workspace)
            .where(Workspace.id == workspace_id)
            .values(event_head=Workspace.event_head + 1)
            .returning(Workspace.event_head)
            .execution_options(synchronize_session=False)
        )
        position = moved.scalar_one_or_none()
        if position is None:
            raise UnknownWorkspaceError(workspace_id)
        event = Event(
            id=self._new_id(),
            workspace_id=workspace_id,
            position=position,
            type=type,
            actor=actor,
            subject=subject,
            payload=payload or {},
            created_at=self._now,
        )
        self._session.add(event)
        await self._session.flush()
        return event

    async def after(self, workspace_id: UUID, position: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events behind `position` (0 for the beginning), oldest first."""
        found = await self._session.scalars(
            select(Event)
            .where(Event.workspace_id == workspace_id, Event.position > position)
            .order_by(Event.position)
            .limit(limit)
        )
        return found.all()
