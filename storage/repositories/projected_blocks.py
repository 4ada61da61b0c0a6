"""The rows of blocks on pages, and of whom and what they name."""

from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import CanvasBlock, Page, PageLink, some_of, table_of
from storage.repositories.among import in_parts

_MENTIONED = ("user", "agent")

# Asked again and again about what people type into, so they are built once: that costs as much as an answer.
_blocks, _links, _pages = table_of(CanvasBlock).c, table_of(PageLink).c, table_of(Page).c
_KNOWN = select(_blocks.id, _blocks.digest).where(_blocks.page_id == bindparam("page_id"))
_SOME_KNOWN = _KNOWN.where(_blocks.id.in_(some_of("ids")))
_WITHOUT = select(_pages.id, _pages.own_names).where(
    _pages.id.in_(some_of("page_ids")), ~select(_blocks.id).where(_blocks.page_id == _pages.id).exists()
)
_OF_BLOCKS = (_links.page_id == bindparam("page_id"), _links.block_id.in_(some_of("ids")))
_MENTIONS = select(_links.block_id, _links.kind, _links.target_id).where(
    *_OF_BLOCKS, _links.kind.in_(_MENTIONED)
)
_REMOVE_LINKS = delete(table_of(PageLink)).where(*_OF_BLOCKS)
_REMOVE = delete(table_of(CanvasBlock)).where(
    _blocks.page_id == bindparam("page_id"), _blocks.id.in_(some_of("ids"))
)


class ProjectedBlocks:
    """The tables `canvas_blocks` and `page_links`; whoever writes them has claimed the page's projection."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def known(self, page_id: UUID, ids: Collection[str] | None = None) -> dict[str, bytes]:
        """Return the digests of a page's rows, or of some, by their ids."""
        known: dict[str, bytes] = {}
        for some in [None] if ids is None else in_parts(ids):
            chosen = _KNOWN if some is None else _SOME_KNOWN
            values = {"page_id": page_id} | ({} if some is None else {"ids": some})
            known |= {row[0]: row[1] for row in await self._session.execute(chosen, values)}
        return known

    async def without(self, page_ids: Sequence[UUID]) -> Set[UUID]:
        """Return which of these pages have no rows, and are called what they were called by themselves."""
        found = await self._session.execute(_WITHOUT, {"page_ids": page_ids})
        return {page_id for page_id, own_names in found if not own_names}

    async def times(self, page_id: UUID, ids: Collection[str]) -> dict[str, datetime]:
        """Return when blocks of a page were last seen to be others than before, of those that have a row."""
        return {block_id: at for (block_id, _), at in (await self.written(page_id, ids)).items()}

    async def pages_with(self, block_id: str) -> Sequence[UUID]:
        """Return pages that have a block of an id (clients choose it): the oldest, a hundred at most."""
        found = await self._session.scalars(
            select(CanvasBlock.page_id)
            .where(CanvasBlock.id == block_id)
            .order_by(CanvasBlock.page_id)
            .limit(100)
        )
        return found.all()

    async def written(self, page_id: UUID, ids: Collection[str]) -> dict[tuple[str, bytes], datetime]:
        """Return when blocks were changed to what they are: id and digest -> time."""
        rows = await self._session.execute(
            select(CanvasBlock.id, CanvasBlock.digest, CanvasBlock.updated_at).where(
                CanvasBlock.page_id == page_id, CanvasBlock.id.in_(ids)
            )
        )
        return {(row[0], row[1]): row[2] for row in rows}

    async def replace(
        self, page_id: UUID, blocks: Sequence[Mapping[str, Any]], links: Sequence[PageLink]
    ) -> set[tuple[str, str, UUID]]:
        """Write blocks of a page, new or not, by columns, with all their links.

        Returns whom a block mentions now and did not before: blocks, kinds, and ids of people and agents.
        """
        ids = [block["id"] for block in blocks]
        now = {(link.block_id, link.kind, link.target_id) for link in links if link.kind in _MENTIONED}
        before: set[tuple[str, str, UUID]] = set()
        for some in in_parts(ids):
            chosen = {"page_id": page_id, "ids": some}
            if now:
                before |= {(row[0], row[1], row[2]) for row in await self._session.execute(_MENTIONS, chosen)}
            await self._session.execute(_REMOVE, chosen)
            await self._session.execute(_REMOVE_LINKS, chosen)
        if blocks:
            await self._session.execute(insert(table_of(CanvasBlock)), blocks)
        self._session.add_all(links)
        await self._session.flush()
        return now - before

    async def remove(self, page_id: UUID, ids: Collection[str]) -> None:
        """Remove blocks of a page with their links."""
        for some in in_parts(ids):
            await self._session.execute(_REMOVE, {"page_id": page_id, "ids": some})
            await self._session.execute(_REMOVE_LINKS, {"page_id": page_id, "ids": some})
