"""Tells what `storage.access` decides: 404 for what one may not see, 403 for what one may not do."""

from uuid import UUID

from server.errors import ConflictError, ForbiddenError, NotFoundError
from server.routing import ReaderCall, UserCall
from storage.access import (
    Standing,
    channel_standing,
    document_right,
    owned_standing,
    page_standing,
    prompt_standing,
    run_standing,
    suggestion_standing,
    workspace_standing,
)
from storage.actions import WRITING_CHANNELS, Action
from storage.models import AgentRunLog, Channel, Document, Page, Prompt, PromptLibrary, Suggestion, Workspace
from storage.repositories.owned import M, Owned
from storage.unit_of_work import UnitOfWork


def require(standing: Standing, action: Action) -> None:
    """Raise ForbiddenError unless one may do it."""
    if not standing.allows(action):
        reason = f"Your role here, {standing.role}," if standing.role else "What you were granted"
        raise ForbiddenError(f"{reason} does not allow this ({action}).")


async def find_workspace(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, action: Action, *, lock: bool = False
) -> tuple[Workspace, Standing]:
    """Return a workspace and what the caller may do in it. Raises NotFoundError, ForbiddenError.

    `lock` holds the workspace until the end of the transaction, for rules over several rows.
    """
    found = await workspace_standing(uow, call.caller, workspace_id, lock=lock)
    if found is None:
        raise NotFoundError("There is no such workspace, or you are not in it.")
    require(found[1], action)
    return found


async def find_page(call: ReaderCall, uow: UnitOfWork, page_id: UUID, action: Action) -> Page:
    """Return a page, in the trash or not. Raises NotFoundError, ForbiddenError."""
    return (await find_page_standing(call, uow, page_id, action))[0]


async def lock_page(call: ReaderCall, uow: UnitOfWork, page_id: UUID, action: Action) -> Page:
    """Return a page that nobody else changes, nor the tree and the rights around it, until the unit ends.

    Whoever changes pages locks their workspace before any page: their events need it, too, and whoever took
    these in the other order would wait in a circle. Raises NotFoundError, ForbiddenError.
    """
    page = await find_page(call, uow, page_id, action)
    await uow.workspaces.lock(page.workspace_id)
    uow.session.expunge(page)  # it may have changed until now
    return await find_page(call, uow, page_id, action)


async def find_page_standing(
    call: ReaderCall, uow: UnitOfWork, page_id: UUID, action: Action
) -> tuple[Page, Standing]:
    """Return a page and what the caller may do with it. Raises NotFoundError, ForbiddenError."""
    found = await page_standing(uow, call.caller, page_id)
    if found is None:
        raise NotFoundError("There is no such page, or you may not see it.")
    require(found[1], action)
    return found


async def find_owned(call: UserCall, rows: Owned[M], row_id: UUID, action: Action, what: str) -> M:
    """Return what belongs to a workspace, named `what`. Raises NotFoundError, ForbiddenError."""
    found = await owned_standing(rows, call.caller, row_id)
    if found is None:
        raise NotFoundError(f"There is no such {what}, or you may not see it.")
    require(found[1], action)
    return found[0]


async def find_prompt(
    call: UserCall, uow: UnitOfWork, prompt_id: UUID, action: Action
) -> tuple[Prompt, PromptLibrary]:
    """Return a prompt with its library. Raises NotFoundError, ForbiddenError."""
    found = await prompt_standing(uow, call.caller, prompt_id)
    if found is None:
        raise NotFoundError("There is no such prompt, or you may not see it.")
    require(found[1], action)
    return found[0]


async def find_run(call: UserCall, uow: UnitOfWork, run_id: UUID, action: Action) -> AgentRunLog:
    """Return a run of an agent. Raises NotFoundError, ForbiddenError."""
    found = await run_standing(uow, call.caller, run_id)
    if found is None:
        raise NotFoundError("There is no such run, or you may not see it.")
    require(found[1], action)
    return found[0]


async def find_channel(call: UserCall, uow: UnitOfWork, channel_id: UUID, action: Action) -> Channel:
    """Return a channel that the caller may see.

    Raises NotFoundError, ForbiddenError, and ConflictError for writing in an archived one.
    """
    found = await channel_standing(uow, call.caller, channel_id)
    if found is None:
        raise NotFoundError("There is no such channel, or you may not see it.")
    if found[0].archived_at is not None and action in WRITING_CHANNELS:
        raise ConflictError("The channel is archived: bring it back first.", code="channel_archived")
    require(found[1], action)
    return found[0]


async def find_suggestion(
    call: ReaderCall, uow: UnitOfWork, suggestion_id: UUID, action: Action
) -> tuple[Suggestion, Page, Standing]:
    """Return a suggestion, its page and the standing there. Raises NotFoundError, ForbiddenError."""
    found = await suggestion_standing(uow, call.caller, suggestion_id)
    if found is None:
        raise NotFoundError("There is no such suggestion, or you may not see it.")
    require(found[2], action)
    return found


async def find_document(call: UserCall, uow: UnitOfWork, name: str, *, to_write: bool = False) -> Document:
    """Return a live document that the caller may read, or write. Raises NotFoundError, ForbiddenError."""
    right = await document_right(uow, call.caller, name)
    document = await uow.documents.get(name) if right != "none" else None
    if document is None:
        raise NotFoundError("There is no such document, or you may not see it.")
    if to_write and right not in ("write", "manage"):
        raise ForbiddenError("You may read this document, not change it.")
    return document
