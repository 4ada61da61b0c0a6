"""The rows that make documents exist. Their updates and snapshots belong to `storage.update_log`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Document


class Documents:
    """Documents by name."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def create(self, name: str, workspace_id: UUID | None) -> Document:
        """Add an empty document, which the update log accepts once this is committed.

        A name that exists makes the unit fail with `ConstraintError("uq_documents_name")`.
        """
        document = Document(name=name, workspace_id=workspace_id, created_at=self._now)
        self._session.add(document)
        await self._session.flush()
        return document

    async def get(self, name: str) -> Document | None:
        """Return a document's row, or None. Its `head` is as old as this unit of work."""
        return await self._session.scalar(select(Document).where(Document.name == name))

    async def list_after(self, document_id: int, limit: int) -> Sequence[Document]:
        """Return documents by id, behind `document_id` (0 for the beginning)."""
        found = await self._session.scalars(
            select(Document).where(Document.id > document_id).order_by(Document.id).limit(limit)
        )
        return found.all()
