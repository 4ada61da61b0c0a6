"""What a page is called and looks like: in its row, and in its document, where everybody sees it at once.

Whichever of the two is written, the other follows. A document that says nothing of it, as that of a new page,
is left so.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
import pycrdt
from msgspec import UNSET

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
    """Have a page's row say what its document says; return the page if that is something else.

    Where the document has no word of it any more (the first renaming was undone, or a version restored), the
    row says again what it said by itself.
    """
    page = await uow.pages.get(page_id)
    if page is None or not _differences(page, names):
        return None
    await uow.workspaces.lock(page.workspace_id)
    uow.session.expunge(page)  # it may have changed until now
    page = await uow.pages.get(page_id)
    if page is None or not (differences := _differences(page, names)):
        return None
    own = dict(page.own_names)
    for name, value in differences.items():
        if getattr(names, name) is UNSET:
            del own[name]
        else:
            own.setdefault(name, getattr(page, name))
        setattr(page, name, value)
    page.own_names = own
    await uow.pages.change(page)
    return page


def rename(page: Page, names: Mapping[str, str | None]) -> None:
    """Have a page's row say something else by itself."""
    for name, value in names.items():
        setattr(page, name, value)
        if name in page.own_names:
            page.own_names = {**page.own_names, name: value}


def _differences(page: Page, names: PageNames) -> dict[str, str | None]:
    """Return what a page's row is to say other than now."""
    said = {name: value for name, value in page.own_names.items() if getattr(names, name) is UNSET}
    for name, value in msgspec.structs.asdict(names).items():
        if value is not UNSET and value is not None:
            said[name] = value
    return {name: value for name, value in said.items() if value != getattr(page, name)}
