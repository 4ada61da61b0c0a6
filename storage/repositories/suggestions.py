"""Suggestions, their branches and how these follow their pages.

A branch is a document whose log begins with the page's content of a moment. It follows by taking over the
rows of the page's log, with their authors, in one transaction that also notes how far it is: so each row
comes exactly once, whatever processes do this at the same time. Rooms of the branch find them there like any
rows that others wrote (N1).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, cast, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import ClientId, Document, Suggestion, SuggestionStatus, Update
from storage.repositories.access_changes import AccessChanges
from storage.repositories.among import in_parts
from storage.repositories.documents import Documents

ROWS_AT_ONCE = 1000
"""Rows that one transaction takes over."""


class PageLog(msgspec.Struct, frozen=True):
    """Where the document of a suggestion's page is."""

    document_id: int
    name: str
    epoch: str
    head: int
    pruned_to: int


class Suggestions:
    """Suggestions by id and by page."""

    def __init__(
        self, session: AsyncSession, now: datetime, documents: Documents, access_changes: AccessChanges
    ) -> None:
        self._session = session
        self._now = now
        self._documents = documents
        self._access_changes = access_changes

    async def add(
        self, suggestion: Suggestion, content: Sequence[tuple[bytes, str]], writer: tuple[int, str] | None
    ) -> None:
        """Add a suggestion and its branch, whose log begins with these updates and their authors.

        `writer` is a client id that was used in them, and its principal. Whose the others are that wrote the
        page is known of the page.
        """
        self._session.add(suggestion)
        await self._session.flush()
        branch = await self._documents.create(document_of(suggestion), suggestion.workspace_id)
        branch.head = len(content)
        self._session.add_all(
            Update(document_id=branch.id, position=n, data=data, author=author, created_at=self._now)
            for n, (data, author) in enumerate(content, 1)
        )
        await self._session.flush()
        columns = ("document_id", "client_id", "principal", "has_written", "bound_at")
        known = select(
            cast(literal(branch.id), BigInteger),
            ClientId.client_id,
            ClientId.principal,
            ClientId.has_written,
            ClientId.bound_at,
        ).where(ClientId.document_id == suggestion.page_document_id, ClientId.has_written)
        await self._session.execute(insert(ClientId).from_select(columns, known))
        if writer is not None:
            self._session.add(
                ClientId(
                    document_id=branch.id,
                    client_id=writer[0],
                    principal=writer[1],
                    has_written=True,
                    bound_at=self._now,
                )
            )
        await self._session.flush()

    async def get(self, suggestion_id: UUID) -> Suggestion | None:
        """Return a suggestion, whatever became of it."""
        return await self._session.get(Suggestion, suggestion_id)

    async def list_of_page(
        self, page_id: UUID, *, status: SuggestionStatus | None, after: UUID | None, limit: int
    ) -> Sequence[Suggestion]:
        """Return a page's suggestions, the newest first, behind an id."""
        statement = select(Suggestion).where(Suggestion.page_id == page_id)
        if status is not None:
            statement = statement.where(Suggestion.status == status)
        if after is not None:
            statement = statement.where(Suggestion.id < after)
        return (await self._session.scalars(statement.order_by(Suggestion.id.desc()).limit(limit))).all()

    async def count_open(self, page_id: UUID) -> int:
        """Return how many suggestions of a page wait for a decision."""
        found = await self._session.scalar(
            select(func.count()).where(Suggestion.page_id == page_id, Suggestion.status == "open")
        )
        return found or 0

    async def branches_of(self, page_ids: Collection[UUID]) -> list[str]:
        """Return the names of the documents of all suggestions for these pages."""
        names: list[str] = []
        for some in in_parts(page_ids):
            found = await self._session.scalars(select(Suggestion.id).where(Suggestion.page_id.in_(some)))
            names += [f"suggestion:{id_}" for id_ in found]
        return names

    async def page_log(self, suggestion: Suggestion) -> PageLog | None:
        """Return where the page's document is; None if it has begun anew, or is no more."""
        found = await self._session.get(Document, suggestion.page_document_id)
        if found is None or found.name != f"page:{suggestion.page_id}":
            return None
        return PageLog(found.id, found.name, found.epoch, found.head, found.pruned_to)

    async def decide(self, suggestion_id: UUID, status: SuggestionStatus, by: str) -> bool:
        """Note what became of a suggestion; False if that was decided before."""
        decided = await self._session.scalar(
            update(Suggestion)
            .where(Suggestion.id == suggestion_id, Suggestion.status == "open")
            .values(status=status, decided_by=by, decided_at=self._now)
            .returning(Suggestion.id)
        )
        if decided is not None:
            self._access_changes.note(f"suggestion:{suggestion_id}")
        return decided is not None

    async def divide(self, suggestion_id: UUID) -> None:
        """Note that some of a suggestion is decided by itself."""
        await self._session.execute(
            update(Suggestion).where(Suggestion.id == suggestion_id).values(is_divided=True)
        )

    # Following

    async def behind(self, suggestion_ids: Collection[UUID]) -> dict[UUID, UUID]:
        """Return which of these open suggestions lack something of their page, with their pages."""
        found = await self._session.execute(
            select(Suggestion.id, Suggestion.page_id)
            .join(Document, Document.id == Suggestion.page_document_id)
            .where(
                Suggestion.id.in_(suggestion_ids),
                Suggestion.status == "open",
                Document.head > Suggestion.followed_position,
                Document.name.not_like("%@%"),
            )
        )
        return {row.id: row.page_id for row in found}

    async def pages_of(self, suggestion_ids: Collection[UUID]) -> dict[UUID, UUID]:
        """Return the pages of open suggestions."""
        found = await self._session.execute(
            select(Suggestion.id, Suggestion.page_id).where(
                Suggestion.id.in_(suggestion_ids), Suggestion.status == "open"
            )
        )
        return {row.id: row.page_id for row in found}

    async def follow(self, suggestion_id: UUID) -> bool | None:
        """Take over rows of the page's log; tell whether there are more, None if the first are pruned."""
        suggestion = await self._lock(suggestion_id)
        log = await self.page_log(suggestion) if suggestion is not None else None
        if suggestion is None or log is None or suggestion.status != "open":
            return False
        after, upto = suggestion.followed_position, min(log.head, suggestion.followed_position + ROWS_AT_ONCE)
        if after >= upto:
            return False
        if after < log.pruned_to:
            return None
        branch_id, head = await self._advance(suggestion, upto - after)
        rows = select(
            cast(literal(branch_id), BigInteger),
            Update.position + (head - upto),
            Update.data,
            Update.author,
            Update.created_at,
        ).where(
            Update.document_id == suggestion.page_document_id,
            Update.position > after,
            Update.position <= upto,
        )
        await self._session.execute(insert(Update).from_select(_UPDATE_COLUMNS, rows))
        suggestion.followed_position = upto
        await self._session.flush()
        return upto < log.head

    async def follow_state(self, suggestion_id: UUID, position: int, pieces: Sequence[bytes]) -> None:
        """Take over the page's content at a position, where the rows before it are not kept any more."""
        suggestion = await self._lock(suggestion_id)
        if suggestion is None or suggestion.status != "open" or suggestion.followed_position >= position:
            return
        branch_id, head = await self._advance(suggestion, len(pieces))
        first = head - len(pieces) + 1
        self._session.add_all(
            Update(document_id=branch_id, position=n, data=data, author="system", created_at=self._now)
            for n, data in enumerate(pieces, first)
        )
        suggestion.followed_position = position
        await self._session.flush()

    async def _lock(self, suggestion_id: UUID) -> Suggestion | None:
        return await self._session.scalar(
            select(Suggestion)
            .where(Suggestion.id == suggestion_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )

    async def _advance(self, suggestion: Suggestion, rows: int) -> tuple[int, int]:
        """Make room for rows in the branch's log; return the branch's key and the position of the last."""
        found = await self._session.execute(
            update(Document)
            .where(Document.name == document_of(suggestion))
            .values(head=Document.head + rows)
            .returning(Document.id, Document.head)
            .execution_options(synchronize_session=False)
        )
        row = found.one()
        return row.id, row.head


_UPDATE_COLUMNS = ("document_id", "position", "data", "author", "created_at")


def document_of(suggestion: Suggestion) -> str:
    """Return the name of a suggestion's branch."""
    return f"suggestion:{suggestion.id}"
