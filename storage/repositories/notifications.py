"""What people are told. Rows are written by the consumer of events, marked and mailed afterwards."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Integer, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.ids import earliest_id
from storage.looks import Look
from storage.models import Inbox, Notification
from storage.repositories.upserts import insert_into

_ROWS = 1000
"""Of one statement: SQLite takes 32,766 values at once."""


TO_BE_MAILED = Look(
    select(Notification.user_id)
    .where(Notification.mail_at <= bindparam("now"))
    .group_by(Notification.user_id)
    .order_by(func.min(Notification.mail_at))
    .limit(bindparam("limit", type_=Integer))
)
"""People who have notifications whose time to be mailed has come."""


class Selection(msgspec.Struct, frozen=True):
    """Which of somebody's notifications are meant; None for any."""

    workspace_id: UUID | None = None
    document: str | None = None
    up_to: UUID | None = None
    """The newest that is meant: what came later was not seen yet."""


class Notifications:
    """Notifications by person."""

    def __init__(self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id

    async def add(self, rows: Sequence[Mapping[str, Any]]) -> list[UUID]:
        """Add rows; an event that somebody was told of before is passed over. Returns who was told."""
        insert = (
            insert_into(self._session, Notification.__table__)  # without the mapper: thousands at once
            .on_conflict_do_nothing(index_elements=["user_id", "workspace_id", "position"])
            .returning(Notification.user_id)
        )
        told = list((await self._session.scalars(insert, rows)).all()) if rows else []
        await self.touch(told)
        return told

    async def told_up_to(self, workspace_id: UUID, position: int) -> UUID | None:
        """Return the last person, by their id, who was told of an event; None for nobody yet."""
        return await self._session.scalar(
            select(Notification.user_id)
            .where(Notification.workspace_id == workspace_id, Notification.position == position)
            .order_by(Notification.user_id.desc())
            .limit(1)
        )

    async def touch(self, user_ids: Collection[UUID]) -> None:
        """Note that these people's notifications have changed."""
        # In one order, so that two units never wait for each other in a circle.
        rows = [{"user_id": user_id, "revision": 1} for user_id in sorted(set(user_ids))]
        if rows:
            insert = insert_into(self._session, Inbox.__table__).on_conflict_do_update(
                index_elements=["user_id"], set_={"revision": Inbox.revision + 1}
            )
            await self._session.execute(insert, rows)

    async def revisions(self, user_ids: Collection[UUID]) -> dict[UUID, int]:
        """Return how often these people's notifications have changed; 0 is left out."""
        found: dict[UUID, int] = {}
        listed = list(user_ids)
        for start in range(0, len(listed), _ROWS):
            rows = await self._session.execute(
                select(Inbox.user_id, Inbox.revision).where(Inbox.user_id.in_(listed[start : start + _ROWS]))
            )
            found.update((row[0], row[1]) for row in rows)
        return found

    async def get(self, user_id: UUID, notification_id: UUID) -> Notification | None:
        """Return one of somebody's notifications, or None."""
        return await self._session.scalar(
            select(Notification).where(Notification.id == notification_id, Notification.user_id == user_id)
        )

    async def list_of_user(
        self, user_id: UUID, *, unread: bool = False, before: UUID | None = None, limit: int
    ) -> Sequence[Notification]:
        """Return somebody's notifications, all or the unread ones, the newest first, before `before`."""
        statement = (
            select(Notification)
            .where(Notification.user_id == user_id)
            .order_by(Notification.id.desc())
            .limit(limit)
        )
        if unread:
            statement = statement.where(Notification.read_at.is_(None))
        if before is not None:
            statement = statement.where(Notification.id < before)
        return (await self._session.scalars(statement)).all()

    async def unread_by_subject(self, user_id: UUID, most: int) -> dict[str, int]:
        """Return how many of the newest unread notifications, `most` at most, are about what."""
        newest = (
            select(Notification.subject)
            .where(Notification.user_id == user_id, Notification.read_at.is_(None))
            .order_by(Notification.id.desc())
            .limit(most)
            .subquery()
        )
        rows = await self._session.execute(select(newest.c.subject, func.count()).group_by(newest.c.subject))
        return {row[0]: row[1] for row in rows}

    async def mark_read(self, notification: Notification) -> None:
        """Mark one as read; one that is keeps its time."""
        if notification.read_at is None:
            notification.read_at = self._now
            await self._session.flush()
            await self.touch([notification.user_id])

    async def mark_all_read(self, user_id: UUID, selection: Selection) -> int:
        """Mark those of a selection as read; return how many were not."""
        chosen: list[ColumnElement[bool]] = [Notification.user_id == user_id, Notification.read_at.is_(None)]
        if selection.workspace_id is not None:
            chosen.append(Notification.workspace_id == selection.workspace_id)
        if selection.document is not None:
            chosen.append(Notification.subject == selection.document)
        if selection.up_to is not None:
            chosen.append(Notification.id <= selection.up_to)
        marked = await self._session.scalars(
            update(Notification)
            .where(*chosen)
            .values(read_at=self._now)
            .returning(Notification.id)
            .execution_options(synchronize_session=False)
        )
        count = len(marked.all())
        if count:
            await self.touch([user_id])
        return count

    async def waiting_for_mail(self, user_id: UUID, limit: int) -> tuple[Sequence[Notification], int]:
        """Return somebody's newest unread notifications that are due to be mailed, and how many there are."""
        due = (
            Notification.user_id == user_id,
            Notification.mail_at <= self._now,
            Notification.read_at.is_(None),
        )
        rows = await self._session.scalars(
            select(Notification).where(*due).order_by(Notification.id.desc()).limit(limit)
        )
        count = await self._session.scalar(select(func.count()).select_from(Notification).where(*due))
        return rows.all(), count or 0

    async def set_mail_time(self, user_id: UUID, mail_at: datetime | None, *, only_due: bool = False) -> None:
        """Set when what waits to be mailed to somebody goes; None takes it out of the mails."""
        waiting = [Notification.user_id == user_id, Notification.mail_at.is_not(None)]
        if only_due:
            waiting.append(Notification.mail_at <= self._now)
        await self._session.execute(
            update(Notification)
            .where(*waiting)
            .values(mail_at=mail_at)
            .execution_options(synchronize_session=False)
        )

    async def forget_older_than(self, age: timedelta, limit: int) -> int:
        """Delete what is that old, read or not, `limit` at most; return how many."""
        old = (
            select(Notification.id)
            .where(Notification.id < earliest_id(self._new_id(), age))
            .order_by(Notification.id)
            .limit(limit)
        )
        gone = await self._session.scalars(
            delete(Notification)
            .where(Notification.id.in_(old))
            .returning(Notification.user_id)
            .execution_options(synchronize_session=False)
        )
        users = gone.all()
        await self.touch(users)
        return len(users)
