"""How much room the files of a workspace take, and which files there are. The rows are `owned` ones."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import File, Workspace


class FileSpace:
    """The room for files, counted in `workspaces.file_bytes`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def used(self, workspace_id: UUID) -> int:
        """Return how many bytes a workspace's files have."""
        used = await self._session.scalar(select(Workspace.file_bytes).where(Workspace.id == workspace_id))
        return used or 0

    async def take(self, workspace_id: UUID, size: int, quota: int) -> bool:
        """Take room for a file; False when there is not so much left."""
        taken = await self._session.scalar(
            update(Workspace)
            .where(Workspace.id == workspace_id, Workspace.file_bytes + size <= quota)
            .values(file_bytes=Workspace.file_bytes + size)
            .returning(Workspace.id)
            .execution_options(synchronize_session=False)
        )
        return taken is not None

    async def give_back(self, workspace_id: UUID, size: int) -> None:
        """Give the room of a file back."""
        await self._session.execute(
            update(Workspace)
            .where(Workspace.id == workspace_id)
            .values(file_bytes=Workspace.file_bytes - size)
            .execution_options(synchronize_session=False)
        )

    async def existing(self, file_ids: Collection[UUID]) -> set[UUID]:
        """Return which of the files there are."""
        return set(await self._session.scalars(select(File.id).where(File.id.in_(file_ids))))
