"""Previews of other sites' pages, and blocks that wait for one."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import LinkPreview, WaitingEmbed, some_of, table_of

_FORGOTTEN_AT_ONCE = 50


_waiting = table_of(WaitingEmbed).c
_STOP_WAITING = delete(table_of(WaitingEmbed)).where(
    _waiting.page_id == bindparam("page_id"), _waiting.block_id.in_(some_of("ids"))
)


class Embeds:
    """Previews by address, and waiting blocks by page."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def find(self, url: str) -> Mapping[str, Any] | None:
        """Return what was said of an address, if that is still good."""
        found = await self._session.get(LinkPreview, _digest(url))
        return found.preview if found is not None and found.expires_at > self._now else None

    async def keep(self, url: str, preview: Mapping[str, Any], lifetime: timedelta) -> None:
        """Keep what was said of an address; forget some of what is good no more."""
        old = (
            select(LinkPreview.digest)
            .where(LinkPreview.expires_at <= self._now)
            .order_by(LinkPreview.expires_at)
            .limit(_FORGOTTEN_AT_ONCE)
        )
        await self._session.execute(
            delete(LinkPreview)
            .where(LinkPreview.digest.in_(old))
            .execution_options(synchronize_session=False)
        )
        self._session.expunge_all()
        await self._session.merge(
            LinkPreview(digest=_digest(url), preview=dict(preview), expires_at=self._now + lifetime)
        )
        await self._session.flush()

    async def set_waiting(self, page_id: UUID, written: Collection[str], waiting: Mapping[str, str]) -> None:
        """Of a page's blocks that were just written, let some wait: block id -> address."""
        await self._session.execute(_STOP_WAITING, {"page_id": page_id, "ids": written})
        self._session.add_all(
            WaitingEmbed(page_id=page_id, block_id=block_id, url=url, due_at=self._now)
            for block_id, url in waiting.items()
        )
        await self._session.flush()

    async def due(self, limit: int) -> Sequence[WaitingEmbed]:
        """Return blocks whose turn it is."""
        found = await self._session.scalars(
            select(WaitingEmbed)
            .where(WaitingEmbed.due_at <= self._now)
            .order_by(WaitingEmbed.due_at)
            .limit(limit)
        )
        return found.all()

    async def postpone(self, waiting: WaitingEmbed, pause: timedelta) -> None:
        """Let a block wait longer."""
        await self._session.execute(
            update(WaitingEmbed).where(*_is(waiting)).values(due_at=self._now + pause)
        )

    async def finish(self, waiting: WaitingEmbed) -> None:
        """Let a block wait no more, unless it has another address by now."""
        await self._session.execute(
            delete(WaitingEmbed).where(*_is(waiting)).execution_options(synchronize_session=False)
        )


def _is(waiting: WaitingEmbed) -> tuple[Any, ...]:
    return (
        WaitingEmbed.page_id == waiting.page_id,
        WaitingEmbed.block_id == waiting.block_id,
        WaitingEmbed.url == waiting.url,
    )


def _digest(url: str) -> bytes:
    return sha256(url.encode()).digest()
