"""The outbox: events in one gapless order per workspace, written in the transaction of their cause.

Consumers follow it with `after`, each with a position of its own, at least once; `storage.event_feed` tells
them when there is something new.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, bindparam, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import UnknownWorkspaceError
from storage.looks import Look
from storage.models import Event, Workspace, table_of
from storage.repositories.audit import AUDITED, Audit

CHANNEL = "ionflux_events"
"""Where Postgres tells other processes which workspaces have new events: ids, separated by commas."""

_IDS_OF_A_NOTICE = 200
"""A notice may have 8000 bytes."""


_workspaces = table_of(Workspace).c
_MOVE_HEAD = (
    update(table_of(Workspace))
    .where(_workspaces.id == bindparam("workspace"))
    .values(event_head=_workspaces.event_head + bindparam("more"))
    .returning(_workspaces.event_head)
)
_ADD = insert(table_of(Event))


HEADS = Look(
    select(Event.workspace_id, func.max(Event.position))
    .where(Event.id >= bindparam("since"))
    .group_by(Event.workspace_id)
)
"""Which workspaces got events whose ids are not before `since`, each with its newest position."""


class NewEvent(msgspec.Struct, frozen=True):
    """What is to be told."""

    type: str
    actor: str | None = None
    subject: str | None = None
    payload: dict[str, Any] = {}


class Events:
    """The events of all workspaces, as one unit of work sees them."""

    def __init__(
        self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID], audit: Audit
    ) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id
        self._audit = audit
        self.touched: set[UUID] = set()
        """The workspaces that get new events by this unit."""
        self.types: set[str] = set()
        """The types of these events."""

    async def append(
        self,
        workspace_id: UUID,
        type: str,
        actor: str | None = None,
        subject: str | None = None,
        payload: dict[str, Any] | None = None,
    ) -> int:
        """Add an event; return its position. See `append_all`."""
        return await self.append_all(workspace_id, [NewEvent(type, actor, subject, payload or {})])

    async def append_all(self, workspace_id: UUID, new: Sequence[NewEvent]) -> int:
        """Add some events at the next positions; and to the audit log what concerns security.

        Returns the position of the last.

        The positions stay gapless because the counter moves in the same transaction: whoever rolls back gives
        them back. On Postgres this holds the workspace's row until the commit, so append late in a unit.
        """
        head = await self._session.scalar(_MOVE_HEAD, {"workspace": workspace_id, "more": len(new)})
        if head is None:
            raise UnknownWorkspaceError(workspace_id)
        rows = [
            {
                "id": self._new_id(),
                "workspace_id": workspace_id,
                "position": position,
                "type": one.type,
                "actor": one.actor,
                "subject": one.subject,
                "payload": one.payload,
                "created_at": self._now,
            }
            for position, one in enumerate(new, head - len(new) + 1)
        ]
        await self._session.execute(_ADD, rows)
        for one in new:
            if one.type.partition(".")[0] in AUDITED:
                self._audit.add(
                    one.type,
                    workspace_id=workspace_id,
                    actor=one.actor,
                    subject=one.subject,
                    details=one.payload,
                )
        await self._session.flush()
        self.touched.add(workspace_id)
        self.types.update(one.type for one in new)
        return head

    async def announce(self) -> None:
        """Let other processes hear of the new events when this unit commits; SQLite has no way to."""
        if not self.touched or self._session.get_bind().dialect.name != "postgresql":
            return
        ids = [str(workspace_id) for workspace_id in self.touched]
        for start in range(0, len(ids), _IDS_OF_A_NOTICE):
            notice = ",".join(ids[start : start + _IDS_OF_A_NOTICE])
            await self._session.execute(
                text("SELECT pg_notify(:channel, :notice)"), {"channel": CHANNEL, "notice": notice}
            )

    async def after(self, workspace_id: UUID, position: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events behind `position` (0 for the beginning), oldest first."""
        found = await self._session.scalars(
            select(Event)
            .where(Event.workspace_id == workspace_id, Event.position > position)
            .order_by(Event.position)
            .limit(limit)
        )
        return found.all()

    async def of_types(
        self, workspace_id: UUID, after: int, upto: int, types: Sequence[str]
    ) -> Sequence[Event]:
        """Return the events of some types behind one position up to and with another, oldest first.

        A type that ends in `.*` stands for all that begin like it; no types at all stand for every type.
        """
        statement = (
            select(Event)
            .where(Event.workspace_id == workspace_id, Event.position > after, Event.position <= upto)
            .order_by(Event.position)
        )
        if types:
            statement = statement.where(or_(*(_fits(pattern) for pattern in types)))
        return (await self._session.scalars(statement)).all()

    async def head(self, workspace_id: UUID) -> int:
        """Return the position of a workspace's newest event; 0 also for a workspace that is gone."""
        head = await self._session.scalar(select(Workspace.event_head).where(Workspace.id == workspace_id))
        return head or 0


def _fits(pattern: str) -> ColumnElement[bool]:
    if pattern.endswith(".*"):
        return Event.type.startswith(pattern.removesuffix("*"), autoescape=True)
    return Event.type == pattern
