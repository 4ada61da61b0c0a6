"""Named versions of documents, and the timeline of what was changed when and by whom.

What a document was at a position is in the log: `storage.update_log` reads it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Document, Update, Version

PAUSE = timedelta(minutes=5)
"""Changes with less time between them are one entry of the timeline."""

ENTRY_ROWS = 1000
"""Rows that one entry has at most, so that a page of the timeline needs a bounded number of them."""


class Change(msgspec.Struct, frozen=True):
    """Rows of the log that belong together: those from `first_position` to `position`, one after another."""

    first_position: int
    position: int
    authors: tuple[str, ...]
    started_at: datetime
    ended_at: datetime


class Versions:
    """Versions by document, the newest first."""

    def __init__(self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id

    async def create(self, document: Document, *, name: str | None, created_by: str) -> Version:
        """Name the document's present position."""
        version = Version(
            id=self._new_id(),
            document_id=document.id,
            position=document.head,
            name=name,
            created_by=created_by,
            created_at=self._now,
        )
        self._session.add(version)
        await self._session.flush()
        return version

    async def get(self, document: Document, version_id: UUID) -> Version | None:
        """Return a version of a document, or None."""
        return await self._session.scalar(
            select(Version).where(Version.document_id == document.id, Version.id == version_id)
        )

    async def list_before(
        self, document: Document, before: tuple[int, UUID] | None, limit: int
    ) -> Sequence[Version]:
        """Return versions by position and id, both descending, behind (position, id)."""
        statement = (
            select(Version)
            .where(Version.document_id == document.id)
            .order_by(Version.position.desc(), Version.id.desc())
            .limit(limit)
        )
        if before is not None:
            position, version_id = before
            statement = statement.where(
                or_(
                    Version.position < position,
                    and_(Version.position == position, Version.id < version_id),
                )
            )
        return (await self._session.scalars(statement)).all()

    async def positions_up_to(self, document: Document, position: int) -> Sequence[int]:
        """Return the named positions up to one, ascending, but for the beginning."""
        found = await self._session.scalars(
            select(Version.position)
            .where(Version.document_id == document.id, Version.position > 0, Version.position <= position)
            .distinct()
            .order_by(Version.position)
        )
        return found.all()

    async def changes_before(self, document: Document, before: int, limit: int) -> list[Change]:
        """Return entries of the timeline below a position, the newest first; what was pruned has none.

        Neighbouring rows are one entry unless there is a pause between them.
        """
        changes: list[Change] = []
        while len(changes) < limit:
            found = await self._session.execute(
                select(Update.position, Update.author, Update.created_at)
                .where(
                    Update.document_id == document.id,
                    Update.position < before,
                    Update.position > document.pruned_to,
                )
                .order_by(Update.position.desc())
                .limit(ENTRY_ROWS)
            )
            rows = [(position, author, created_at) for position, author, created_at in found]
            if not rows:
                break
            entries = group_rows(rows)
            if len(rows) == ENTRY_ROWS and len(entries) > 1:
                entries.pop()  # it may go on below
            changes += entries
            before = changes[-1].first_position
        return changes[:limit]

    async def written_before(self, document: Document, moment: datetime, limit: int) -> int:
        """Return up to where the log, but for what was pruned and `limit` rows at most, is older."""
        upto = document.pruned_to + limit
        newest = await self._session.scalar(
            select(Update.position)
            .where(
                Update.document_id == document.id,
                Update.position > document.pruned_to,
                Update.position <= upto,
                Update.created_at < moment,
            )
            .order_by(Update.position.desc())
            .limit(1)
        )
        return document.pruned_to if newest is None else newest


def group_rows(rows: Sequence[tuple[int, str, datetime]]) -> list[Change]:
    """Join rows (position, author, time), the newest first, into entries, the newest first."""
    groups: list[list[tuple[int, str, datetime]]] = []
    for row in rows:
        if groups and groups[-1][-1][2] - row[2] < PAUSE:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [
        Change(
            first_position=group[-1][0],
            position=group[0][0],
            # Behind the principal stands in which run, or as whose relay (A7).
            authors=tuple(dict.fromkeys(author.partition("|")[0] for _, author, _ in reversed(group))),
            started_at=group[-1][2],
            ended_at=group[0][2],
        )
        for group in groups
    ]
