"""Which files have not been read for the search, and what is found of those that have been."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.callers import parse_document_name
from storage.models import File
from storage.search.index import Entry, Search


class FileTexts:
    """The texts of files. Contents are never changed, so each file is read once."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def unread(self, *, after: UUID | None, limit: int) -> Sequence[File]:
        """Return files that have not been read, oldest first, behind `after`."""
        statement = select(File).where(~File.is_text_read).order_by(File.id).limit(limit)
        if after is not None:
            statement = statement.where(File.id > after)
        return (await self._session.scalars(statement)).all()

    async def finish(self, file: File, text: str, search: Search) -> bool:
        """Let a file be found by its name and its text; False where it was deleted, or read by another."""
        finished = await self._session.scalar(
            update(File)
            .where(File.id == file.id, ~File.is_text_read)
            .values(is_text_read=True)
            .returning(File.id)
            .execution_options(synchronize_session=False)
        )
        if finished is None:
            return False
        entry = Entry(str(file.id), file.created_by, file.created_at, file.name, text)
        await search.put(file.workspace_id, "file", owner_of(file), [entry])
        return True

    async def read_again(self, file_ids: Collection[UUID] | None = None) -> None:
        """Have files read anew, those of all workspaces where none are named."""
        statement = update(File).where(File.is_text_read)
        if file_ids is not None:
            statement = statement.where(File.id.in_(file_ids))
        await self._session.execute(
            statement.values(is_text_read=False).execution_options(synchronize_session=False)
        )


def owner_of(file: File) -> UUID:
    """Return what decides who may find a file: see `SearchEntry`."""
    document = parse_document_name(file.document or "")
    return document[1] if document else file.id
