"""Which pages lead to a page, by a link or a mention in one of their blocks."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from server.rest.fields import Listing, Slice, list_slice, read_cursor
from server.rest.gate import find_page_standing
from server.rest.pages import PageAnswer, document_of, show_page
from server.routing import Routes, UserCall
from storage.unit_of_work import UnitOfWork

routes = Routes("Pages")


class Backlink(msgspec.Struct, frozen=True):
    """A page that leads to another."""

    page: PageAnswer
    block_ids: Annotated[list[str], Meta(description="Its blocks that do.")]


@routes.get("/v1/pages/{page_id}/backlinks", "pages.read")
async def list_backlinks(call: UserCall, uow: UnitOfWork, page_id: UUID, query: Slice) -> Listing[Backlink]:
    """List the pages that lead to a page, oldest first: those outside the trash that the caller may see.

    They follow what people write within about a second.
    """
    page, standing = await find_page_standing(call, uow, page_id, "pages.read")
    after = read_cursor(query, UUID)
    if standing.role is None:
        rows = await uow.backlinks.pages_of_guest(
            page, user_id=call.user_id, after=after, limit=query.limit + 1
        )
    else:
        rows = await uow.backlinks.pages_of_member(
            page, reader=standing.page_reader, after=after, limit=query.limit + 1
        )
    epochs = await uow.documents.epochs(map(document_of, rows))
    blocks = await uow.backlinks.blocks(page, [row.id for row in rows])
    return list_slice(
        rows,
        query,
        lambda row: Backlink(show_page(row, epochs), blocks.get(row.id, [])),
        lambda row: row.id,
    )
