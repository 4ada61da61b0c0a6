"""What a page is called and looks like: in its row, and in its document, where everybody sees it at once.

Whichever of the two is written, the other follows. A document that says nothing of it, as that of a new page,
is left so.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pycrdt

from blocks.page import META
from blocks.plain import plain
from blocks.rows import PageNames
from crdt.ports import Principal
from server.documents.requests import PageDocuments
from server.pages.making import page_document
from storage.models import Page
from storage.unit_of_work import UnitOfWork


async def write_in_document(
    documents: PageDocuments, page_id: UUID, principal: Principal, names: Mapping[str, str | None]
) -> None:
    """Have a page's document say what its row says now (`title`, `icon_url`). Raises crdt's errors."""

    def stale(doc: pycrdt.Doc[Any]) -> list[str]:
        meta = doc.get(META, type=pycrdt.Map[Any])
        return [name for name, value in names.items() if name in meta and plain(meta[name]) != value]

    def write(doc: pycrdt.Doc[Any]) -> None:
        for name in stale(doc):
            doc.get(META, type=pycrdt.Map[Any])[name] = names[name]

    document = page_document(page_id)
    found, _, _ = await documents.read(document, stale)
    if found:
        await documents.write(document, principal, write)


async def follow_document(uow: UnitOfWork, page_id: UUID, names: PageNames) -> Page | None:
    """Have a page's row say what its document says; return the page if that is something else."""
    if names == PageNames():
        return None
    page = await uow.pages.get(page_id)
    if page is None or _said(page, names) == (page.title, page.icon_url):
        return None
    await uow.workspaces.lock(page.workspace_id)
    uow.session.expunge(page)  # it may have changed until now
    page = await uow.pages.get(page_id)
    if page is None:
        return None
    page.title, page.icon_url = _said(page, names)
    await uow.pages.change(page)
    return page


def _said(page: Page, names: PageNames) -> tuple[str, str | None]:
    return (
        page.title if names.title is None else names.title,
        page.icon_url if names.icon_url is None else names.icon_url,
    )
