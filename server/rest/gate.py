"""Finds what a request names and asks the gate: 404 for what one may not see, 403 for what one may not do."""

from uuid import UUID

from server.errors import ForbiddenError, NotFoundError
from server.routing import UserCall
from storage.access import Action, can, document_right
from storage.models import Channel, Document, Page, Role, Workspace
from storage.unit_of_work import UnitOfWork


def require(role: Role, action: Action) -> None:
    """Raise ForbiddenError unless the role may do it."""
    if not can(role, action):
        raise ForbiddenError(f"Your role here, {role}, does not allow this ({action}).")


async def find_workspace(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, action: Action, *, lock: bool = False
) -> tuple[Workspace, Role]:
    """Return a workspace and the caller's role in it. Raises NotFoundError, ForbiddenError.

    `lock` holds the workspace until the end of the transaction, for rules over several rows.
    """
    found = await uow.workspaces.find_with_role(workspace_id, call.user_id, lock=lock)
    if found is None:
        raise NotFoundError("There is no such workspace, or you are not in it.")
    require(found[1], action)
    return found


async def find_page(call: UserCall, uow: UnitOfWork, page_id: UUID, action: Action) -> Page:
    """Return a page, in the trash or not. Raises NotFoundError, ForbiddenError."""
    found = await uow.pages.find_with_role(page_id, call.user_id)
    if found is None:
        raise NotFoundError("There is no such page, or you may not see it.")
    require(found[1], action)
    return found[0]


async def find_channel(call: UserCall, uow: UnitOfWork, channel_id: UUID) -> Channel:
    """Return a channel that the caller may see. Raises NotFoundError."""
    found = await uow.channels.find_with_role(channel_id, call.user_id)
    if found is None or (found[0].type != "public" and not found[2]):
        raise NotFoundError("There is no such channel, or you may not see it.")
    return found[0]


async def find_document(call: UserCall, uow: UnitOfWork, name: str, *, to_write: bool = False) -> Document:
    """Return a live document that the caller may read, or write. Raises NotFoundError, ForbiddenError."""
    right = await document_right(uow, call.user_id, name)
    document = await uow.documents.get(name) if right != "none" else None
    if document is None:
        raise NotFoundError("There is no such document, or you may not see it.")
    if to_write and right != "write":
        raise ForbiddenError("You may read this document, not change it.")
    return document
