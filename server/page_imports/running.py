"""Works off imports of pages, one after another, in the one process that leads.

What comes of a file has the same id however often it is made, and comes into the database together with the
line that tells of it: an import that was cut off goes on where it stopped, and makes nothing twice. All of it
lies below the page that was made for it from the beginning, so nothing that came in is out of sight.
"""

import asyncio
import logging
import posixpath
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import IO
from uuid import UUID

from anyio import to_thread

from blocks.order import key_between
from blocks.page_edits import Stamp
from server.background.leadership import Leadership
from server.errors import ApiError
from server.files import Files, new_file
from server.offload import Offload
from server.page_imports.archive import Archive, BadArchiveError, Entry
from server.page_imports.building import Built, RefusedError, build_page, id_in_json
from server.page_imports.plan import Plan, PlannedPage, plan_pages
from server.pages.making import Draft, add_pages, page_document, tell_of_page
from storage.access import page_standing
from storage.callers import find_caller
from storage.engine import Database
from storage.errors import FilesUnavailableError, StorageError
from storage.models import ImportStatus, Page, PageImport, PageImportLine
from storage.repositories.page_imports import ANY_OPEN
from storage.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
RETRY_SECONDS = 5.0
PAGES_AT_ONCE = 20
LINES_AT_ONCE = 200
MOST_PAGE_BYTES = 32 * 1024 * 1024
_COST = 8
"""What a byte of a text costs to be read, in bytes of a document."""


class StoppedError(Exception):
    """The import is over: cancelled, or its maker may not write there any more."""

    def __init__(self, status: ImportStatus, detail: str | None = None) -> None:
        super().__init__(detail)
        self.status: ImportStatus = status
        self.detail = detail


