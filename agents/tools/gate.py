"""Asks `storage.access` what a run may do with one thing, and tells a refusal in words for a model."""

from collections.abc import Collection
from uuid import UUID

from agents.tools.base import ToolContext
from agents.tools.errors import ToolError
from storage.access import Standing, channel_standing, page_standing, readable_documents, workspace_standing
from storage.actions import WRITING_CHANNELS, Action
from storage.models import Channel, Page
from storage.unit_of_work import UnitOfWork


async def workspace_of(uow: UnitOfWork, context: ToolContext, action: Action) -> Standing:
    """Return what a run may do in its workspace. Raises ToolError."""
    found = await workspace_standing(uow, context.caller, context.workspace_id)
    if found is None:
        raise ToolError("This run has no rights in this workspace any more.")
    _require(found[1], action)
    return found[1]


async def find_page(uow: UnitOfWork, context: ToolContext, page_id: UUID, action: Action) -> Page:
    """Return a page that is not in the trash. Raises ToolError."""
    found = await page_standing(uow, context.caller, page_id)
    if found is None or found[0].workspace_id != context.workspace_id:
        raise ToolError("There is no such page, or this run may not see it.")
    page, standing = found
    _require(standing, action)
    if page.trashed_at is not None:
        raise ToolError("The page is in the trash.")
    return page


async def find_channel(uow: UnitOfWork, context: ToolContext, channel_id: UUID, action: Action) -> Channel:
    """Return a channel. Raises ToolError."""
    found = await channel_standing(uow, context.caller, channel_id)
    if found is None or found[0].workspace_id != context.workspace_id:
        raise ToolError("There is no such channel, or this run may not see it.")
    if found[0].archived_at is not None and action in WRITING_CHANNELS:
        raise ToolError("The channel is archived: nobody writes there.")
    _require(found[1], action)
    return found[0]


async def within_grant(uow: UnitOfWork, context: ToolContext, names: Collection[str]) -> Collection[str]:
    """Return which of some documents, which the person may read, the run may read too."""
    if context.caller.grant is None:
        return names
    return await readable_documents(uow, context.caller, context.workspace_id, names)


async def is_first(uow: UnitOfWork, context: ToolContext) -> bool:
    """Tell whether this step does what it does for the first time, and remember it with this unit."""
    return await uow.idempotency.claim(context.principal.id, f"step:{context.step_id}", "") is None


def _require(standing: Standing, action: Action) -> None:
    if not standing.allows(action):
        raise ToolError(f"This run may not do that here ({action}).")
