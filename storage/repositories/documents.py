"""The rows that make documents exist. Their updates and snapshots belong to `storage.update_log`."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import UnknownDocumentError
from storage.models import Document, Update

_BATCH = 500


class Documents:
    """Documents by name."""

    def __init__(self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id

    async def create(self, name: str, workspace_id: UUID | None) -> Document:
        """Add an empty document, which the update log accepts once this is committed.

        A name that exists makes the unit fail with `ConstraintError("uq_documents_name")`.
        """
        document = Document(
            name=name, epoch=self._new_epoch(), workspace_id=workspace_id, created_at=self._now
        )
        self._session.add(document)
        await self._session.flush()
        return document

    async def exists(self, name: str) -> bool:
        """Tell whether there is a document of a name."""
        found = await self._session.scalar(select(Document.id).where(Document.name == name))
        return found is not None

    async def reset(self, name: str, content: bytes | None = None, author: str = "system") -> Document:
        """Begin a new epoch of a document (D7): with a fresh log, whose first row is `content`, if given.

        Its log so far stays, with snapshots and named versions, as the document `NAME@EPOCH`. Whoever still
        appends to the old epoch gets nothing committed any more. Raises UnknownDocumentError.
        """
        ended = await self._session.scalar(
            select(Document)
            .where(Document.name == name)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if ended is None:
            raise UnknownDocumentError(name)
        ended.name = f"{name}@{ended.epoch}"
        await self._session.flush()
        document = await self.create(name, ended.workspace_id)
        if content is not None:
            document.head = 1
            self._session.add(
                Update(document_id=document.id, position=1, data=content, author=author, created_at=self._now)
            )
            await self._session.flush()
        return document

    async def begin_epochs(self) -> None:
        """Begin a new epoch of every document with the log that it has: it came back from a backup (D7).

        What resets ended (`NAME@EPOCH`) is nobody's copy and keeps its name.
        """
        after = 0
        while found := await self.list_after(after, _BATCH):
            after = found[-1].id
            fresh = [{"id": one.id, "epoch": self._new_epoch()} for one in found if "@" not in one.name]
            if fresh:
                await self._session.execute(update(Document), fresh)
            self._session.expunge_all()

    async def epochs(self, names: Iterable[str]) -> dict[str, str]:
        """Return the epoch of each of these documents that exists."""
        found = await self._session.execute(
            select(Document.name, Document.epoch).where(Document.name.in_(list(names)))
        )
        return {row.name: row.epoch for row in found}

    async def get(self, name: str) -> Document | None:
        """Return a document's row, or None. Its `head` is as old as this unit of work."""
        return await self._session.scalar(select(Document).where(Document.name == name))

    async def list_after(self, document_id: int, limit: int) -> Sequence[Document]:
        """Return documents by id, behind `document_id` (0 for the beginning)."""
        found = await self._session.scalars(
            select(Document).where(Document.id > document_id).order_by(Document.id).limit(limit)
        )
        return found.all()

    def _new_epoch(self) -> str:
        return self._new_id().hex[-8:]  # the end of a UUIDv7 is random
