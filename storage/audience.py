"""Who of many people may see one thing: what `storage.access` decides, for all of them in a few queries."""

from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from storage.access import page_standing
from storage.actions import LEAST_ROLE, ROLES, Action, can
from storage.callers import Caller, parse_document_name
from storage.event_access import ANYTHING_ELSE, NEEDED
from storage.models import Role

if TYPE_CHECKING:
    from storage.unit_of_work import UnitOfWork


async def readers(
    uow: "UnitOfWork", workspace_id: UUID, subject: str, user_ids: Collection[UUID] | None
) -> set[UUID]:
    """Return which of these people with an active account, or of all members, may see a thing now.

    A page in the trash is seen by nobody. Of a page all members cannot be asked for.
    """
    match parse_document_name(subject):
        case ("channel", channel_id):
            return await uow.channels.readers(
                workspace_id, channel_id, user_ids, roles=_roles_for("channels.read")
            )
        case ("page", page_id):
            assert user_ids is not None, "whoever reads a page need not be a member"
            return await _page_readers(uow, workspace_id, page_id, user_ids)
        case (kind, _):
            return await members_who_may(uow, workspace_id, NEEDED.get(kind, ANYTHING_ELSE), user_ids)
        case None:
            return set()


async def members_who_may(
    uow: "UnitOfWork", workspace_id: UUID, action: Action, user_ids: Collection[UUID] | None = None
) -> set[UUID]:
    """Return which of these people, or of all, are active members whose role allows something."""
    return await uow.workspaces.members_with(workspace_id, _roles_for(action), user_ids)


async def _page_readers(
    uow: "UnitOfWork", workspace_id: UUID, page_id: UUID, user_ids: Collection[UUID]
) -> set[UUID]:
    found: set[UUID] = set()
    for user_id in await uow.users.active(user_ids):
        standing = await page_standing(uow, Caller.of_user(user_id), page_id)
        if standing is None or standing[0].workspace_id != workspace_id or standing[0].trashed_at:
            continue
        if standing[1].allows("pages.read"):
            found.add(user_id)
    return found


def _roles_for(action: Action) -> list[Role]:
    assert action in LEAST_ROLE
    return [role for role in ROLES if can(role, action)]
