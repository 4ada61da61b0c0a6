"""Pages: the tree, its order and the trash. What a page contains is its live document."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from blocks.order import key_between
from server.errors import ApiError, ConflictError, FieldError, InvalidError
from server.pages.copies import draft_copies, find_tree, note_blocks, page_fields
from server.pages.ending import end_page
from server.pages.making import add_pages, tell_of_page
from server.pages.names import rename, write_in_document
from server.rest.fields import DocumentEpoch, Listing, Slice, Time, Title, Url, list_slice, read_cursor
from server.rest.gate import find_page, find_workspace, lock_page, require
from server.routing import ReaderCall, Routes, UserCall
from storage.access import page_standing
from storage.models import Page
from storage.page_trees import readable_children
from storage.unit_of_work import UnitOfWork

routes = Routes("Pages")

MOST_TEMPLATE_PAGES = 50
MOST_TEMPLATE_BYTES = 4 * 1024 * 1024
"""Of a template, which is copied within the request's transaction."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# What cursors hold comes back from clients: only what the database can take may pass.
OrderKey = Annotated[str, Meta(pattern="^[0-9a-z]+$")]
Microseconds = Annotated[int, Meta(ge=0, le=2**52)]
Parent = Annotated[UUID, Meta(description="The page above.")]
After = Annotated[UUID, Meta(description="The sibling to stand behind; null for the first place.")]


class PageAnswer(msgspec.Struct, frozen=True):
    """A page. Siblings are sorted by `order_key`, byte by byte; what a page contains is its document."""

    id: UUID
    workspace_id: UUID
    document: Annotated[str, Meta(description="The name of the page's live document.")]
    epoch: DocumentEpoch
    parent_page_id: UUID | None
    title: str
    icon_url: str | None
    order_key: str
    is_template: Annotated[bool, Meta(description="Whether new pages are made from it.")]
    trashed_at: Time | None
    created_by_user_id: UUID
    created_at: Time
    updated_at: Time


class NewPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page to make; without `after` it becomes the last one of its siblings."""

    title: Title
    parent_page_id: Parent | None = None
    icon_url: Url | None = None
    after: After | UnsetType | None = UNSET
    template_id: Annotated[
        UUID | None, Meta(description="A template to begin with: a copy of it, and of what is below it.")
    ] = None


class PageChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. A page that gets another parent becomes its last child."""

    title: Title | UnsetType = UNSET
    icon_url: Url | UnsetType | None = UNSET
    parent_page_id: Parent | UnsetType | None = UNSET
    after: After | UnsetType | None = UNSET
    is_template: bool | UnsetType = UNSET


