"""Leases: at most one holder of a name at a time, as far as clocks agree."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Lease


class Leases:
    """Leases by name.

    They spare work that is done twice. What must not happen twice is guarded by the work's own writes: a
    process that was held up may go on after its lease has ended.
    """

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def acquire(self, name: str, holder: str, duration: timedelta) -> bool:
        """Take or renew a lease; False while somebody else has it."""
        expires_at = self._now + duration
        taken = await self._session.scalar(
            update(Lease)
            .where(Lease.name == name, or_(Lease.holder == holder, Lease.expires_at <= self._now))
            .values(holder=holder, expires_at=expires_at)
            .returning(Lease.name)
            .execution_options(synchronize_session=False)
        )
        if taken is not None:
            return True
        if await self._session.scalar(select(Lease.name).where(Lease.name == name)):
            return False
        try:
            async with self._session.begin_nested():
                self._session.add(Lease(name=name, holder=holder, expires_at=expires_at))
                await self._session.flush()
        except IntegrityError:  # another process was faster
            return False
        return True

    async def living(self, prefix: str) -> Sequence[str]:
        """Return the holders of leases whose names begin so and have not ended."""
        found = await self._session.scalars(
            select(Lease.holder).where(
                Lease.name.startswith(prefix, autoescape=True), Lease.expires_at > self._now
            )
        )
        return found.all()

    async def forget(self, prefix: str) -> None:
        """Delete leases whose names begin so and that ended."""
        await self._session.execute(
            delete(Lease).where(Lease.name.startswith(prefix, autoescape=True), Lease.expires_at <= self._now)
        )

    async def release(self, name: str, holder: str) -> None:
        """Give a lease back, if it is still the holder's."""
        await self._session.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))
