"""Copies of pages."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.pages.copies import draft_copies, find_tree, note_blocks
from server.pages.making import add_pages
from server.rest.fields import Title
from server.rest.gate import find_page, lock_page
from server.rest.pages import (
    After,
    PageAnswer,
    Parent,
    find_parent,
    place_page,
    read_page,
    refuse_trashed,
)
from server.routing import Routes, UserCall
from storage.access import page_standing, workspace_standing
from storage.models import Page
from storage.unit_of_work import UnitOfWork

routes = Routes("Pages")


class PageDuplicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to copy and where to."""

    with_children: Annotated[
        bool, Meta(description="Whether the pages below it are copied too, those that the caller may see.")
    ] = True
    title: Annotated[Title, Meta(description="`... (copy)` if it is left out.")] | UnsetType = UNSET
    parent_page_id: (
        Annotated[
            Parent,
            Meta(
                description="Null: the top. Left out, the copy comes right behind the page; below it, where "
                "the caller may write there only."
            ),
        ]
        | UnsetType
        | None
    ) = UNSET
    after: After | UnsetType | None = UNSET


@routes.post(
    "/v1/pages/{page_id}/duplicate", "pages.write", status=201, refuses=(403, 409, 503), idempotent=True
)
async def duplicate_page(call: UserCall, page_id: UUID, body: PageDuplicate) -> PageAnswer:
    """Copy a page, whole or not at all, as it is committed now.

    All blocks are new and one's own; files stay where they are and are shown in both. Links among pages that
    are copied together lead to the copies. Comments, history, grants and share links are not copied.
    """
    services = call.services
    async with services.database.read() as uow:
        page = await find_page(call, uow, page_id, "pages.write")
        refuse_trashed(page)
        await _find_place(call, uow, page, body)
        tree = await find_tree(uow, call.caller, page) if body.with_children else [page]
    title = body.title if body.title is not UNSET else f"{page.title[:490]} (copy)"
    drafts = await draft_copies(services, tree, title=title, order_key="", actor=call.actor)
    async with services.database.transaction() as uow:
        page = await lock_page(call, uow, page_id, "pages.write")
        refuse_trashed(page)
        parent, order_key = await _find_place(call, uow, page, body)
        drafts[0] = msgspec.structs.replace(drafts[0], order_key=order_key)
        made = await add_pages(
            uow, page.workspace_id, drafts, parent=parent, user_id=call.user_id, actor=call.actor
        )
        shown = await read_page(uow, made[0])
    note_blocks(services, drafts)
    return shown


async def _find_place(
    call: UserCall, uow: UnitOfWork, page: Page, body: PageDuplicate
) -> tuple[Page | None, str]:
    """Return the page that a copy goes below, and its key there. Raises what `find_parent` raises."""
    parent_id, after = body.parent_page_id, body.after
    if parent_id is UNSET:
        is_beside = await _can_write_above(call, uow, page)
        parent_id = page.parent_page_id if is_beside else page.id
        if after is UNSET and is_beside:
            after = page.id
    parent = await find_parent(call, uow, page.workspace_id, parent_id)
    return parent, await place_page(uow, page.workspace_id, parent_id, after)


async def _can_write_above(call: UserCall, uow: UnitOfWork, page: Page) -> bool:
    found = (
        await page_standing(uow, call.caller, page.parent_page_id)
        if page.parent_page_id
        else await workspace_standing(uow, call.caller, page.workspace_id)
    )
    return found is not None and found[1].allows("pages.write")