@routes.get("/v1/workspaces/{workspace_id}/pages", "pages.read")
async def list_pages(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[PageAnswer]:
    """List the pages of a workspace, trash aside.

    The list is flat: `parent_page_id` makes it a tree. Siblings come in their order.
    """
    _, standing = await find_workspace(call, uow, workspace_id, "pages.read")
    rows = await uow.pages.list_tree(
        workspace_id,
        reader=standing.page_reader,
        after=read_cursor(query, tuple[OrderKey, UUID]),
        limit=query.limit + 1,
    )
    epochs = await uow.documents.epochs(map(document_of, rows))
    return list_slice(
        rows, query, lambda page: show_page(page, epochs), lambda page: (page.order_key, page.id)
    )


@routes.get("/v1/workspaces/{workspace_id}/trash", "pages.read")
async def list_trash(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[PageAnswer]:
    """List the pages in the trash, the latest first."""
    _, standing = await find_workspace(call, uow, workspace_id, "pages.read")
    cursor = read_cursor(query, tuple[Microseconds, UUID])
    after = (EPOCH + cursor[0] * MICROSECOND, cursor[1]) if cursor else None
    rows = await uow.pages.list_trash(
        workspace_id, reader=standing.page_reader, after=after, limit=query.limit + 1
    )
    epochs = await uow.documents.epochs(map(document_of, rows))
    return list_slice(rows, query, lambda page: show_page(page, epochs), _place_in_trash)


@routes.post(
    "/v1/workspaces/{workspace_id}/pages", "pages.write", status=201, refuses=(403, 409), idempotent=True
)
async def create_page(call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewPage) -> PageAnswer:
    """Make a page with an empty document, or with a template's content.

    Below a page it takes the right to write that one. In a template's texts `{{title}}`, `{{date}}`,
    `{{author}}` and `{{workspace}}` are filled in.
    """
    parent = await find_parent(call, uow, workspace_id, body.parent_page_id)
    order_key = await place_page(uow, workspace_id, body.parent_page_id, body.after)
    if body.template_id is not None:
        return await _use_template(call, uow, workspace_id, body, parent, order_key)
    page = await uow.pages.create(
        workspace_id,
        title=body.title,
        parent=parent,
        icon_url=body.icon_url,
        order_key=order_key,
        created_by_user_id=call.user_id,
    )
    await uow.documents.create(document_of(page), workspace_id)
    await tell_of_page(uow, call.actor, "page.created", page)
    return await read_page(uow, page)


@routes.get("/v1/workspaces/{workspace_id}/templates", "pages.read")
async def list_templates(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[PageAnswer]:
    """List the pages that new pages are made from, oldest first."""
    _, standing = await find_workspace(call, uow, workspace_id, "pages.read")
    rows = await uow.pages.list_templates(
        workspace_id,
        reader=standing.page_reader,
        after=read_cursor(query, UUID),
        limit=query.limit + 1,
    )
    epochs = await uow.documents.epochs(map(document_of, rows))
    return list_slice(rows, query, lambda page: show_page(page, epochs), lambda page: page.id)


@routes.get("/v1/pages/{page_id}", "pages.read")
async def get_page(call: ReaderCall, uow: UnitOfWork, page_id: UUID) -> PageAnswer:
    """Return a page, in the trash or not."""
    page = await read_page(uow, await find_page(call, uow, page_id, "pages.read"))
    return for_visitors(page, call.caller.link_page_id)


@routes.get("/v1/pages/{page_id}/children", "pages.read")
async def list_children(
    call: ReaderCall, uow: UnitOfWork, page_id: UUID, query: Slice
) -> Listing[PageAnswer]:
    """List the pages right below a page, trash aside, in their order: those that the caller may see."""
    page = await find_page(call, uow, page_id, "pages.read")
    rows = await readable_children(
        uow, call.caller, page, after=read_cursor(query, tuple[OrderKey, UUID]), limit=query.limit + 1
    )
    epochs = await uow.documents.epochs(map(document_of, rows))
    return list_slice(
        rows, query, lambda child: show_page(child, epochs), lambda child: (child.order_key, child.id)
    )


@routes.patch("/v1/pages/{page_id}", "pages.write", refuses=(403, 409))
async def change_page(call: UserCall, page_id: UUID, body: PageChange) -> PageAnswer:
    """Rename a page, move it in the tree with all that is below it, or make it a template.

    Where the page's document says what it is called, it says so, too.
    """
    async with call.services.database.transaction() as uow:
        page = await lock_page(call, uow, page_id, "pages.write")
        refuse_trashed(page)
        if body != PageChange():
            await _change(call, uow, page, body)
        answer = await read_page(uow, page)
    if names := _names_of(body):
        await write_in_document(call.services.documents, page_id, await call.principal(), names)
    return answer


def _names_of(body: PageChange) -> dict[str, str | None]:
    names = {"title": body.title, "icon_url": body.icon_url}
    return {name: value for name, value in names.items() if value is not UNSET}


async def _change(call: UserCall, uow: UnitOfWork, page: Page, body: PageChange) -> None:
    is_moved = body.parent_page_id is not UNSET or body.after is not UNSET
    if is_moved:
        await _move(call, uow, page, body)
    rename(page, _names_of(body))
    if body.is_template is not UNSET:
        page.is_template = body.is_template
    await uow.pages.change(page)
    await tell_of_page(uow, call.actor, "page.moved" if is_moved else "page.updated", page)


@routes.delete("/v1/pages/{page_id}", "pages.write", refuses=(403,))
async def trash_page(call: UserCall, uow: UnitOfWork, page_id: UUID) -> None:
    """Put a page and everything below it into the trash. One that is there stays there."""
    page = await lock_page(call, uow, page_id, "pages.write")
    if page.trashed_at is None:
        await uow.pages.trash(page)
        await tell_of_page(uow, call.actor, "page.trashed", page)


@routes.delete("/v1/pages/{page_id}/forever", "pages.share", refuses=(403, 409))
async def delete_page_for_good(call: UserCall, page_id: UUID) -> None:
    """Delete a page that is in the trash, and all below it, with their documents and files. For good."""
    services = call.services
    async with services.database.transaction() as uow:
        page = await lock_page(call, uow, page_id, "pages.share")
        if page.trashed_at is None:
            raise ConflictError("Only what is in the trash is deleted for good.", code="page_not_trashed")
        files = await end_page(uow, page, call.actor)
    for file in files:
        await services.files.remove(file.workspace_id, file.id)


@routes.post("/v1/pages/{page_id}/restore", "pages.write", refuses=(403,))
async def restore_page(call: UserCall, uow: UnitOfWork, page_id: UUID) -> PageAnswer:
    """Take a page out of the trash, with what went there together with it.

    A page whose parent is in the trash comes back at the top of the tree.
    """
    page = await lock_page(call, uow, page_id, "pages.write")
    if page.trashed_at is None:
        return await read_page(uow, page)
    await uow.pages.restore(page)
    parent = await uow.pages.get(page.parent_page_id) if page.parent_page_id else None
    if parent is not None and parent.trashed_at is not None:
        await _lift(uow, page)
    await tell_of_page(uow, call.actor, "page.restored", page)
    return await read_page(uow, page)


async def _use_template(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewPage, parent: Page | None, order_key: str
) -> PageAnswer:
    found = await page_standing(uow, call.caller, body.template_id) if body.template_id else None
    template = found[0] if found and found[1].allows("pages.read") else None
    is_fitting = template is not None and template.is_template and template.trashed_at is None
    if template is None or not is_fitting or template.workspace_id != workspace_id:
        raise bad_field("template_id", "No template of this workspace")
    workspace, user = await uow.workspaces.get(workspace_id), await uow.users.get(call.user_id)
    assert workspace is not None
    assert user is not None
    drafts = await draft_copies(
        call.services,
        await find_tree(uow, call.caller, template, most=MOST_TEMPLATE_PAGES),
        title=body.title,
        order_key=order_key,
        actor=call.actor,
        fields=page_fields(
            title=body.title, author=user.name, workspace=workspace.name, date=uow.now.date().isoformat()
        ),
        most_bytes=MOST_TEMPLATE_BYTES,
    )
    if body.icon_url is not None:
        drafts[0] = msgspec.structs.replace(drafts[0], icon_url=body.icon_url)
    pages = await add_pages(uow, workspace_id, drafts, parent=parent, user_id=call.user_id, actor=call.actor)
    uow.after_commit.append(lambda: note_blocks(call.services, drafts))
    return await read_page(uow, pages[0])


def document_of(page: Page) -> str:
    """Return the name of a page's document."""
    return f"page:{page.id}"


def show_page(page: Page, epochs: Mapping[str, str]) -> PageAnswer:
    """Return a page as its readers see it, given the epochs of documents."""
    return PageAnswer(
        id=page.id,
        workspace_id=page.workspace_id,
        document=document_of(page),
        epoch=epochs.get(document_of(page), ""),
        parent_page_id=page.parent_page_id,
        title=page.title,
        icon_url=page.icon_url,
        order_key=page.order_key,
        is_template=page.is_template,
        trashed_at=page.trashed_at,
        created_by_user_id=page.created_by_user_id,
        created_at=page.created_at,
        updated_at=page.updated_at,
    )


def for_visitors(page: PageAnswer, link_page_id: UUID | None) -> PageAnswer:
    """Return a page as those see it who have a link to `link_page_id`: nothing of what is above."""
    return msgspec.structs.replace(page, parent_page_id=None) if page.id == link_page_id else page


async def read_page(uow: UnitOfWork, page: Page) -> PageAnswer:
    """Return a page as its readers see it, with the epoch of its document."""
    return show_page(page, await uow.documents.epochs([document_of(page)]))


def _place_in_trash(page: Page) -> tuple[int, UUID]:
    assert page.trashed_at
    return ((page.trashed_at - EPOCH) // MICROSECOND, page.id)


async def _move(call: UserCall, uow: UnitOfWork, page: Page, body: PageChange) -> None:
    """Set a page's parent and place. It is locked: two moves could make a circle together."""
    parent_id = page.parent_page_id
    if body.parent_page_id is not UNSET and body.parent_page_id != parent_id:
        parent = await find_parent(call, uow, page.workspace_id, body.parent_page_id)
        parent_id = body.parent_page_id
        if await uow.pages.is_inside(parent_id, page.id):
            raise ConflictError("A page cannot be moved below itself.", code="page_cycle")
        if page.access_root_id not in (page.id, parent.access_root_id if parent else None):
            await find_page(call, uow, page.id, "pages.share")  # others will see it than before
    page.order_key = await place_page(uow, page.workspace_id, parent_id, body.after, moving=page.id)
    if parent_id != page.parent_page_id:
        page.parent_page_id = parent_id
        await uow.pages.change(page)
        await uow.pages.follow_parent(page)


async def _lift(uow: UnitOfWork, page: Page) -> None:
    """Put a page at the top of the tree. What was restricted above stays so for it."""
    access_root_id = page.access_root_id
    page.parent_page_id = None
    page.order_key = await place_page(uow, page.workspace_id, None, UNSET)
    await uow.pages.change(page)
    if access_root_id not in (None, page.id):
        await uow.pages.restrict(page)
        await uow.grants.copy(access_root_id, page.id)


async def find_parent(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, parent_id: UUID | None
) -> Page | None:
    """Return the page that another is to be put below; at the top, the role decides.

    Raises NotFoundError, ForbiddenError, and InvalidError for what is no parent.
    """
    if parent_id is None:
        await find_workspace(call, uow, workspace_id, "pages.write")
        return None
    found = await page_standing(uow, call.caller, parent_id)
    if found is None:
        # Whoever may not see the workspace is told nothing of its pages either.
        await find_workspace(call, uow, workspace_id, "pages.read")
    if found is None or found[0].workspace_id != workspace_id or found[0].trashed_at is not None:
        raise bad_field("parent_page_id", "No page of this workspace, or in the trash")
    parent, standing = found
    require(standing, "pages.write")
    return parent


async def place_page(
    uow: UnitOfWork,
    workspace_id: UUID,
    parent_id: UUID | None,
    after_id: UUID | UnsetType | None,
    moving: UUID | None = None,
) -> str:
    """Return the order key for a page behind `after_id`: the last place if unset, the first if None."""
    if after_id is UNSET:
        return key_between(await uow.pages.last_key(workspace_id, parent_id, moving=moving), None)
    after = await uow.pages.get(after_id) if after_id else None
    is_sibling = after is not None and (after.workspace_id, after.parent_page_id) == (workspace_id, parent_id)
    if after_id is not None and (not is_sibling or after_id == moving):
        raise bad_field("after", "No sibling at that place")
    return key_between(*await uow.pages.neighbours(workspace_id, parent_id, after=after, moving=moving))


def refuse_trashed(page: Page) -> None:
    """Raise ConflictError for a page in the trash."""
    if page.trashed_at is not None:
        raise ConflictError("The page is in the trash: restore it first.", code="page_trashed")


def bad_field(name: str, detail: str) -> ApiError:
    """Return the refusal of a body whose field names what it may not."""
    return InvalidError(f"{detail}.", code="invalid_reference", errors=(FieldError(f"body.{name}", detail),))
