"""The rows of pages: blocks, whom and what they name, what is found of them; who is mentioned, and titles."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from blocks.kinds import agent_snippet
from blocks.kinds.embed_panel import KIND, unresolved_url
from blocks.rows import BlockRow, Changes, Known, missing
from server.pages.making import what_is_told_of
from server.pages.names import follow_document
from server.projections.ports import Happening, Moment
from server.projections.reading import read_page
from storage.models import PageLink
from storage.repositories.projections import Standing
from storage.search.index import Entry
from storage.unit_of_work import UnitOfWork

EMBED = KIND.name
SNIPPET = agent_snippet.KIND.name

_MENTIONS = {
    "user": ("page.mentioned", "user_id"),
    "agent": ("agent.mentioned", "agent_configuration_id"),
}
"""Whom a block may mention -> the event, and what names them there."""


class PageRows:
    """Implements `Rows` for pages."""

    read = staticmethod(read_page)

    async def known(self, uow: UnitOfWork, subject_id: UUID) -> Known:
        """Return what the tables have of a page."""
        return Known(await uow.projected_blocks.known(subject_id))

    async def compare(
        self, uow: UnitOfWork, subject_id: UUID, touched: Changes[BlockRow]
    ) -> Changes[BlockRow]:
        """Return what of that the tables do not have."""
        ids = [*(row.id for row, _ in touched.rows), *touched.gone]
        return missing(touched, await uow.projected_blocks.known(subject_id, ids), {})

    async def write(
        self, uow: UnitOfWork, standing: Standing, rows: Sequence[tuple[BlockRow, bytes]], moment: Moment
    ) -> list[Happening]:
        """Write blocks; return who is mentioned that was not before."""
        page_id = standing.subject_id
        # Whatever follows the log has changed just now; what is made anew may be what it was.
        known = (
            await uow.projected_blocks.written(page_id, [row.id for row, _ in rows]) if moment.is_past else {}
        )
        written_at = [known.get((row.id, digest), moment.written_at) for row, digest in rows]
        blocks = [
            _columns(standing, row, digest, time)
            for time, (row, digest) in zip(written_at, rows, strict=True)
        ]
        entries = [
            Entry(row.id, row.created_by, time, body=row.text if _is_shown(row) else "")
            for time, (row, _) in zip(written_at, rows, strict=True)
        ]
        await uow.search.put(standing.workspace_id, "block", page_id, entries)
        await uow.embeds.set_waiting(page_id, [row.id for row, _ in rows], _unresolved(rows))
        await uow.snippets.let_wait(page_id, await _untrue(uow, standing.workspace_id, rows))
        added = await uow.projected_blocks.replace(
            page_id,
            blocks,
            [
                PageLink(
                    page_id=page_id,
                    block_id=row.id,
                    kind=link.kind,
                    target_id=link.id,
                    workspace_id=standing.workspace_id,
                )
                for row, _ in rows
                if _is_shown(row)
                for link in row.links
                if link.id is not None
            ],
        )
        return [
            _mention(page_id, block_id, kind, target_id, moment.author)
            for block_id, kind, target_id in sorted(added)
        ]

    async def finish(
        self, uow: UnitOfWork, standing: Standing, changes: Changes[BlockRow], moment: Moment
    ) -> list[Happening]:
        """Remove the blocks that are gone, and have the page called what its document says."""
        if changes.gone:
            await uow.embeds.set_waiting(standing.subject_id, changes.gone, {})
            await uow.projected_blocks.remove(standing.subject_id, changes.gone)
            await uow.search.remove("block", standing.subject_id, changes.gone)
        if moment.is_past or changes.names is None:
            return []
        page = await follow_document(uow, standing.subject_id, changes.names)
        return [Happening("page.updated", moment.author, what_is_told_of(page))] if page is not None else []


def _mention(page_id: UUID, block_id: str, kind: str, target_id: UUID, author: str | None) -> Happening:
    type_, named = _MENTIONS[kind]
    payload = {"page_id": str(page_id), "block_id": block_id, named: str(target_id)}
    return Happening(type_, author, payload)


def _is_shown(row: BlockRow) -> bool:
    return row.deleted_at is None and not row.moved_to


def _unresolved(rows: Sequence[tuple[BlockRow, bytes]]) -> dict[str, str]:
    """Return the blocks whose address nobody has looked at."""
    return {
        row.id: url
        for row, _ in rows
        if row.type == EMBED and row.condition == "fine" and _is_shown(row)
        if (url := unresolved_url(row.content)) is not None
    }


async def _untrue(uow: UnitOfWork, workspace_id: UUID, rows: Sequence[tuple[BlockRow, bytes]]) -> list[str]:
    """Return the blocks of agents that show another run than theirs, or not as it stands."""
    found: list[str] = []
    for row, _ in rows:
        if row.type == SNIPPET and row.condition != "unreadable" and _is_shown(row):
            run = await uow.snippets.run_of(workspace_id, row.id)
            true = (str(run.run_id), run.status) if run is not None else (None, "idle")
            if (row.content.get("run_id"), row.content.get("status")) != true:
                found.append(row.id)
    return found


def _columns(standing: Standing, row: BlockRow, digest: bytes, written_at: datetime) -> dict[str, Any]:
    return {
        "page_id": standing.subject_id,
        "id": row.id,
        "workspace_id": standing.workspace_id,
        "type": row.type,
        "content": row.content,
        "position_x": row.position_x,
        "position_y": row.position_y,
        "width": row.width,
        "height": row.height,
        "z_index": row.z_index,
        "order_key": row.order_key,
        "created_by": row.created_by,
        "created_at": row.created_at or written_at,
        "deleted_at": row.deleted_at,
        "updated_at": written_at,
        "moved_to": row.moved_to,
        "condition": row.condition,
        "digest": digest,
    }
