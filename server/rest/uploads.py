"""Uploads that can be interrupted, in tus 1.0 (https://tus.io/protocols/resumable-upload).

Of its extensions: creation, creation-with-upload, termination, expiration, checksum. What is special to tus
is here; what happens with the bytes is in `server.uploads`.
"""

import base64
import binascii
from collections.abc import AsyncIterator
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import (
    ApiError,
    ConflictError,
    FieldError,
    GoneError,
    MalformedError,
    PreconditionError,
    TooLargeError,
    WrongMediaTypeError,
)
from server.files import Taken, new_file, too_large
from server.parsing import locate_fault
from server.rest.fields import Time
from server.rest.files import DocumentName, FileName, check_document, tell_of_file
from server.rest.gate import find_document, find_owned, find_workspace
from server.routing import OFFSET_STREAM, Call, Routes, UserCall
from server.uploads import ALGORITHMS, Checksum, Progress
from storage.models import Upload
from storage.unit_of_work import UnitOfWork

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
MOST_OPEN = 1000
"""Uploads of one workspace that may be under way."""

REQUEST_HEADERS = (
    *("Tus-Resumable", "Upload-Length", "Upload-Offset", "Upload-Metadata", "Upload-Checksum"),
    *("X-HTTP-Method-Override", "X-Requested-With"),
)
ANSWER_HEADERS = (
    *("Location", "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"),
    *("Upload-Length", "Upload-Offset", "Upload-Metadata", "Upload-Expires", "Upload-File-Id"),
)

routes = Routes("Uploads", headers={"Tus-Resumable": VERSION})

Bytes = Annotated[int, Meta(ge=0, le=2**50)]
ChecksumText = Annotated[
    str,
    Meta(max_length=200, description=f"One of {', '.join(ALGORITHMS)}, a space, and the digest in base64."),
]


class Creation(
    msgspec.Struct,
    frozen=True,
    rename={"length": "Upload-Length", "metadata": "Upload-Metadata", "checksum": "Upload-Checksum"},
):
    """What is said of a file before its first byte."""

    length: Annotated[Bytes, Meta(description="How many bytes it has.")]
    metadata: Annotated[
        str,
        Meta(
            max_length=4096,
            pattern="^[!-~ ]*$",
            description="Pairs of a name and base64, separated by commas. `filename` or `name` is the file's "
            "name, `document` a page or channel that it belongs to; anything else is kept and told again.",
        ),
    ] = ""
    checksum: ChecksumText | None = None


class Continuation(
    msgspec.Struct, frozen=True, rename={"offset": "Upload-Offset", "checksum": "Upload-Checksum"}
):
    """Which bytes come."""

    offset: Annotated[Bytes, Meta(description="How many the server has already.")]
    checksum: ChecksumText | None = None


class Metadata(msgspec.Struct, frozen=True):
    """What of a client's metadata means something here."""

    filename: FileName | None = None
    name: FileName | None = None
    document: DocumentName | None = None


class UploadAnswer(msgspec.Struct, frozen=True):
    """An upload."""

    id: UUID
    workspace_id: UUID
    document: str | None
    name: str
    size: int
    received: Annotated[int, Meta(description="How many bytes the server has, whatever happens to it.")]
    file_id: Annotated[UUID | None, Meta(description="The file, when all has come.")]
    created_by: str
    created_at: Time
    expires_at: Annotated[Time, Meta(description="Until when it can be gone on with.")]


