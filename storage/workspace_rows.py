"""The rows of one workspace, out of a database and into one: what an export is made of.

Rows are objects by column, so that people can read them and later versions can take them. Every table is
either exported, or left out for a reason.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, ColumnElement, Table, and_, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import BadRowsError
from storage.models import Document, DocumentProjection, Model, Snapshot, Update, User
from storage.models.declarative import Sealed
from storage.portable import PYTHON_TYPES, kind_of

EXPORTED: Mapping[str, str] = {
    "workspaces": "id",
    "memberships": "workspace_id",
    "pages": "workspace_id",
    "page_grants": "page_id",
    "channels": "workspace_id",
    "channel_members": "channel_id",
    "chat_messages": "workspace_id",
    "brands": "workspace_id",
    "creators": "workspace_id",
    "prompt_libraries": "workspace_id",
    "prompts": "library_id",
    "prompt_tags": "prompt_id",
    "agent_configurations": "workspace_id",
    "agent_versions": "agent_configuration_id",
    "playbooks": "workspace_id",
    "llm_providers": "workspace_id",
    "files": "workspace_id",
}
"""Table -> the column by which its rows belong to the workspace, or to a row that does."""

LEFT_OUT: Mapping[str, str] = {
    "users": "people keep their accounts to themselves: an export has their addresses and names",
    "sessions": "of accounts",
    "account_tokens": "of accounts",
    "api_keys": "secrets",
    "agent_secrets": "secrets",
    "share_links": "secrets",
    "invitations": "secrets",
    "webhooks": "secrets, and receivers that expect the old workspace",
    "webhook_deliveries": "of webhooks",
    "access_changes": "told to processes that run",
    "audit_entries": "what was done in the old workspace",
    "events": "what happened in the old workspace",
    "event_consumers": "of an installation",
    "event_cursors": "of an installation",
    "idempotency_keys": "of requests",
    "leases": "of processes",
    "jobs": "work of the old workspace that is under way",
    "job_steps": "of jobs",
    "job_signals": "of jobs",
    "mails": "on their way",
    "notifications": "told to people in the old workspace",
    "notification_preferences": "of accounts",
    "notification_mutes": "of accounts",
    "channel_preferences": "of accounts",
    "inboxes": "of accounts",
    "agent_definitions": "each installation has its catalogue",
    "agent_memories": "learned for people, of whom an export has no more than addresses",
    "memory_vectors": "of memories",
    "agent_run_logs": "what was done in the old workspace",
    "agent_triggers": "they act by themselves, for people and with secrets of the old workspace",
    "trigger_fires": "what was done in the old workspace",
    "quiet_pages": "of triggers",
    "playbook_runs": "what was done in the old workspace",
    "playbook_steps": "what was done in the old workspace",
    "chat_commands": "what was done in the old workspace",
    "llm_calls": "what was paid in the old workspace",
    "llm_months": "what was paid in the old workspace",
    "llm_reservations": "of calls under way",
    "llm_budgets": "limits of the old workspace's money and people",
    "documents": "exported as Yjs states",
    "updates": "the states have what they come to",
    "snapshots": "the states have what they come to",
    "versions": "of a history that is not exported",
    "run_deeds": "of a history that is not exported",
    "client_ids": "of a history that is not exported",
    "document_projections": "made anew from the documents",
    "search_entries": "made anew from what is exported",
    "search_vectors": "made anew from what is exported",
    "canvas_blocks": "made anew from the documents",
    "page_links": "made anew from the documents",
    "message_mentions": "made anew from the messages",
    "read_marks": "made anew from the documents",
    "comment_threads": "made anew from the documents",
    "comments": "made anew from the documents",
    "page_imports": "on their way",
    "page_import_lines": "on their way",
    "link_previews": "made anew from other sites",
    "waiting_embeds": "made anew from the documents",
    "waiting_snippets": "made anew from the documents",
    "suggestions": "branches hang on the history of their pages, which is not exported",
    "uploads": "on their way",
    "upload_parts": "on their way",
}

_WITHOUT_KEYS: Mapping[str, Mapping[str, str]] = {
    "pages": {"access_root_id": "pages"},
    "chat_messages": {"workspace_id": "workspaces", "channel_id": "channels"},
}
"""References that are no foreign keys."""

Row = dict[str, Any]

_BATCH = 500


def columns_of(table: str) -> list[str]:
    """Return the columns that are exported: all but secrets."""
    return [str(column.name) for column in _table(table).columns if not _is_secret(column)]


def references_of(table: str) -> Mapping[str, str]:
    """Return the columns that name a row of another table, with that table."""
    keys = {
        str(column.name): key.column.table.name
        for column in _table(table).columns
        for key in column.foreign_keys
    }
    return keys | dict(_WITHOUT_KEYS.get(table, {}))


def needed_columns(table: str) -> set[str]:
    """Return the columns that may not be null."""
    return {str(column.name) for column in _table(table).columns if not column.nullable}


async def read_rows(session: AsyncSession, table: str, workspace_id: UUID) -> AsyncIterator[Sequence[Row]]:
    """Yield a workspace's rows of a table, some at a time."""
    model = _table(table)
    chosen = [column for column in model.columns if not _is_secret(column)]
    statement = select(*chosen).where(_belongs(model, workspace_id)).order_by(*model.primary_key.columns)
    found = await session.stream(statement.execution_options(yield_per=_BATCH))
    async for some in found.mappings().partitions():
        yield [{str(name): value for name, value in row.items()} for row in some]


