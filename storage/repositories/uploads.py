"""How uploads move on: every step says from where it starts, so of two at once one is refused.

The rows of uploads themselves are `owned` ones.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Upload, UploadPart


class Ended(msgspec.Struct, frozen=True):
    """What an upload leaves behind that is gone."""

    workspace_id: UUID
    reserved: int
    """The room that it had taken and no file has now."""
    part_ids: Sequence[UUID]


class Uploads:
    """The progress of all uploads, as one unit of work sees it."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def count_open(self, workspace_id: UUID) -> int:
        """Return how many uploads of a workspace are under way."""
        counted = await self._session.scalar(
            select(func.count()).where(Upload.workspace_id == workspace_id, Upload.file_id.is_(None))
        )
        return counted or 0

    async def received(self, upload_id: UUID) -> int | None:
        """Return how far an upload has come; None for none."""
        return await self._session.scalar(select(Upload.received).where(Upload.id == upload_id))

    async def parts(self, upload_id: UUID) -> Sequence[UploadPart]:
        """Return the parts of an upload, in their order."""
        found = await self._session.scalars(
            select(UploadPart).where(UploadPart.upload_id == upload_id).order_by(UploadPart.start)
        )
        return found.all()

    async def append(
        self, upload_id: UUID, start: int, parts: Sequence[tuple[UUID, int]], expires_at: datetime
    ) -> bool:
        """Add parts (id, size) that are in the store; False when the upload does not end at `start`."""
        end = start + sum(size for _, size in parts)
        if not await self._move(upload_id, start, end, expires_at=expires_at):
            return False
        for part_id, size in parts:
            self._session.add(UploadPart(id=part_id, upload_id=upload_id, start=start, size=size))
            start += size
        await self._session.flush()
        return True

    async def complete(self, upload_id: UUID, start: int, end: int, file_id: UUID) -> bool:
        """Let an upload be over, with its file; False when it does not end at `start`, or is gone."""
        if not await self._move(upload_id, start, end, file_id=file_id):
            return False
        await self._session.execute(delete(UploadPart).where(UploadPart.upload_id == upload_id))
        return True

    async def end(self, upload_id: UUID) -> Ended | None:
        """Delete an upload; None when somebody else has."""
        part_ids = [part.id for part in await self.parts(upload_id)]
        row = (
            await self._session.execute(
                delete(Upload)
                .where(Upload.id == upload_id)
                .returning(Upload.workspace_id, Upload.size, Upload.file_id)
                .execution_options(synchronize_session=False)
            )
        ).one_or_none()
        if row is None:
            return None
        return Ended(row.workspace_id, 0 if row.file_id else row.size, part_ids)

    async def expired(self, limit: int) -> Sequence[UUID]:
        """Return uploads whose time is over."""
        found = await self._session.scalars(
            select(Upload.id).where(Upload.expires_at <= self._now).order_by(Upload.expires_at).limit(limit)
        )
        return found.all()

    async def existing_parts(self, part_ids: Collection[UUID]) -> set[UUID]:
        """Return which of the parts belong to an upload."""
        return set(await self._session.scalars(select(UploadPart.id).where(UploadPart.id.in_(part_ids))))

    async def _move(self, upload_id: UUID, start: int, end: int, **values: object) -> bool:
        moved = await self._session.scalar(
            update(Upload)
            .where(Upload.id == upload_id, Upload.received == start, Upload.file_id.is_(None))
            .values(received=end, updated_at=self._now, **values)
            .returning(Upload.id)
            .execution_options(synchronize_session=False)
        )
        return moved is not None
