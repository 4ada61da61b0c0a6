"""Drafts of copies: of a page, or of a page and what is below it, as its log is committed now.

Nothing is written here. Each document is read and copied beside the event loop if it is large.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pycrdt

from blocks.page_copies import copy_page, words_of
from blocks.page_edits import Stamp
from crdt.document import LiveDocument
from server.bootstrap import Services
from server.errors import ConflictError
from server.offload import size_of
from server.pages.making import Content, Draft, page_document
from storage.callers import Caller
from storage.ids import Uuid7
from storage.models import Page
from storage.page_trees import readable_below
from storage.unit_of_work import UnitOfWork

MOST_PAGES = 500
MOST_BYTES = 64 * 1024 * 1024
"""Of all the documents together that are copied at once."""


async def find_tree(uow: UnitOfWork, caller: Caller, page: Page, *, most: int = MOST_PAGES) -> list[Page]:
    """Return a page and all below it that the caller may read, parents first. Raises ConflictError."""
    below = await readable_below(uow, caller, page, limit=most)
    if len(below) == most:
        raise ConflictError(f"This takes at most {most} pages at once.", code="too_many_pages")
    return [page, *below]


async def draft_copies(
    services: Services,
    tree: Sequence[Page],
    *,
    title: str,
    order_key: str,
    actor: str,
    fields: Mapping[str, str] | None = None,
    most_bytes: int = MOST_BYTES,
) -> list[Draft]:
    """Return drafts of copies of pages, the first of which is above all others.

    Raises ConflictError for more than `most_bytes`, and what loading a document raises.
    """
    new_ids = {page.id: services.database.new_id() for page in tree}
    ids = {str(old): str(new) for old, new in new_ids.items()}
    stamp = Stamp(services.clock().isoformat(), actor)
    fields = fields or {}
    words = words_of({}, fields)
    drafts: list[Draft] = []
    left = most_bytes
    for page in tree:
        is_first = page is tree[0]
        page_title = title if is_first else words(page.title)[:500]
        _, snapshot, rows = await services.update_log.load(page_document(page.id))
        size = size_of(snapshot, rows)
        left -= size
        if left < 0:
            raise ConflictError(
                f"The pages have more than {most_bytes} bytes together.", code="too_many_pages"
            )
        content = await services.offload.run(
            size, copy_content, snapshot, rows, ids, dict(fields), stamp, page_title
        )
        drafts.append(
            Draft(
                id=new_ids[page.id],
                above=None if is_first or page.parent_page_id is None else new_ids[page.parent_page_id],
                title=page_title,
                icon_url=page.icon_url,
                order_key=order_key if is_first else page.order_key,
                content=content,
            )
        )
    return drafts


def copy_content(
    snapshot: bytes | None,
    rows: list[bytes],
    ids: Mapping[str, str],
    fields: Mapping[str, str],
    stamp: Stamp,
    title: str,
) -> Content:
    """Return what a copy of a document begins with. Raises DocumentDamaged."""
    live = LiveDocument(snapshot, rows)
    target = pycrdt.Doc[Any]()
    new_id = Uuid7()

    def copy(source: pycrdt.Doc[Any]) -> list[str]:
        return copy_page(
            source, target, new_id=lambda: str(new_id()), stamp=stamp, ids=ids, fields=fields, title=title
        )

    block_ids = live.read(copy)
    return Content(target.get_update(), target.client_id, block_ids)


def note_blocks(services: Services, drafts: Sequence[Draft]) -> None:
    """Let the blocks of pages that were made be found at once, before their rows are there."""
    for draft in drafts:
        for block_id in draft.content.block_ids:
            services.documents.index.note(block_id, draft.id)


def page_fields(*, title: str, author: str, workspace: str, date: str) -> Mapping[str, str]:
    """Return what the placeholders of templates stand for."""
    return {"title": title, "author": author, "workspace": workspace, "date": date}
