"""Finds the page of a block, and asks the gate what the caller may do there."""

from uuid import UUID

from blocks.errors import UnknownBlockError
from blocks.page import Block, read_block
from server.errors import FieldError, InvalidError, NotFoundError
from server.rest.gate import find_page, require
from server.rest.pages import document_of, refuse_trashed
from server.routing import ReaderCall, UserCall
from storage.access import page_standing
from storage.actions import Action
from storage.models import Page


async def find_block(
    call: ReaderCall, block_id: str, action: Action, *, to_write: bool = False
) -> tuple[Page, Block]:
    """Return a block with its page. Raises NotFoundError, ForbiddenError, ConflictError for a trashed page.

    Clients choose the ids of blocks, so several pages may have one of that id: what the caller may not see is
    passed over. A block that was moved is found where it went on.
    """
    documents = call.services.documents
    waiting = [*await documents.index.pages_of(block_id)]
    seen: set[UUID] = set()
    moved: tuple[Page, Block] | None = None
    while waiting:
        page_id = waiting.pop(0)
        if page_id in seen:
            continue
        seen.add(page_id)
        async with call.services.database.read() as uow:
            found = await page_standing(uow, call.caller, page_id)
        if found is None or not found[1].allows("pages.read"):
            continue
        page, standing = found
        try:
            block, _, _ = await documents.read(document_of(page), lambda doc: read_block(doc, block_id))
        except UnknownBlockError:
            continue
        require(standing, action)
        if to_write:
            refuse_trashed(page)
        if block.moved_to is None:
            return page, block
        moved = moved or (page, block)  # cut off in between, it is nowhere else
        waiting += _page_ids(block.moved_to)
    if moved is not None:
        return moved
    raise NotFoundError("There is no such block, or you may not see it.")


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
