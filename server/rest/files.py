"""Files: sent and fetched as they are, with links that need no credential for a while."""

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import Meta

from server.downloads import Download, download
from server.errors import ConflictError, FieldError, InvalidError, NotFoundError
from server.files import new_file, too_large
from server.rest.fields import Listing, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_document, find_owned, find_workspace
from server.routing import Call, Routes, UserCall
from storage.models import File
from storage.unit_of_work import UnitOfWork

routes = Routes("Files")

FileName = Annotated[
    str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f/\\]+$", description="The file's name.")
]
DocumentName = Annotated[
    str,
    Meta(max_length=100, description="A page or channel it belongs to: its readers may read the file."),
]
LinkSeconds = Annotated[int, Meta(ge=1, le=7 * 24 * 3600)]


class NewFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of a file that is sent."""

    name: FileName = "file"
    document: DocumentName | None = None


class FileAnswer(msgspec.Struct, frozen=True):
    """A file."""

    id: UUID
    workspace_id: UUID
    document: str | None
    name: str
    content_type: Annotated[str, Meta(description="What the contents look like, whatever was said.")]
    size: int
    sha256: str
    width: Annotated[int | None, Meta(description="Of an image, as people see it.")]
    height: int | None
    has_thumbnail: bool
    created_by: str
    created_at: Time


class NewLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a link is good."""

    seconds: LinkSeconds = 3600


class LinkAnswer(msgspec.Struct, frozen=True):
    """An address that needs no credential."""

    url: str
    expires_at: Time


class LinkQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes a link good."""

    expires: Annotated[int, Meta(ge=0, le=2**40)] = 0
    signature: Annotated[str, Meta(max_length=100, pattern="^[0-9a-f]*$")] = ""


@routes.post(
    "/v1/workspaces/{workspace_id}/files",
    "files.write",
    status=201,
    refuses=(403, 409, 413, 422),
    idempotent=True,
    takes="application/octet-stream",
)
async def upload_file(call: UserCall, workspace_id: UUID, query: NewFile) -> FileAnswer:
    """Send a file: the body is its contents, whatever their type is said to be."""
    files, database = call.services.files, call.services.database
    declared = call.request.headers.get("content-length", "")
    size = int(declared) if declared.isascii() and declared.isdigit() else 0
    async with database.read() as uow:
        await find_workspace(call, uow, workspace_id, "files.write")
        await check_document(call, uow, workspace_id, query.document)
        if size > files.max_bytes:
            raise too_large(files.max_bytes)
        if await uow.file_space.used(workspace_id) + size > files.quota_bytes:
            raise _full(files.quota_bytes)
        file_id = uow.new_id()
    try:
        taken = await files.take(workspace_id, file_id, call.request.stream())
        async with database.transaction() as uow:
            await find_workspace(call, uow, workspace_id, "files.write")
            if not await uow.file_space.take(workspace_id, taken.size, files.quota_bytes):
                raise _full(files.quota_bytes)
            file = new_file(
                file_id,
                workspace_id,
                name=query.name,
                document=query.document,
                taken=taken,
                created_by=call.actor,
                now=uow.now,
            )
            await uow.files.add(file)
            await tell_of_file(call, uow, "file.created", file)
    except Exception:
        await files.remove(workspace_id, file_id)
        raise
    return show_file(file)


@routes.get("/v1/workspaces/{workspace_id}/files", "files.read")
async def list_files(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[FileAnswer]:
    """List the files of a workspace that belong to no page or channel, oldest first."""
    await find_workspace(call, uow, workspace_id, "files.read")
    rows = await uow.files.list_in(
        workspace_id, {"document": None}, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, show_file, lambda file: file.id)


@routes.get("/v1/files/{file_id}", "files.read")
async def get_file(call: UserCall, uow: UnitOfWork, file_id: UUID) -> FileAnswer:
    """Return what is known of a file."""
    return show_file(await _find(call, uow, file_id))


@routes.delete("/v1/files/{file_id}", "files.write")
async def delete_file(call: UserCall, file_id: UUID) -> None:
    """Delete a file for good. Blocks that show it keep its id, which leads nowhere."""
    async with call.services.database.transaction() as uow:
        file = await _find(call, uow, file_id, to_write=True)
        await uow.files.remove(file)
        await uow.file_space.give_back(file.workspace_id, file.size)
        await tell_of_file(call, uow, "file.deleted", file)
    await call.services.files.remove(file.workspace_id, file.id)


@routes.get("/v1/files/{file_id}/content", "files.read", refuses=(416,))
async def download_file(call: UserCall, uow: UnitOfWork, file_id: UUID) -> Download:
    """Fetch a file, or with `Range` a part of it.

    Images, sound and films have their own type. All else is `application/octet-stream`, to be saved: nothing
    that was uploaded runs here.
    """
    return _content(call, await _find(call, uow, file_id))


@routes.get("/v1/files/{file_id}/thumbnail", "files.read", refuses=(416,))
async def download_thumbnail(call: UserCall, uow: UnitOfWork, file_id: UUID) -> Download:
    """Fetch a small picture of an image, as WebP."""
    file = await _find(call, uow, file_id)
    if file.thumbnail_size is None:
        raise NotFoundError("There is no small picture of this file.")
    return download(
        lambda start, end: call.services.files.read_thumbnail(file, start, end),
        name=f"{file.name}.webp",
        content_type="image/webp",
        size=file.thumbnail_size,
        etag=f"{file.sha256}-thumbnail",
        wanted=call.request.headers.get("range"),
        if_range=call.request.headers.get("if-range"),
        if_none_match=call.request.headers.get("if-none-match"),
    )


@routes.post("/v1/files/{file_id}/links", "files.read")
async def create_file_link(call: UserCall, uow: UnitOfWork, file_id: UUID, body: NewLink) -> LinkAnswer:
    """Make an address at which anybody can fetch the file for a while, for instance an `img` of a page."""
    file = await _find(call, uow, file_id)
    expires = int(uow.now.timestamp()) + body.seconds
    query = urlencode({"expires": expires, "signature": call.services.files.sign(file.id, expires)})
    base = call.services.settings.effective_public_url
    return LinkAnswer(f"{base}/v1/files/{file.id}/linked?{query}", datetime.fromtimestamp(expires, UTC))


@routes.get("/v1/files/{file_id}/linked", refuses=(416,))
async def download_linked_file(call: Call, uow: UnitOfWork, file_id: UUID, query: LinkQuery) -> Download:
    """Fetch a file by a link that was made for it."""
    is_good = call.services.files.is_signed(file_id, query.expires, query.signature, uow.now)
    file = await uow.files.get(file_id) if is_good else None
    if file is None:
        raise NotFoundError("The link is not good, or not any more.")
    return _content(call, file)


def show_file(file: File) -> FileAnswer:
    """Return a file as those see it who may read it."""
    return FileAnswer(
        id=file.id,
        workspace_id=file.workspace_id,
        document=file.document,
        name=file.name,
        content_type=file.content_type,
        size=file.size,
        sha256=file.sha256,
        width=file.width,
        height=file.height,
        has_thumbnail=file.thumbnail_size is not None,
        created_by=file.created_by,
        created_at=file.created_at,
    )


def _content(call: Call, file: File) -> Download:
    return download(
        lambda start, end: call.services.files.read(file.workspace_id, file.id, start, end),
        name=file.name,
        content_type=file.content_type,
        size=file.size,
        etag=file.sha256,
        wanted=call.request.headers.get("range"),
        if_range=call.request.headers.get("if-range"),
        if_none_match=call.request.headers.get("if-none-match"),
    )


async def _find(call: UserCall, uow: UnitOfWork, file_id: UUID, *, to_write: bool = False) -> File:
    """Return a file that the caller may read, or change. Raises NotFoundError, ForbiddenError."""
    file = await uow.files.get(file_id)
    if file is not None and file.document is not None:
        await find_document(call, uow, file.document, to_write=to_write)
        return file
    return await find_owned(call, uow.files, file_id, "files.write" if to_write else "files.read", "file")


async def check_document(call: UserCall, uow: UnitOfWork, workspace_id: UUID, name: str | None) -> None:
    """Raise unless the caller may add files to a document of a workspace."""
    if name is None:
        return
    document = await find_document(call, uow, name, to_write=True)
    if document.workspace_id != workspace_id:
        fault = FieldError("query.document", "No document of this workspace")
        raise InvalidError(f"{fault.detail}.", code="invalid_reference", errors=(fault,))


def _full(quota: int) -> ConflictError:
    return ConflictError(f"The files of this workspace may have {quota} bytes.", code="quota_exceeded")


async def tell_of_file(call: UserCall, uow: UnitOfWork, event: str, file: File) -> None:
    """Add an event about a file."""
    subject = file.document or f"file:{file.id}"
    await uow.events.append(
        file.workspace_id, event, call.actor, subject, {"file_id": str(file.id), "name": file.name}
    )
