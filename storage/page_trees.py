"""Which pages of a tree somebody may see, in a few queries for all of them."""

from typing import TYPE_CHECKING
from uuid import UUID

from storage.access import page_standing
from storage.callers import Caller
from storage.models import Page

if TYPE_CHECKING:
    from storage.unit_of_work import UnitOfWork


async def readable_below(uow: "UnitOfWork", caller: Caller, page: Page, *, limit: int) -> list[Page]:
    """Return the pages below one that the caller may read, trash aside: parents first, siblings in order.

    What is below a page that may not be read is not there either. At most `limit` are returned.
    """
    found: list[Page] = []
    above = {page.id: page}
    while above and len(found) < limit:
        level: list[Page] = []
        for child in await uow.pages.children(above, limit=limit - len(found)):
            parent = above[child.parent_page_id] if child.parent_page_id else None
            if parent is not None and await _is_readable(uow, caller, parent, child):
                level.append(child)
        found += level
        above = {one.id: one for one in level}
    return found


async def readable_children(
    uow: "UnitOfWork", caller: Caller, page: Page, *, after: tuple[str, UUID] | None = None, limit: int
) -> list[Page]:
    """Return the pages right below one that the caller may read, trash aside, in their order."""
    found: list[Page] = []
    while True:
        some = await uow.pages.children([page.id], after=after, limit=limit)
        found += [child for child in some if await _is_readable(uow, caller, page, child)]
        if len(found) >= limit or len(some) < limit:
            return found[:limit]
        after = (some[-1].order_key, some[-1].id)


async def _is_readable(uow: "UnitOfWork", caller: Caller, parent: Page, child: Page) -> bool:
    """Tell whether whoever may read a page may read one right below it."""
    if child.access_root_id == parent.access_root_id:
        return True  # the role, a grant or a link reaches both in the same way
    found = await page_standing(uow, caller, child.id)
    return found is not None and found[1].allows("pages.read")
