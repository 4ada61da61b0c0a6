"""Idempotency keys: who used which for what, and the answer that was given."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import IdempotencyKey

KEPT = timedelta(hours=24)
"""How long an answer is remembered."""


class IdempotencyKeys:
    """Keys by principal. A claim belongs to the transaction of the work it protects."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def claim(self, principal: str, key: str, request_hash: str) -> IdempotencyKey | None:
        """Take a key, or return what it was used for.

        While another transaction holds the same key this waits for its end, and takes the key if that one
        rolled back. Keys of this principal that are older than `KEPT` are forgotten.
        """
        await self._session.execute(
            delete(IdempotencyKey)
            .where(IdempotencyKey.principal == principal, IdempotencyKey.created_at < self._now - KEPT)
            .execution_options(synchronize_session=False)
        )
        try:
            async with self._session.begin_nested():
                self._session.add(
                    IdempotencyKey(
                        principal=principal,
                        key=key,
                        request_hash=request_hash,
                        status=0,
                        body=b"",
                        created_at=self._now,
                    )
                )
                await self._session.flush()
        except IntegrityError:
            return await self._session.scalar(
                select(IdempotencyKey).where(IdempotencyKey.principal == principal, IdempotencyKey.key == key)
            )
        return None

    async def save_answer(
        self, principal: str, key: str, status: int, body: bytes, headers: Mapping[str, str]
    ) -> None:
        """Remember the answer to the request that claimed the key."""
        await self._session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.principal == principal, IdempotencyKey.key == key)
            .values(status=status, body=body, headers=dict(headers))
        )

    async def release(self, principal: str, key: str) -> None:
        """Give back a key whose request was not done."""
        await self._session.execute(
            delete(IdempotencyKey).where(IdempotencyKey.principal == principal, IdempotencyKey.key == key)
        )
