"""What runs of agents have written: their rows of the log, and what is kept of those that were pruned."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import ColumnElement

from storage.models import Document, RunDeed, Update

RUN = "|run:"
"""What the name of an author has who wrote in a run."""

RELAYED = "|relayed"


class RunDeeds:
    """By author, who is a principal in a run."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def _is_in_run(self) -> ColumnElement[bool]:
        # Said as the partial index has it, or it is not used.
        find = func.instr if self._session.get_bind().dialect.name == "sqlite" else func.strpos
        return find(Update.author, RUN) > 0

    async def documents_of(self, author: str) -> Sequence[Document]:
        """Return the documents that an author wrote in, in the order of their making."""
        written = select(Update.document_id).where(
            self._is_in_run(), Update.author.in_((author, author + RELAYED))
        )
        kept = select(RunDeed.document_id).where(RunDeed.author == author)
        found = await self._session.scalars(
            select(Document).where(Document.id.in_(written.union(kept))).order_by(Document.id)
        )
        return found.all()

    async def positions_of(self, document_id: int, author: str) -> Sequence[int]:
        """Return where an author's rows are in a document, ascending."""
        found = await self._session.scalars(
            select(Update.position)
            .where(
                self._is_in_run(),
                Update.author.in_((author, author + RELAYED)),
                Update.document_id == document_id,
            )
            .order_by(Update.position)
        )
        return found.all()

    async def between(self, document_id: int, after: int, upto: int) -> dict[str, list[int]]:
        """Return the rows of all runs in a part of a log: author -> positions."""
        rows = await self._session.execute(
            select(Update.author, Update.position)
            .where(
                self._is_in_run(),
                Update.document_id == document_id,
                Update.position > after,
                Update.position <= upto,
            )
            .order_by(Update.position)
        )
        found: dict[str, list[int]] = {}
        for author, position in rows:
            found.setdefault(author.removesuffix(RELAYED), []).append(position)
        return found

    async def kept_of(self, document_id: int, author: str) -> Sequence[RunDeed]:
        """Return what is kept of an author's rows that were pruned, in their order."""
        found = await self._session.scalars(
            select(RunDeed)
            .where(RunDeed.document_id == document_id, RunDeed.author == author)
            .order_by(RunDeed.position)
        )
        return found.all()

    async def keep(self, deed: RunDeed) -> None:
        """Keep what rows came to that are going to be pruned; once."""
        await self._session.merge(deed)
        await self._session.flush()
