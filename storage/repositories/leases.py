"""Leases: at most one holder of a name at a time, as far as clocks agree."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Lease
from storage.repositories.upserts import insert_into


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
        return name in await self.acquire_all({name: (holder, duration)})

    async def renew(self, name: str, holder: str, duration: timedelta) -> bool:
        """Renew a lease; False where somebody else has had it meanwhile: what it was for is over."""
        renewed = await self._session.scalar(
            update(Lease)
            .where(Lease.name == name, Lease.holder == holder)
            .values(expires_at=self._now + duration)
            .returning(Lease.name)
        )
        return renewed is not None

    async def acquire_all(self, wanted: Mapping[str, tuple[str, timedelta]]) -> set[str]:
        """Take or renew leases, each by its name for a holder and a time; return those that were had."""
        # In one order, so that two processes never wait for each other in a circle.
        rows = [
            {"name": name, "holder": holder, "expires_at": self._now + duration}
            for name, (holder, duration) in sorted(wanted.items())
        ]
        if not rows:
            return set()
        insert = insert_into(self._session, Lease.__table__).values(rows)
        statement = insert.on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": insert.excluded.holder, "expires_at": insert.excluded.expires_at},
            where=or_(Lease.holder == insert.excluded.holder, Lease.expires_at <= self._now),
        )
        return set((await self._session.scalars(statement.returning(Lease.name))).all())

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
        await self.release_all([(name, holder)])

    async def release_all(self, held: Collection[tuple[str, str]]) -> None:
        """Give leases back, each by its name and holder, as far as they are still theirs."""
        await self._session.execute(delete(Lease).where(tuple_(Lease.name, Lease.holder).in_(held)))