@routes.options("/v1/workspaces/{workspace_id}/uploads")
async def describe_uploads(call: Call, workspace_id: UUID) -> None:
    """Tell in headers which tus this is."""
    call.answer_headers |= {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(call.services.files.max_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


@routes.post(
    "/v1/workspaces/{workspace_id}/uploads",
    "files.write",
    status=201,
    refuses=(409, 412, 415, 422, 460),
    idempotent=True,
    kept_headers=("Location", "Upload-Offset", "Upload-Expires", "Upload-File-Id"),
    takes=OFFSET_STREAM,
    needs_body=False,
)
async def create_upload(call: UserCall, workspace_id: UUID, headers: Creation) -> UploadAnswer:
    """Begin an upload (tus 1.0), with its first bytes or none.

    `Location` says where it goes on: with `PATCH`, in as many requests as it takes. Its room is taken at
    once. When all has come, the header `Upload-File-Id` and the field `file_id` name the file. With an
    `Idempotency-Key` the answer to the first request comes again; `HEAD` tells how far it has come since.
    """
    _check_version(call)
    begins = _begins(call)
    checksum = _read_checksum(headers.checksum)
    said = _read_metadata(headers.metadata)
    files, uploads = call.services.files, call.services.uploads
    async with call.services.database.transaction() as uow:
        await find_workspace(call, uow, workspace_id, "files.write")
        await check_document(call, uow, workspace_id, said.document)
        if headers.length > files.max_bytes:
            raise too_large(files.max_bytes)
        if await uow.upload_progress.count_open(workspace_id) >= MOST_OPEN:
            raise ConflictError("Too many uploads of this workspace are under way.", code="too_many_uploads")
        if not await uow.file_space.take(workspace_id, headers.length, files.quota_bytes):
            # tus has 409 for something that is worth another try.
            raise TooLargeError(
                f"The files of this workspace may have {files.quota_bytes} bytes.", code="quota_exceeded"
            )
        upload = Upload(
            id=uow.new_id(),
            workspace_id=workspace_id,
            document=said.document,
            name=said.filename or said.name or "file",
            said=headers.metadata,
            size=headers.length,
            created_by=call.actor,
            created_at=uow.now,
            updated_at=uow.now,
            expires_at=uow.now + uploads.lifetime,
        )
        await uow.uploads.add(upload)
    progress = Progress(0, upload.expires_at)
    if begins or not upload.size:
        try:
            progress = await _go_on(call, upload, call.request.stream(), checksum)
        except ApiError:
            # Nobody will know where it goes on.
            await uploads.end(upload.id)
            raise
    prefix = urlsplit(call.services.settings.effective_public_url).path
    call.answer_headers["Location"] = f"{prefix}/v1/uploads/{upload.id}"
    _tell_progress(call, progress)
    return _show(upload, progress)


@routes.get("/v1/uploads/{upload_id}", "files.write", refuses=(410, 412))
async def get_upload(call: UserCall, uow: UnitOfWork, upload_id: UUID) -> UploadAnswer:
    """Return how far an upload has come; `HEAD` tells the same in headers, as tus asks."""
    _check_version(call)
    upload = await _find(call, uow, upload_id)
    progress = _progress(upload)
    _tell_progress(call, progress)
    call.answer_headers["Upload-Length"] = str(upload.size)
    if upload.said:
        call.answer_headers["Upload-Metadata"] = upload.said
    return _show(upload, progress)


@routes.patch(
    "/v1/uploads/{upload_id}",
    "files.write",
    takes=OFFSET_STREAM,
    refuses=(409, 410, 412, 415, 422, 423, 460),
)
async def continue_upload(call: UserCall, upload_id: UUID, headers: Continuation) -> None:
    """Send bytes from where the upload has come to (tus 1.0).

    What comes is kept even if the request breaks off, unless it has an `Upload-Checksum`: then all of it
    counts or nothing.
    """
    _check_version(call)
    async with call.services.database.read() as uow:
        upload = await _find(call, uow, upload_id)
    if not _is_offset_stream(call):
        raise WrongMediaTypeError(f"Send bytes, with `Content-Type: {OFFSET_STREAM}`.")
    if headers.offset != upload.received:
        raise ConflictError(f"The upload has come to {upload.received}.", code="offset_mismatch")
    checksum = _read_checksum(headers.checksum)
    progress = _progress(upload)
    if upload.file_id is None:
        progress = await _go_on(call, upload, call.request.stream(), checksum)
    _tell_progress(call, progress)


@routes.delete("/v1/uploads/{upload_id}", "files.write", refuses=(410, 412))
async def delete_upload(call: UserCall, upload_id: UUID) -> None:
    """End an upload: what has come is thrown away. A file that it has become stays."""
    _check_version(call)
    async with call.services.database.read() as uow:
        await _find(call, uow, upload_id)
    await call.services.uploads.end(upload_id)


async def _go_on(
    call: UserCall, upload: Upload, body: AsyncIterator[bytes], checksum: Checksum | None
) -> Progress:
    async def complete(uow: UnitOfWork, file_id: UUID, taken: Taken) -> None:
        # It may have been days since the last time somebody asked.
        await find_workspace(call, uow, upload.workspace_id, "files.write")
        await check_document(call, uow, upload.workspace_id, upload.document)
        file = new_file(
            file_id,
            upload.workspace_id,
            name=upload.name,
            document=upload.document,
            taken=taken,
            created_by=upload.created_by,
            now=uow.now,
        )
        await uow.files.add(file)
        await tell_of_file(call, uow, "file.created", file)

    return await call.services.uploads.go_on(upload, body, checksum, complete)


async def _find(call: UserCall, uow: UnitOfWork, upload_id: UUID) -> Upload:
    """Return an upload that the caller may go on with. Raises NotFoundError, ForbiddenError, GoneError."""
    upload = await find_owned(call, uow.uploads, upload_id, "files.write", "upload")
    if upload.document is not None:
        await find_document(call, uow, upload.document, to_write=True)
    if upload.file_id is None and upload.expires_at <= uow.now:
        raise GoneError("This upload was not gone on with in time.")
    return upload


def _check_version(call: Call) -> None:
    """Raise PreconditionError for another version of tus; who names none is taken at this one."""
    if call.request.headers.get("tus-resumable", VERSION) != VERSION:
        raise PreconditionError(f"Here is tus {VERSION}.", headers={"Tus-Version": VERSION})


def _is_offset_stream(call: Call) -> bool:
    media_type = call.request.headers.get("content-type", "").partition(";")[0]
    return media_type.strip().lower() == OFFSET_STREAM


def _begins(call: Call) -> bool:
    """Tell whether the first bytes come along. Raises WrongMediaTypeError for other contents."""
    if _is_offset_stream(call):
        return True
    headers = call.request.headers
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        raise WrongMediaTypeError(f"Send bytes, with `Content-Type: {OFFSET_STREAM}`, or none.")
    return False


def _read_metadata(text: str) -> Metadata:
    """Read `Upload-Metadata`. Raises MalformedError."""
    values: dict[str, str] = {}
    try:
        for pair in text.split(",") if text.strip() else ():
            name, _, value = pair.strip().partition(" ")
            content = base64.b64decode(value, validate=True)
            if name in Metadata.__struct_fields__:
                values[name] = content.decode()
        return msgspec.convert(values, Metadata)
    except msgspec.ValidationError as error:
        raise _bad_header(locate_fault(error, "header.Upload-Metadata")) from error
    except (binascii.Error, UnicodeDecodeError) as error:
        fault = FieldError("header.Upload-Metadata", "Not pairs of a name and base64")
        raise _bad_header(fault) from error


def _read_checksum(text: str | None) -> Checksum | None:
    """Read `Upload-Checksum`. Raises MalformedError."""
    if text is None:
        return None
    algorithm, _, value = text.partition(" ")
    try:
        wanted = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad_header(FieldError("header.Upload-Checksum", "Not a name and base64")) from error
    if algorithm not in ALGORITHMS:
        raise _bad_header(FieldError("header.Upload-Checksum", f"Not one of {', '.join(ALGORITHMS)}"))
    return Checksum(algorithm, wanted)


def _bad_header(fault: FieldError) -> MalformedError:
    return MalformedError(f"{fault.path}: {fault.detail}.", code="invalid_header", errors=(fault,))


def _progress(upload: Upload) -> Progress:
    return Progress(upload.received, upload.expires_at if upload.file_id is None else None, upload.file_id)


def _tell_progress(call: Call, progress: Progress) -> None:
    call.answer_headers["Upload-Offset"] = str(progress.received)
    if progress.expires_at is not None:
        call.answer_headers["Upload-Expires"] = _http_date(progress.expires_at)
    if progress.file_id is not None:
        call.answer_headers["Upload-File-Id"] = str(progress.file_id)


def _http_date(time: datetime) -> str:
    return format_datetime(time, usegmt=True)


def _show(upload: Upload, progress: Progress) -> UploadAnswer:
    return UploadAnswer(
        id=upload.id,
        workspace_id=upload.workspace_id,
        document=upload.document,
        name=upload.name,
        size=upload.size,
        received=progress.received,
        file_id=progress.file_id,
        created_by=upload.created_by,
        created_at=upload.created_at,
        expires_at=progress.expires_at or upload.expires_at,
    )
