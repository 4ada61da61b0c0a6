"""Examines a database and says in plain words what is wrong with it. Changes nothing and prints nothing."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import migrations
from storage.engine import Database
from storage.errors import StorageError
from storage.failures import translated
from storage.models import Channel, Document, Page, Snapshot, Update

_LEAST_FREE_BYTES = 256 * 1024 * 1024
"""SQLite needs room for its write-ahead log and for checkpoints, besides what people write."""

_NAMED = 5
"""Faults that are spelled out; of more, only the number is given."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at: `detail` is a sentence for people, whether it is well or not."""

    name: str
    ok: bool
    detail: str


async def examine(database: Database) -> list[Check]:
    """Check a database that is not open yet; one that cannot be used leaves the later checks out."""
    if database.path is not None and not database.path.exists():
        return [Check("database", False, f"there is no file {database.path} yet")]
    found: list[Check] = []
    try:
        async with database:
            found.append(Check("database", True, f"{database} can be read and written"))
            if database.path is not None:
                found.append(await asyncio.to_thread(_check_disk, database.path))
            found.append(await _check_migrations(database))
            if found[-1].ok:
                with translated(str(database)):
                    async with database.engine.connect() as connection:
                        found += await _check_contents(connection, database)
    except StorageError as error:
        found.append(Check("database", False, str(error)))
    return found


async def _check_migrations(database: Database) -> Check:
    found = await migrations.status(database)
    if found.is_current:
        return Check("migrations", True, f"the tables are those of this version (revision {found.head})")
    return Check("migrations", False, str(found.error))


def _check_disk(path: Path) -> Check:
    usage = shutil.disk_usage(path.parent)
    words = f"{_size(usage.free)} of {_size(usage.total)} are free at {path.parent}"
    if usage.free < _LEAST_FREE_BYTES:
        return Check("disk", False, f"{words}: at least {_size(_LEAST_FREE_BYTES)} are needed")
    return Check("disk", True, words)


async def _check_contents(connection: AsyncConnection, database: Database) -> list[Check]:
    checks = [await _check_log(connection), await _check_documents(connection)]
    if database.kind == "sqlite":
        checks.insert(0, await _check_file(connection))
    return checks


async def _check_file(connection: AsyncConnection) -> Check:
    words = (await connection.execute(text("PRAGMA quick_check(1)"))).scalar_one()
    if words == "ok":
        return Check("file", True, "the database file is sound")
    return Check("file", False, f"the database file is damaged: restore a backup (SQLite says: {words})")


async def _check_log(connection: AsyncConnection) -> Check:
    """Compare every document's rows and snapshots with its head (D1, D6)."""
    rows = (
        select(
            Update.document_id,
            func.count().label("count"),
            func.min(Update.position).label("first"),
            func.max(Update.position).label("last"),
        )
        # What lies before is on its way out (D8).
        .join(Document, Document.id == Update.document_id)
        .where(Update.position > Document.pruned_to)
        .group_by(Update.document_id)
        .subquery()
    )
    newest = (
        select(Snapshot.document_id, func.max(Snapshot.position).label("position"))
        .group_by(Snapshot.document_id)
        .subquery()
    )
    snapshot: ColumnElement[int] = func.coalesce(newest.c.position, 0)
    last: ColumnElement[int] = func.coalesce(rows.c.last, Document.pruned_to)
    stands_in = exists().where(Snapshot.document_id == Document.id, Snapshot.position == Document.pruned_to)
    is_bare: ColumnElement[bool] = and_(Document.pruned_to > 0, not_(stands_in))
    query = (
        select(Document.name, Document.head, last.label("last"), snapshot.label("snapshot"), is_bare)
        .outerjoin(rows, rows.c.document_id == Document.id)
        .outerjoin(newest, newest.c.document_id == Document.id)
        .where(
            or_(
                last != Document.head,
                snapshot > Document.head,
                rows.c.last - rows.c.first + 1 != rows.c.count,
                rows.c.first > Document.pruned_to + 1,
                is_bare,
            )
        )
        .order_by(Document.name)
    )
    faults = [_describe(*row) for row in (await connection.execute(query)).all()]
    total = (await connection.execute(select(func.count()).select_from(Document))).scalar_one()
    faults += await _find_orphans(connection)
    if faults:
        return Check("log", False, _enumerate(faults))
    return Check("log", True, f"{total} documents, every one complete")


def _describe(document: str, head: int, last: int, snapshot: int, is_bare: bool) -> str:
    if is_bare:
        return f"{document} lacks the snapshot that stands for its pruned rows"
    if snapshot > head:
        return f"{document} has a snapshot at {snapshot}, but its log ends at {head}"
    if last != head:
        return f"{document} has rows up to {last}, but should have them up to {head}"
    return f"{document} lacks rows between others"


async def _find_orphans(connection: AsyncConnection) -> list[str]:
    faults: list[str] = []
    for model in (Update, Snapshot):
        count = (
            await connection.execute(
                select(func.count()).select_from(model).where(model.document_id.not_in(select(Document.id)))
            )
        ).scalar_one()
        if count:
            faults.append(f"{count} {model.__tablename__} belong to no document")
    return faults


async def _check_documents(connection: AsyncConnection) -> Check:
    """Look for pages and channels that cannot be opened, since their document does not exist."""
    names = set((await connection.execute(select(Document.name))).scalars())
    missing: list[str] = []
    for kind, model in (("page", Page), ("channel", Channel)):
        ids = (await connection.execute(select(model.id))).scalars()
        missing += sorted(name for name in (f"{kind}:{found}" for found in ids) if name not in names)
    if missing:
        return Check("documents", False, _enumerate([f"{name} does not exist" for name in missing]))
    return Check("documents", True, "every page and channel has its document")


def _enumerate(faults: Sequence[str]) -> str:
    more = len(faults) - _NAMED
    return "; ".join(faults[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