async def read_people(session: AsyncSession, user_ids: Collection[UUID]) -> Sequence[tuple[UUID, str, str]]:
    """Return people's ids, addresses and names."""
    found: list[tuple[UUID, str, str]] = []
    ids = list(user_ids)
    for start in range(0, len(ids), _BATCH):
        rows = await session.execute(
            select(User.id, User.email, User.name).where(User.id.in_(ids[start : start + _BATCH]))
        )
        found += [(row.id, row.email, row.name) for row in rows]
    return found


async def read_documents(session: AsyncSession, workspace_id: UUID) -> Sequence[tuple[int, str]]:
    """Return a workspace's live documents, branches aside: keys and names."""
    found = await session.execute(
        select(Document.id, Document.name).where(Document.workspace_id == workspace_id).order_by(Document.id)
    )
    return [
        (row.id, row.name) for row in found if "@" not in row.name and not row.name.startswith("suggestion:")
    ]


async def read_document(session: AsyncSession, document_id: int) -> tuple[bytes | None, list[bytes]]:
    """Return a document's newest snapshot and the raw rows behind it, as of the session's moment."""
    snapshot = (
        await session.execute(
            select(Snapshot.position, Snapshot.state)
            .where(Snapshot.document_id == document_id)
            .order_by(Snapshot.position.desc())
            .limit(1)
        )
    ).one_or_none()
    rows = await session.scalars(
        select(Update.data)
        .where(Update.document_id == document_id, Update.position > (snapshot.position if snapshot else 0))
        .order_by(Update.position)
    )
    return (snapshot.state if snapshot else None), list(rows)


async def is_taken(session: AsyncSession, table: str, ids: Collection[UUID]) -> bool:
    """Tell whether any row has one of these ids."""
    column = _table(table).c.id
    wanted = list(ids)
    for start in range(0, len(wanted), _BATCH):
        part = wanted[start : start + _BATCH]
        if await session.scalar(select(func.count()).where(column.in_(part))):
            return True
    return False


async def existing_keys(session: AsyncSession, table: str, keys: Collection[Any]) -> set[Any]:
    """Return which of these ids a table has."""
    column = _table(table).c.id
    return set(await session.scalars(select(column).where(column.in_(list(keys)))))


async def write_rows(session: AsyncSession, table: str, rows: Sequence[Row]) -> None:
    """Add rows. Raises `ConstraintError` for what the database refuses."""
    for start in range(0, len(rows), _BATCH):
        await session.execute(insert(_table(table)), rows[start : start + _BATCH])


async def write_document(
    session: AsyncSession, document: Document, updates: Sequence[bytes], *, author: str
) -> None:
    """Give a document that was just created its first rows. No event will come of what is in them."""
    document.head = len(updates)
    session.add(
        DocumentProjection(
            document_id=document.id,
            name=document.name,
            position=document.head,
            revision=1,
            is_stale=True,
            told_position=document.head,
            updated_at=document.created_at,
        )
    )
    session.add_all(
        Update(document_id=document.id, position=n, data=data, author=author, created_at=document.created_at)
        for n, data in enumerate(updates, 1)
    )
    await session.flush()


def parse_rows(table: str, lines: bytes) -> list[Row]:
    """Read rows that were exported, with all columns that this program knows. Raises BadRowsError.

    A column that an older program did not have gets the table's own default.
    """
    model = _table(table)
    kinds = {str(one.name): PYTHON_TYPES[kind_of(one)] for one in model.columns if not _is_secret(one)}
    try:
        objects = msgspec.json.Decoder(dict[str, Any]).decode_lines(lines)
        rows = [_convert(table, kinds, given) for given in objects]
    except msgspec.MsgspecError as error:
        raise BadRowsError(table, str(error)) from error
    for row in rows:
        if row.keys() != rows[0].keys():
            raise BadRowsError(table, "rows have other columns than the first")
        for name in needed_columns(table) & set(row):
            if row[name] is None:
                raise BadRowsError(table, f"{name} is null")
    return rows


def _convert(table: str, kinds: Mapping[str, Any], given: Row) -> Row:
    if unknown := set(given) - set(kinds):
        raise BadRowsError(table, f"there is no column {sorted(unknown)[0]}")
    row = {name: msgspec.convert(value, kinds[name]) for name, value in given.items()}
    columns = _table(table).columns
    for name, value in row.items():
        bits = 63 if isinstance(columns[name].type, BigInteger) else 31
        if isinstance(value, int) and abs(value) >= 2**bits:
            raise BadRowsError(table, f"{name} is too large")
        if not _is_storable(value):
            raise BadRowsError(table, f"{name} holds what no database keeps")
    return row


def _is_storable(value: Any) -> bool:
    """Tell whether a value has no U+0000 in it, which Postgres refuses."""
    match value:
        case str():
            return "\0" not in value
        case list():
            return all(_is_storable(item) for item in cast("list[Any]", value))
        case dict():
            members = cast("dict[str, Any]", value)
            return all(_is_storable(name) and _is_storable(member) for name, member in members.items())
        case _:
            return True


def _table(name: str) -> Table:
    return Model.metadata.tables[name]


def _is_secret(column: Column[Any]) -> bool:
    return isinstance(column.type, Sealed)


def _belongs(table: Table, workspace_id: UUID) -> ColumnElement[bool]:
    """Return the condition for rows of a workspace."""
    column = table.c[EXPORTED[table.name]]
    if table.name == "chat_messages":
        # The others are in their channel's document.
        return and_(column == workspace_id, table.c.archived_at.is_not(None))
    if table.name == "workspaces":
        return column == workspace_id
    (key,) = column.foreign_keys
    parent = key.column.table
    if parent.name == "workspaces":
        return column == workspace_id
    return column.in_(select(key.column).where(_belongs(parent, workspace_id)))
