"""Versions of documents (rule D8): what was changed when, named positions, and the way back to one."""

import base64
import heapq
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import FieldError, InvalidError, NotFoundError
from server.rest.fields import Listing, Name, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_document
from server.routing import Routes, UserCall
from storage.models import Document, Version
from storage.repositories.versions import Change
from storage.unit_of_work import UnitOfWork

routes = Routes("Versions")

_UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_AT_POSITION = "position:"

DocumentPath = Annotated[str, Meta(pattern=f"^(?:page|channel|inbox|suggestion):{_UUID}$")]
VersionPath = Annotated[
    str,
    Meta(
        pattern=f"^(?:{_UUID}|{_AT_POSITION}[0-9]{{1,15}})$",
        description="The id of a version, or `position:` and a number for any position of the document.",
    ),
]
Position = Annotated[int, Meta(ge=0, le=10**15)]
Base64 = Annotated[str, Meta(pattern="^[A-Za-z0-9+/]*={0,2}$")]

# What comes next of the versions, and the position below which the next changes are.
Cursor = tuple[tuple[Position, UUID] | None, Position]


class VersionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A named version, or changes that were made without a pause; `id` gives either back."""

    id: VersionPath
    document: str
    kind: Literal["version", "changes"]
    position: Annotated[Position, Meta(description="How many edits the document had then.")]
    first_position: Annotated[Position, Meta(description="The first of the changes; `position` otherwise.")]
    name: str | None
    authors: Annotated[list[str], Meta(description="Who made the changes, or the version.")]
    started_at: Time | None
    created_at: Annotated[
        Time | None, Meta(description="When it was made, or the last change; null when that was pruned.")
    ]


class VersionContent(VersionEntry, frozen=True, kw_only=True):
    """A version with what the document was then."""

    state: Annotated[Base64, Meta(description="A Yjs update that gives an empty document this content.")]


class NewVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version to make of what is committed now."""

    name: Name | None = None


class RestoreRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far to undo; without `base` up to what is committed now."""

    base: (
        Annotated[Position, Meta(description="The position the caller saw: what came later stays.")] | None
    ) = None


class RestoreReceipt(msgspec.Struct, frozen=True):
    """What the document is after the edit that brought a version back."""

    document: str
    restored_position: Position
    position: Annotated[Position, Meta(description="The position at which all of this is committed.")]
    state_vector: Base64
    is_exact: Annotated[
        bool,
        Meta(description="Whether undoing was enough; else what still differed was written anew."),
    ]


@routes.get("/v1/documents/{name}/versions", "pages.read")
async def list_versions(
    call: UserCall, uow: UnitOfWork, name: DocumentPath, query: Slice
) -> Listing[VersionEntry]:
    """List a document's named versions and changes, the newest first.

    Changes with less than five minutes between them are one entry. What was pruned has none.
    """
    document = await find_document(call, uow, name)
    version, below = read_cursor(query, Cursor) or (None, document.head + 1)
    versions = await uow.versions.list_before(document, version, query.limit + 1)
    changes = await uow.versions.changes_before(document, below, query.limit + 1)
    rows: list[tuple[VersionEntry, Cursor]] = []
    for found in heapq.merge(versions, changes, key=lambda entry: -entry.position):
        if isinstance(found, Version):
            version = (found.position, found.id)
            rows.append((show_version(document, found), (version, below)))
        else:
            below = found.first_position
            rows.append((show_changes(document, found.position, found), (version, below)))
    return list_slice(rows, query, lambda row: row[0], lambda row: row[1])


@routes.post("/v1/documents/{name}/versions", "pages.write", status=201, refuses=(403,), idempotent=True)
async def create_version(
    call: UserCall, uow: UnitOfWork, name: DocumentPath, body: NewVersion
) -> VersionEntry:
    """Name what is committed of a document now.

    However long history is kept, a named version stays readable.
    """
    document = await find_document(call, uow, name, to_write=True)
    version = await uow.versions.create(document, name=body.name, created_by=call.actor)
    payload: dict[str, Any] = {
        "version_id": str(version.id),
        "name": version.name,
        "position": version.position,
    }
    await _tell(call, uow, document, "document.version.named", payload)
    return show_version(document, version)


@routes.get("/v1/documents/{name}/versions/{version}", "pages.read", refuses=(503,))
async def get_version(
    call: UserCall, uow: UnitOfWork, name: DocumentPath, version: VersionPath
) -> VersionContent:
    """Return a version, or any position, with what the document was then."""
    document = await find_document(call, uow, name)
    entry = await _find_entry(uow, document, version)
    state = await call.services.history.state_at(name, entry.position)
    return VersionContent(**msgspec.structs.asdict(entry), state=_base64(state))


@routes.post(
    "/v1/documents/{name}/versions/{version}/restore", "pages.write", refuses=(403, 409, 503), idempotent=True
)
async def restore_version(
    call: UserCall, name: DocumentPath, version: VersionPath, body: RestoreRequest
) -> RestoreReceipt:
    """Give a document the content of a version again, by an edit that merges with all others.

    What was inserted since, up to `base`, is deleted, and what was deleted comes back. All else stays as it
    is, so what others write meanwhile survives. Answers when the edit is committed.
    """
    services = call.services
    async with services.database.read() as uow:
        document = await find_document(call, uow, name, to_write=True)
        entry = await _find_entry(uow, document, version)
    base = document.head if body.base is None else body.base
    if not entry.position <= base <= document.head:
        fault = FieldError("body.base", "Not between the version and what is committed")
        raise InvalidError(f"{fault.detail}.", code="invalid_reference", errors=(fault,))
    receipt = await services.history.restore(name, entry.position, base, await call.principal())
    payload: dict[str, Any] = {
        "version": version,
        "restored_position": entry.position,
        "position": receipt.position,
    }
    async with services.database.transaction() as uow:
        await _tell(call, uow, document, "document.restored", payload)
    return RestoreReceipt(
        document=name,
        restored_position=entry.position,
        position=receipt.position,
        state_vector=_base64(receipt.state_vector),
        is_exact=receipt.is_exact,
    )


def show_version(document: Document, version: Version) -> VersionEntry:
    """Return a named version as its readers see it."""
    return VersionEntry(
        id=str(version.id),
        document=document.name,
        kind="version",
        position=version.position,
        first_position=version.position,
        name=version.name,
        authors=[version.created_by],
        started_at=version.created_at,
        created_at=version.created_at,
    )


def show_changes(document: Document, position: int, changes: Change | None) -> VersionEntry:
    """Return a position with the changes that led to it, as far as they are known."""
    return VersionEntry(
        id=f"{_AT_POSITION}{position}",
        document=document.name,
        kind="changes",
        position=position,
        first_position=changes.first_position if changes else position,
        name=None,
        authors=list(changes.authors) if changes else [],
        started_at=changes.started_at if changes else None,
        created_at=changes.ended_at if changes else None,
    )


async def _find_entry(uow: UnitOfWork, document: Document, version: str) -> VersionEntry:
    if version.startswith(_AT_POSITION):
        position = int(version.removeprefix(_AT_POSITION))
        if position > document.head:
            raise NotFoundError("The document has not come to this position yet.")
        changes = await uow.versions.changes_before(document, position + 1, 1)
        return show_changes(document, position, changes[0] if changes else None)
    found = await uow.versions.get(document, UUID(version))
    if found is None:
        raise NotFoundError("This document has no such version.")
    return show_version(document, found)


async def _tell(
    call: UserCall, uow: UnitOfWork, document: Document, event: str, payload: dict[str, Any]
) -> None:
    assert document.workspace_id is not None, "only what belongs to a workspace can be written"
    await uow.events.append(document.workspace_id, event, call.actor, document.name, payload)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
