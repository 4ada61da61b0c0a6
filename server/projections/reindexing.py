"""Makes the rows of all documents anew, document by document, also beside a server that runs."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from time import monotonic
from uuid import UUID

from server.bootstrap import open_database
from server.offload import Offload
from server.projections.projector import Projector
from server.settings import Settings
from storage import migrations
from storage.engine import Database
from storage.repositories.projections import Overtaken
from storage.search.sources import SOURCES, ids_of, refresh
from storage.update_log import UpdateLog

_REPORT_SECONDS = 2.0
_PAGE = 500
_IDS_AT_ONCE = 100


async def reindex(settings: Settings, report: Callable[[str], None]) -> str:
    """Make all rows anew and say what was done; how far it is goes to `report`.

    Whoever ends it loses nothing: each document is done whole or not at all, and stays usable meanwhile.
    """
    async with open_database(settings) as database:
        await migrations.require_current(database)
        async with UpdateLog.of(database) as log:
            projector = Projector(database, log, Offload())
            total = await _count(database)
            reported_at = monotonic()
            done = 0
            async for name in _names(database):
                await _rebuild(projector, name)
                done += 1
                if monotonic() - reported_at >= _REPORT_SECONDS:
                    reported_at = monotonic()
                    report(f"{done} of {total} documents")
        count = await _index_others(database, report)
        async with database.transaction() as uow:
            await uow.file_texts.read_again()
    return f"{done} documents and {count} other things were read anew."


async def _index_others(database: Database, report: Callable[[str], None]) -> int:
    """Let everything be found that is no document."""
    count = 0
    for kind in SOURCES:
        after: UUID | None = None
        while True:
            async with database.transaction() as uow:
                ids = await ids_of(uow.session, kind, after=after, limit=_IDS_AT_ONCE)
                await refresh(uow.session, uow.search, kind, ids)
            count += len(ids)
            if len(ids) < _IDS_AT_ONCE:
                break
            after = ids[-1]
        report(f"{kind}: done")
    return count


async def _count(database: Database) -> int:
    async with database.read() as uow:
        return await uow.projections.count()


async def _names(database: Database) -> AsyncGenerator[str]:
    after = 0
    while True:
        async with database.read() as uow:
            found = await uow.projections.all_names(after=after, limit=_PAGE)
        for document_id, name in found:
            after = document_id
            yield name
        if len(found) < _PAGE:
            return


async def _rebuild(projector: Projector, name: str) -> None:
    while True:
        try:
            await projector.rebuild(name)
        except Overtaken:  # a server that runs has just written something
            await asyncio.sleep(0.05)
        else:
            return