class PageImporter:
    """Runs the imports of all workspaces."""

    def __init__(
        self, database: Database, files: Files, offload: Offload, *, max_document_bytes: int
    ) -> None:
        self._database = database
        self._files = files
        self._offload = offload
        self._max_document_bytes = max_document_bytes
        self._leadership = Leadership(database, "page-imports")
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something to do."""
        self._woken.set()

    async def run(self) -> None:
        """Work whenever no other process does, until the task is cancelled."""
        await self._leadership.lead(self._work)

    async def _work(self) -> None:
        while True:
            self._woken.clear()
            try:
                if await self.work_one():
                    continue
            except StorageError as error:
                logger.warning("imports rest: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def work_one(self) -> bool:
        """Work on the oldest import to its end; tell whether there was any."""
        if not await self._database.look(ANY_OPEN):
            return False
        async with self._database.read() as uow:
            row = await uow.page_imports.next_open()
        if row is None:
            return False
        try:
            await _Import(self._database, self._files, self._offload, row, self._max_document_bytes).run()
            status, detail = "done", None
        except StoppedError as stopped:
            status, detail = stopped.status, stopped.detail
        except BadArchiveError as error:
            status, detail = "failed", str(error)
        except StorageError:
            raise
        except Exception:
            # The edge: whatever it is, the other imports go on (R7).
            logger.exception("import %s failed", row.id)
            status, detail = "failed", "Something went wrong here."
        async with self._database.transaction() as uow:
            page = await uow.pages.get(row.root_page_id) if row.root_page_id else None
            if await uow.page_imports.end(row.id, status, detail) and page is not None:
                await tell_of_page(uow, row.actor, f"page_import.{status}", page)
        return True


class _Import:
    """One import under way."""

    def __init__(
        self,
        database: Database,
        files: Files,
        offload: Offload,
        row: PageImport,
        max_document_bytes: int,
    ) -> None:
        self._database = database
        self._files = files
        self._offload = offload
        self._row = row
        self._max_document_bytes = max_document_bytes
        self._stamp = Stamp(row.created_at.isoformat(), row.actor)
        self._numbers: dict[str, int] = {}
        self._came: set[UUID] = set()
        self._failed: dict[UUID, str] = {}

    async def run(self) -> None:
        """Do all of it. Raises StoppedError, BadArchiveError, StorageError."""
        with ExitStack() as stack:
            # What is unpacked lies in files that have no name.
            file = stack.enter_context(tempfile.TemporaryFile())
            size = await self._fetch(file)
            archive = stack.enter_context(await to_thread.run_sync(Archive, file, size))
            plan = await to_thread.run_sync(_plan, self._row.id, archive)
            await self._run(archive, plan)

    async def _fetch(self, target: IO[bytes]) -> int:
        async with self._database.read() as uow:
            file = await uow.files.get(self._row.file_id)
        if file is None:
            raise StoppedError("failed", "The file is not there any more.")
        try:
            async for part in self._files.read(file.workspace_id, file.id, 0, file.size):
                target.write(part)
        except FilesUnavailableError as error:
            async with self._database.read() as uow:
                if await uow.files.get(self._row.file_id):
                    raise
            raise StoppedError("failed", "The file is not there any more.") from error
        return file.size

    async def _run(self, archive: Archive, plan: Plan) -> None:
        entries = {entry.path: entry for entry in archive.entries}
        told = [*archive.refused, *plan.skipped]
        names = [*(path for path, _ in told), *(page.path for page in plan.pages), *plan.files]
        self._numbers = {path: number for number, path in enumerate(names, 1)}
        total = len(plan.pages) + len(plan.files)
        lines = [self._line(path, "left_out", detail=reason) for path, reason in told]
        for start in range(0, max(len(lines), 1), LINES_AT_ONCE):
            await self._commit([], lines[start : start + LINES_AT_ONCE], 0, total)
        keys: dict[str | None, str] = {}
        ids = {page.path: page.id for page in plan.pages}
        for start in range(0, len(plan.pages), PAGES_AT_ONCE):
            drafts: list[Draft] = []
            lines = list[PageImportLine]()
            some = plan.pages[start : start + PAGES_AT_ONCE]
            async with self._database.read() as uow:
                existing = await uow.page_imports.existing_pages({page.id for page in some})
            for page in some:
                keys[page.above] = key_between(keys.get(page.above), None)
                if page.id in existing:
                    continue
                built, line = await self._build(archive, entries, plan, page)
                lines.append(line)
                drafts.append(
                    Draft(
                        id=page.id,
                        above=ids[page.above] if page.above else None,
                        title=built.title,
                        icon_url=None,
                        order_key=keys[page.above],
                        content=built.content,
                    )
                )
            await self._commit(drafts, lines, start + len(some), total)
        await self._tell_of_files(plan, total)

    async def _build(
        self, archive: Archive, entries: dict[str, Entry], plan: Plan, page: PlannedPage
    ) -> tuple[Built, PageImportLine]:
        """Return what a page is to contain, once the files that it shows are here."""
        try:
            data = await _read(archive, entries.get(page.path))
            built = await self._build_with_files(archive, entries, plan, page, data)
        except (RefusedError, BadArchiveError) as error:
            empty = await self._offload.run(
                0, build_page, b"", "folder", page.path, page.title, {}, self._stamp
            )
            return empty, self._line(page.path, "failed", page.id, str(error))
        detail = "; ".join(built.notes)[:2000] or None
        return built, self._line(page.path, "page", page.id, detail)

    async def _build_with_files(
        self, archive: Archive, entries: dict[str, Entry], plan: Plan, page: PlannedPage, data: bytes
    ) -> Built:
        paths = {str(file_id): path for path, file_id in plan.files.items()}
        addresses = plan.addresses
        while True:
            built = await self._offload.run(
                _COST * len(data), build_page, data, page.kind, page.path, page.title, addresses, self._stamp
            )
            if len(built.content.update) > self._max_document_bytes:
                raise RefusedError(f"A page may have {self._max_document_bytes} bytes.")
            failed = [
                paths[file_id]
                for file_id in built.file_ids
                if file_id in paths and not await self._bring(archive, entries[paths[file_id]], UUID(file_id))
            ]
            if not failed:
                return built
            gone = {path.lower() for path in failed}
            addresses = {path: address for path, address in addresses.items() if path not in gone}

    async def _bring(self, archive: Archive, entry: Entry, file_id: UUID) -> bool:
        """Bring a file into the workspace, unless it is there; tell whether it is."""
        if file_id in self._came or file_id in self._failed:
            return file_id in self._came
        root = await self._find_root()
        try:
            if entry.size > self._files.max_bytes:
                raise BadArchiveError(f"A file may have {self._files.max_bytes} bytes.")
            async with self._database.read() as uow:
                is_here = await uow.files.get(file_id) is not None
            if not is_here:
                taken = await self._files.take(root.workspace_id, file_id, _parts(archive, entry))
                async with self._database.transaction() as uow:
                    if not await uow.file_space.take(root.workspace_id, taken.size, self._files.quota_bytes):
                        raise BadArchiveError("The workspace has no room for it.")
                    file = new_file(
                        file_id,
                        root.workspace_id,
                        name=_file_name(entry.path),
                        document=page_document(root.id),
                        taken=taken,
                        created_by=self._row.actor,
                        now=uow.now,
                    )
                    await uow.files.add(file)
                    payload = {"file_id": str(file.id), "name": file.name}
                    subject = page_document(root.id)
                    await uow.events.append(
                        root.workspace_id, "file.created", self._row.actor, subject, payload
                    )
        except (ApiError, BadArchiveError) as error:
            self._failed[file_id] = str(error)
            await self._files.remove(root.workspace_id, file_id)
            return False
        self._came.add(file_id)
        return True

    async def _find_root(self) -> Page:
        async with self._database.read() as uow:
            return await self._check(uow)

    async def _check(self, uow: UnitOfWork) -> Page:
        """Return the page of the import. Raises StoppedError where its maker may not write there now."""
        caller = await find_caller(uow, self._row.actor)
        root_id = self._row.root_page_id
        found = await page_standing(uow, caller, root_id) if caller and root_id else None
        if found is None or not found[1].allows("pages.write"):
            raise StoppedError("failed", "The page is not there any more, or may not be written.")
        if found[0].trashed_at is not None:
            raise StoppedError("cancelled", "The page was put into the trash.")
        return found[0]

    async def _commit(self, drafts: list[Draft], lines: list[PageImportLine], done: int, total: int) -> None:
        async with self._database.transaction() as uow:
            root = await self._check(uow)
            await uow.workspaces.lock(root.workspace_id)
            if not await uow.page_imports.move_on(self._row.id, done=done, total=total, lines=lines):
                raise StoppedError("cancelled")
            await add_pages(
                uow,
                root.workspace_id,
                drafts,
                parent=root,
                user_id=self._row.user_id,
                actor=self._row.actor,
            )

    async def _tell_of_files(self, plan: Plan, total: int) -> None:
        lines: list[PageImportLine] = []
        for path, file_id in plan.files.items():
            if file_id in self._came:
                lines.append(self._line(path, "file"))
            elif file_id in self._failed:
                lines.append(self._line(path, "failed", detail=self._failed[file_id]))
            else:
                lines.append(self._line(path, "left_out", detail="No page shows it."))
        async with self._database.read() as uow:
            here = await uow.file_space.existing(set(plan.files.values()))
        for line, file_id in zip(lines, plan.files.values(), strict=True):
            if file_id in here:  # from before the import was cut off
                line.outcome, line.detail = "file", None
        for start in range(0, len(lines), LINES_AT_ONCE):
            some = lines[start : start + LINES_AT_ONCE]
            done = len(plan.pages) + start + len(some)
            await self._commit([], some, done, total)

    def _line(
        self, path: str, outcome: str, page_id: UUID | None = None, detail: str | None = None
    ) -> PageImportLine:
        return PageImportLine(
            import_id=self._row.id,
            number=self._numbers[path],
            path=path,
            outcome=outcome,
            page_id=page_id,
            detail=detail,
        )


def _plan(import_id: UUID, archive: Archive) -> Plan:
    pages_in_json: dict[str, str] = {}
    for entry in archive.entries:
        if entry.path.lower().endswith(".json") and entry.size <= MOST_PAGE_BYTES:
            try:
                found = id_in_json(archive.read(entry))
            except BadArchiveError:
                continue  # told of where its turn comes
            if found is not None:
                pages_in_json[entry.path] = found
    return plan_pages(import_id, [entry.path for entry in archive.entries], pages_in_json)


async def _read(archive: Archive, entry: Entry | None) -> bytes:
    """Return a file; nothing for a page that has none. Raises RefusedError, BadArchiveError."""
    if entry is None:
        return b""
    if entry.size > MOST_PAGE_BYTES:
        raise RefusedError(f"It has more than {MOST_PAGE_BYTES} bytes.")
    return await to_thread.run_sync(archive.read, entry)


async def _parts(archive: Archive, entry: Entry) -> AsyncIterator[bytes]:
    parts: Iterator[bytes] = archive.parts(entry)
    while (part := await to_thread.run_sync(next, parts, None)) is not None:
        yield part


def _file_name(path: str) -> str:
    return re.sub(r"[\x00-\x1f/\\]", " ", posixpath.basename(path))[-255:] or "file"
