"""Makes pages together with what they contain: rows, documents and events in one transaction.

The content of a new document is its first row, so no page is ever seen half filled: what is cut off before
the commit has left nothing. There is nobody to merge with in a document that nobody has opened yet; from the
commit on it is written like any other. Nothing in the content counts as happening now: it notifies nobody.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from storage.models import Page
from storage.unit_of_work import UnitOfWork
from storage.workspace_rows import write_document


class Content(msgspec.Struct, frozen=True):
    """What a new document begins with."""

    update: bytes
    client_id: int
    """The Yjs client id that it was written under."""
    block_ids: list[str]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A page that is to be made."""

    id: UUID
    above: UUID | None
    """The page that it goes below, of the drafts or there already; None: the place all of them get."""
    title: str
    icon_url: str | None
    order_key: str
    content: Content


async def add_pages(
    uow: UnitOfWork,
    workspace_id: UUID,
    drafts: Sequence[Draft],
    *,
    parent: Page | None,
    user_id: UUID,
    actor: str,
) -> list[Page]:
    """Add pages, each behind the one that it goes below; they are as restricted as what is above them."""
    made: dict[UUID, Page] = {}
    for draft in drafts:
        above = parent
        if draft.above is not None:
            above = made.get(draft.above) or await uow.pages.get(draft.above)
        page = await uow.pages.create(
            workspace_id,
            page_id=draft.id,
            title=draft.title,
            parent=above,
            icon_url=draft.icon_url,
            order_key=draft.order_key,
            created_by_user_id=user_id,
        )
        name = page_document(page.id)
        document = await uow.documents.create(name, workspace_id)
        await write_document(uow.session, document, [draft.content.update], author=actor)
        made[page.id] = page
    await uow.client_ids.bind(
        {page_document(draft.id): [(draft.content.client_id, actor, True)] for draft in drafts}
    )
    for page in made.values():
        await tell_of_page(uow, actor, "page.created", page)
    return [*made.values()]


async def tell_of_page(uow: UnitOfWork, actor: str | None, event: str, page: Page) -> None:
    """Add an event about a page."""
    await uow.events.append(page.workspace_id, event, actor, page_document(page.id), what_is_told_of(page))


def what_is_told_of(page: Page) -> dict[str, Any]:
    """Return the payload of an event about a page."""
    parent = str(page.parent_page_id) if page.parent_page_id else None
    return {"title": page.title, "parent_page_id": parent}


def page_document(page_id: UUID) -> str:
    """Return the name of a page's document."""
    return f"page:{page_id}"
