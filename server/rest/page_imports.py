"""Imports of pages from a zip: Markdown, HTML, JSON and what Notion exports. They run in the background."""

import posixpath
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from blocks.order import key_between
from server.errors import ConflictError, NotFoundError
from server.pages.files import may_read_file
from server.pages.making import tell_of_page
from server.rest.fields import Listing, Slice, Time, Title, list_slice, read_cursor
from server.rest.gate import find_page, lock_page
from server.rest.pages import bad_field, document_of, refuse_trashed
from server.routing import Routes, UserCall
from storage.models import ImportStatus, Page, PageImport, PageImportLine
from storage.unit_of_work import UnitOfWork

routes = Routes("Imports of pages")

MOST_OPEN = 20
"""Imports of one person that are not over."""


class LineNumber(msgspec.Struct, frozen=True, array_like=True):
    """Where in a report one is."""

    number: Annotated[int, Meta(ge=0, le=2**31 - 1)]


class NewPageImport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to import."""

    file_id: Annotated[UUID, Meta(description="A zip that was uploaded to the workspace.")]
    title: Annotated[Title, Meta(description="Of the page above all that comes in.")] | None = None


class PageImportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An import, and how far it has come."""

    id: UUID
    page_id: UUID
    root_page_id: Annotated[UUID | None, Meta(description="The page above all that comes in.")]
    file_id: UUID
    status: ImportStatus
    total: Annotated[int | None, Meta(description="Pages and files in it; null until that is known.")]
    done: int
    detail: Annotated[str | None, Meta(description="Why it ended early.")]
    created_at: Time
    updated_at: Time


class ImportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file. `failed` with a `page_id`: there is an empty page in its place."""

    path: str
    outcome: Literal["page", "file", "left_out", "failed"]
    page_id: UUID | None
    detail: str | None


@routes.post("/v1/pages/{page_id}/imports", "pages.write", status=201, refuses=(403, 409), idempotent=True)
async def create_page_import(
    call: UserCall, uow: UnitOfWork, page_id: UUID, body: NewPageImport
) -> PageImportAnswer:
    """Import a zip into new pages below a page. It begins at once and goes on in the background.

    Nothing that is there is changed: all goes below one new page, which is there from the beginning.
    """
    page = await lock_page(call, uow, page_id, "pages.write")
    refuse_trashed(page)
    file = await uow.files.get(body.file_id)
    if (
        file is None
        or file.workspace_id != page.workspace_id
        or not await may_read_file(uow, call.caller, file)
    ):
        raise bad_field("file_id", "No file of this workspace")
    if await uow.page_imports.count_open(call.user_id) >= MOST_OPEN:
        raise ConflictError(f"{MOST_OPEN} imports of yours are not over yet.", code="too_many_imports")
    title = posixpath.splitext(file.name)[0] if body.title is None else body.title
    root = await _add_root(call, uow, page, title)
    row = PageImport(
        id=uow.new_id(),
        page_id=page.id,
        root_page_id=root.id,
        file_id=file.id,
        actor=call.actor,
        user_id=call.user_id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.page_imports.add(row)
    uow.after_commit.append(call.services.page_importer.wake)
    return show_import(row)


@routes.get("/v1/pages/{page_id}/imports", "pages.write", refuses=(403,))
async def list_page_imports(
    call: UserCall, uow: UnitOfWork, page_id: UUID, query: Slice
) -> Listing[PageImportAnswer]:
    """List the imports below a page, oldest first."""
    await find_page(call, uow, page_id, "pages.write")
    rows = await uow.page_imports.list_of_page(page_id, after=read_cursor(query, UUID), limit=query.limit + 1)
    return list_slice(rows, query, show_import, lambda row: row.id)


@routes.get("/v1/pages/{page_id}/imports/{import_id}", "pages.write", refuses=(403,))
async def get_page_import(
    call: UserCall, uow: UnitOfWork, page_id: UUID, import_id: UUID
) -> PageImportAnswer:
    """Tell how far an import has come."""
    return show_import(await _find(call, uow, page_id, import_id))


@routes.get("/v1/pages/{page_id}/imports/{import_id}/report", "pages.write", refuses=(403,))
async def get_import_report(
    call: UserCall, uow: UnitOfWork, page_id: UUID, import_id: UUID, query: Slice
) -> Listing[ImportedFile]:
    """Tell what became of every file, as far as the import has come."""
    await _find(call, uow, page_id, import_id)
    cursor = read_cursor(query, LineNumber)
    rows = await uow.page_imports.lines(
        import_id, after=cursor.number if cursor else None, limit=query.limit + 1
    )
    return list_slice(rows, query, show_line, lambda row: LineNumber(row.number))


@routes.post("/v1/pages/{page_id}/imports/{import_id}/cancel", "pages.write", refuses=(403, 409))
async def cancel_page_import(
    call: UserCall, uow: UnitOfWork, page_id: UUID, import_id: UUID
) -> PageImportAnswer:
    """Stop an import. What has come in stays, below its page, which can be put into the trash."""
    row = await _find(call, uow, page_id, import_id)
    if not await uow.page_imports.end(row.id, "cancelled"):
        raise ConflictError("The import is over.", code="import_over")
    return show_import(await _find(call, uow, page_id, import_id))


def show_import(row: PageImport) -> PageImportAnswer:
    """Return an import as those see it who may write the page."""
    return msgspec.convert(row, PageImportAnswer, from_attributes=True)


def show_line(row: PageImportLine) -> ImportedFile:
    """Return what became of a file."""
    return msgspec.convert(row, ImportedFile, from_attributes=True)


async def _find(call: UserCall, uow: UnitOfWork, page_id: UUID, import_id: UUID) -> PageImport:
    await find_page(call, uow, page_id, "pages.write")
    row = await uow.page_imports.get(import_id)
    if row is None or row.page_id != page_id:
        raise NotFoundError("There is no such import into this page.")
    return row


async def _add_root(call: UserCall, uow: UnitOfWork, page: Page, title: str) -> Page:
    root = await uow.pages.create(
        page.workspace_id,
        title=title[:500],
        parent=page,
        icon_url=None,
        order_key=key_between(await uow.pages.last_key(page.workspace_id, page.id, moving=None), None),
        created_by_user_id=call.user_id,
    )
    await uow.documents.create(document_of(root), page.workspace_id)
    await tell_of_page(uow, call.actor, "page.created", root)
    return root
