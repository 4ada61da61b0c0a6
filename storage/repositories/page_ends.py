"""The end of pages: what has to go with one that is deleted for good."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Delete, Text, Update, cast, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import CanvasBlock, Document, File, Page, Suggestion
from storage.repositories.access_changes import AccessChanges

_FILES_AT_ONCE = 50


class PageEnds:
    """Deletes pages for good."""

    def __init__(self, session: AsyncSession, access_changes: AccessChanges) -> None:
        self._session = session
        self._access_changes = access_changes

    async def due(self, trashed_before: datetime, limit: int) -> Sequence[UUID]:
        """Return pages that have been in the trash since before a time, those longest there first."""
        found = await self._session.scalars(
            select(Page.id)
            .where(Page.trashed_at < trashed_before)
            .order_by(Page.trashed_at, Page.id)
            .limit(limit)
        )
        return found.all()

    async def delete(self, page: Page) -> Sequence[File]:
        """Delete a page, what is below it, and their documents; return the files that nothing shows now.

        Those are deleted as well, their contents are the caller's to remove. A file of these pages that a
        block of another page shows belongs to that page from now on.
        """
        tree = select(Page.id).where(Page.id == page.id).cte("tree", recursive=True)
        tree = tree.union_all(select(Page.id).join(tree, Page.parent_page_id == tree.c.id))
        ids = (await self._session.scalars(select(tree.c.id))).all()
        names = [f"page:{id_}" for id_ in ids]
        files = await self._let_go_of_files(page.workspace_id, ids, names)
        branches = await self._session.scalars(select(Suggestion.id).where(Suggestion.page_id.in_(ids)))
        companions = [f"comments:{id_}" for id_ in ids] + [f"suggestion:{id_}" for id_ in branches]
        for name in [*names, *companions]:
            # What resets have ended lies beside it as `NAME@EPOCH`.
            await self._run(
                delete(Document).where(or_(Document.name == name, Document.name.startswith(f"{name}@")))
            )
        await self._run(delete(Page).where(Page.id == page.id))
        self._session.expunge(page)
        self._access_changes.note(*names, *companions)
        return files

    async def _let_go_of_files(
        self, workspace_id: UUID, page_ids: Sequence[UUID], names: Sequence[str]
    ) -> Sequence[File]:
        found = await self._session.scalars(
            select(File).where(File.workspace_id == workspace_id, File.document.in_(names))
        )
        files = {file.id: file for file in found}
        shown = await self._shown_elsewhere(workspace_id, page_ids, files)
        for file_id, page_id in shown.items():
            await self._run(update(File).where(File.id == file_id).values(document=f"page:{page_id}"))
        gone = [file for file_id, file in files.items() if file_id not in shown]
        await self._run(delete(File).where(File.id.in_([file.id for file in gone])))
        return gone

    async def _shown_elsewhere(
        self, workspace_id: UUID, page_ids: Sequence[UUID], file_ids: Collection[UUID]
    ) -> dict[UUID, UUID]:
        """Return which of the files blocks of other pages name, with one such page."""
        shown: dict[UUID, UUID] = {}
        ids = sorted(file_ids)
        content = cast(CanvasBlock.content, Text)
        for start in range(0, len(ids), _FILES_AT_ONCE):
            some = ids[start : start + _FILES_AT_ONCE]
            rows = await self._session.execute(
                select(CanvasBlock.page_id, content).where(
                    CanvasBlock.workspace_id == workspace_id,
                    CanvasBlock.page_id.not_in(page_ids),
                    or_(*(content.contains(str(file_id)) for file_id in some)),
                )
            )
            for page_id, text in rows:
                shown |= {file_id: page_id for file_id in some if str(file_id) in text}
        return shown

    async def _run(self, statement: Update | Delete) -> None:
        await self._session.execute(statement.execution_options(synchronize_session=False))
