"""Whose the Yjs client ids of documents are. `storage.client_ids` writes them, many at a time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import ClientId, Document, table_of
from storage.repositories.upserts import insert_into

Binding = tuple[int, str, bool]
"""A client id, its principal, and whether anything was written under it."""

_ROWS = 1000
"""Of one statement: SQLite takes 32,766 values at once."""


class ClientIds:
    """Client ids by document."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def of(self, document: str) -> list[Binding]:
        """Return all bindings of a document."""
        found = await self._session.execute(
            select(ClientId.client_id, ClientId.principal, ClientId.has_written)
            .join(Document, Document.id == ClientId.document_id)
            .where(Document.name == document)
        )
        return [(client_id, principal, has_written) for client_id, principal, has_written in found]

    async def bind(self, bindings: Mapping[str, Sequence[Binding]]) -> dict[str, list[Binding]]:
        """Add bindings by document; return those of the client ids that are somebody else's already.

        Documents that do not exist are passed over.
        """
        found = await self._session.execute(
            select(Document.name, Document.id).where(Document.name.in_(bindings))
        )
        ids = {row.name: row.id for row in found}
        wanted = {
            (ids[name], client_id): (name, principal, has_written)
            for name, its_bindings in bindings.items()
            if name in ids
            for client_id, principal, has_written in its_bindings
        }
        others: dict[str, list[Binding]] = {}
        rows = [
            {
                "document_id": document_id,
                "client_id": client_id,
                "principal": principal,
                "has_written": has_written,
                "bound_at": self._now,
            }
            # In one order, so that two processes never wait for each other in a circle.
            for (document_id, client_id), (_, principal, has_written) in sorted(wanted.items())
        ]
        for start in range(0, len(rows), _ROWS):
            for document_id, client_id, owner, has_written in await self._upsert(rows[start : start + _ROWS]):
                name, principal, _ = wanted[document_id, client_id]
                if owner != principal:
                    others.setdefault(name, []).append((client_id, owner, has_written))
        return others

    async def forget_announced(self, age: timedelta) -> None:
        """Remove what was only announced, so long ago."""
        await self._session.execute(
            delete(ClientId).where(~ClientId.has_written, ClientId.bound_at < self._now - age)
        )

    async def _upsert(self, rows: list[dict[str, Any]]) -> list[tuple[int, int, str, bool]]:
        # Not `values(rows)`: that would be another statement for each number of rows.
        insert = insert_into(self._session, table_of(ClientId))
        # Whoever was first stays the owner; that its owner has written is remembered.
        statement = insert.on_conflict_do_update(
            index_elements=["document_id", "client_id"],
            set_={
                "has_written": ClientId.has_written
                | ((ClientId.principal == insert.excluded.principal) & insert.excluded.has_written)
            },
        ).returning(ClientId.document_id, ClientId.client_id, ClientId.principal, ClientId.has_written)
        return [
            (document_id, client_id, principal, has_written)
            for document_id, client_id, principal, has_written in await self._session.execute(statement, rows)
        ]
