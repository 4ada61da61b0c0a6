"""Finds the page of a block, and asks the gate what the caller may do there."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

import msgspec

from blocks.errors import UnknownBlockError
from blocks.page import Block, read_block
from server.errors import (
    ApiError,
    ConflictError,
    FieldError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from server.rest.gate import find_page, require
from server.rest.late_rows import find_written
from server.rest.pages import document_of, refuse_trashed
from server.routing import ReaderCall, UserCall
from storage.access import page_standing
from storage.actions import Action
from storage.models import Page


class InPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a block is: its id says so, unless several pages have one of that id."""

    page_id: UUID | None = None


async def find_block(
    call: ReaderCall, block_id: str, query: InPage, action: Action, *, to_write: bool = False
) -> tuple[Page, Block]:
    """Return a block with its page. Raises NotFoundError, ForbiddenError, ConflictError.

    Clients choose the ids of blocks, so several pages may have one of that id: what the caller may not see is
    passed over, and so is what they may not do this to. Of what is left after that nobody guesses which one
    is meant: who has put another's id into a page of their own gets nothing that was for the other. A block
    that was moved is found where it went on.
    """
    if query.page_id is not None:  # its document says whether it has the block
        return await _follow(call, block_id, [query.page_id], action, to_write=to_write)

    async def find() -> tuple[Page, Block]:
        pages = await call.services.documents.index.pages_of(block_id)
        return await _follow(call, block_id, pages, action, to_write=to_write)

    return await find_written(call, "page", block_id, find)


async def _follow(
    call: ReaderCall, block_id: str, pages: Sequence[UUID], action: Action, *, to_write: bool
) -> tuple[Page, Block]:
    """Return a block of one of these pages, or of where it was moved to from there."""
    waiting = [*pages]
    seen: set[UUID] = set()
    found: list[tuple[Page, Block]] = []
    moved: tuple[Page, Block] | None = None
    refusal: ApiError | None = None
    while waiting and len(found) < 2:
        page_id = waiting.pop(0)
        if page_id in seen:
            continue
        seen.add(page_id)
        try:
            there = await _look(call, page_id, block_id, action, to_write=to_write)
        except (ForbiddenError, ConflictError) as error:
            refusal = error
            continue
        if there is None:
            continue
        if there[1].moved_to is None:
            found.append(there)
        else:
            moved = moved or there  # cut off in between, it is nowhere else
            waiting += _page_ids(there[1].moved_to)
    if len(found) > 1:
        raise ConflictError(
            "Several pages have a block of this id: say which one in `page_id`.", code="ambiguous_block"
        )
    if found or moved:
        return found[0] if found else cast("tuple[Page, Block]", moved)
    raise refusal or NotFoundError("There is no such block, or you may not see it.")


async def _look(
    call: ReaderCall, page_id: UUID, block_id: str, action: Action, *, to_write: bool
) -> tuple[Page, Block] | None:
    """Return a block of a page, None where there is none that the caller sees."""
    async with call.services.database.read() as uow:
        standing = await page_standing(uow, call.caller, page_id)
    if standing is None or not standing[1].allows("pages.read"):
        return None
    page = standing[0]
    try:
        block, _, _ = await call.services.documents.read(
            document_of(page), lambda doc: read_block(doc, block_id)
        )
    except UnknownBlockError:
        return None
    require(standing[1], action)
    if to_write:
        refuse_trashed(page)
    return page, block


def _page_ids(text: str) -> list[UUID]:
    try:
        return [UUID(text)]
    except ValueError:
        return []


async def find_open_page(
    call: UserCall, page_id: UUID, field: str | None = None, *, workspace_id: UUID | None = None
) -> Page:
    """Return a page that the caller may write to now; `field` names what it was given as in a body.

    Raises NotFoundError, ForbiddenError, ConflictError; with a field InvalidError for one that may not be
    seen, or is of another workspace.
    """
    try:
        async with call.services.database.read() as uow:
            page = await find_page(call, uow, page_id, "pages.write")
        if workspace_id not in (None, page.workspace_id):
            raise NotFoundError("Of another workspace.")
    except NotFoundError as error:
        if field is None:
            raise
        fault = FieldError(field, "No page of this workspace")
        raise InvalidError(f"{fault.detail}.", code="invalid_reference", errors=(fault,)) from error
    refuse_trashed(page)
    return page
