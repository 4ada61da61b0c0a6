"""Mails that wait for somebody to take them. What is in them is sealed, and not read here."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.looks import Look
from storage.models import WaitingMail

ANY_DUE = Look(select(WaitingMail.id).where(WaitingMail.next_attempt_at <= bindparam("now")).limit(1))
"""One of the mails whose time has come."""


class Mails:
    """The outbox: written with what causes a mail, worked off by one process."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def add(self, mail_id: UUID, content: bytes, *, priority: int) -> None:
        """Let a mail wait; its first attempt is due at once."""
        self._session.add(
            WaitingMail(
                id=mail_id,
                content=content,
                priority=priority,
                next_attempt_at=self._now,
                created_at=self._now,
            )
        )
        await self._session.flush()

    async def due(self, limit: int, *, besides: Collection[UUID] = ()) -> Sequence[WaitingMail]:
        """Return mails whose time has come, the urgent ones first, without those that are named."""
        found = await self._session.scalars(
            select(WaitingMail)
            .where(WaitingMail.next_attempt_at <= self._now, WaitingMail.id.not_in(besides))
            .order_by(WaitingMail.priority, WaitingMail.next_attempt_at)
            .limit(limit)
        )
        return found.all()

    async def lock(self, mail_id: UUID) -> WaitingMail | None:
        """Return a mail that still waits, and keep others from it until the end of the unit."""
        return await self._session.scalar(
            select(WaitingMail).where(WaitingMail.id == mail_id).with_for_update()
        )

    async def replace(self, mail: WaitingMail, content: bytes) -> None:
        """Put the mail in the place of what it was written from."""
        mail.content = content
        await self._session.flush()

    async def postpone(self, mail: WaitingMail, next_attempt_at: datetime) -> None:
        """Let a mail wait for another attempt."""
        await self._session.execute(
            update(WaitingMail)
            .where(WaitingMail.id == mail.id)
            .values(attempts=mail.attempts + 1, next_attempt_at=next_attempt_at)
            .execution_options(synchronize_session=False)
        )

    async def remove(self, mail_id: UUID) -> None:
        """Forget a mail: it is taken, or given up."""
        await self._session.execute(
            delete(WaitingMail).where(WaitingMail.id == mail_id).execution_options(synchronize_session=False)
        )
