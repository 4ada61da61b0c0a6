"""A page as people look at it who have its link: sanitised HTML, and what it leads to as far as they may go.

Pictures and files are shown by links that are signed for an hour, if whoever made the link may read them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from blocks.html_writer import to_html
from blocks.links import file_of, page_of
from blocks.page_text import page_trees
from blocks.retargeting import addresses_in, retarget
from blocks.richtext import plain_text
from blocks.tree import Element
from server.bootstrap import Services
from server.pages.files import may_read_file
from server.pages.making import page_document
from storage.access import page_standing
from storage.callers import Caller
from storage.models import Page, ShareLink
from storage.page_trees import readable_children
from storage.unit_of_work import UnitOfWork

FILE_SECONDS = 3600
MOST_CHILDREN = 500
_OUTSIDE = ("http://", "https://", "mailto:", "tel:")


class PageName(msgspec.Struct, frozen=True):
    """A page that one can go on to."""

    id: UUID
    title: str
    icon_url: str | None


class ShownPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page as visitors see it."""

    id: UUID
    title: str
    icon_url: str | None
    html: str
    above: PageName | None
    """The page above it, if the link reaches that."""
    children: list[PageName]


async def show_to_visitors(services: Services, link: ShareLink, page_id: UUID, base: str) -> ShownPage | None:
    """Return a page that a link reaches, None for any other; `base` is where the link itself lies."""
    visitor = Caller.of_link(link)
    async with services.database.read() as uow:
        found = await page_standing(uow, visitor, page_id)
        if found is None or not found[1].allows("pages.read"):
            return None
        page = found[0]
        above = None if page.id == link.page_id else await uow.pages.get(page.parent_page_id or page.id)
        children = await readable_children(uow, visitor, page, limit=MOST_CHILDREN)
    trees, _, _ = await services.documents.render(page_document(page.id), page_trees)
    addresses = {address for tree in trees for address in addresses_in(tree)}
    async with services.database.read() as uow:
        targets = await _page_targets(uow, visitor, addresses, base)
        targets |= await _file_targets(services, uow, link, page, addresses)
    return ShownPage(
        id=page.id,
        title=page.title,
        icon_url=page.icon_url,
        html=await _write_html(_below_title(trees, page.title), targets),
        above=_name(above) if above else None,
        children=[_name(child) for child in children],
    )


def _below_title(trees: Sequence[Element], title: str) -> Sequence[Element]:
    """Leave out a first heading that only says the page's title again: that is shown above all."""
    if not trees or not trees[0].content:
        return trees
    first, *others = trees[0].content
    if not isinstance(first, Element) or first.type != "heading" or first.attrs.get("level") != 1:
        return trees
    if plain_text(first).strip() != title.strip():
        return trees
    return [msgspec.structs.replace(trees[0], content=tuple(others)), *trees[1:]]


async def _write_html(trees: Sequence[Element], targets: Mapping[str, str]) -> str:
    """Return HTML that leads to the web, and within the workspace only where `targets` say."""

    def lead(address: str) -> str | None:
        is_ours = page_of(address) is not None or file_of(address) is not None
        if is_ours or not address.lower().startswith(_OUTSIDE):
            return targets.get(address)
        return address

    sections: list[str] = []
    for tree in trees:
        sections.append(f"<section>{to_html(retarget(tree, link=lead, image=lead))}</section>")
        await asyncio.sleep(0)  # there may be ten thousand
    return "\n".join(sections)


async def _page_targets(uow: UnitOfWork, visitor: Caller, addresses: set[str], base: str) -> dict[str, str]:
    targets: dict[str, str] = {}
    for address in addresses:
        page_id = page_of(address)
        if page_id is not None and await page_standing(uow, visitor, page_id) is not None:
            targets[address] = f"{base}/{page_id}"
    return targets


async def _file_targets(
    services: Services, uow: UnitOfWork, link: ShareLink, page: Page, addresses: set[str]
) -> dict[str, str]:
    maker = Caller.of_user(link.created_by_user_id)
    expires = int(uow.now.timestamp()) + FILE_SECONDS
    targets: dict[str, str] = {}
    for address in addresses:
        file_id = file_of(address)
        file = await uow.files.get(file_id) if file_id else None
        if file is None or file.workspace_id != page.workspace_id:
            continue
        if await may_read_file(uow, maker, file):
            query = urlencode({"expires": expires, "signature": services.files.sign(file.id, expires)})
            targets[address] = f"/v1/files/{file.id}/linked?{query}"
    return targets


def _name(page: Page) -> PageName:
    return PageName(page.id, page.title, page.icon_url)
