"""The one gate: what a role may do, and what somebody may do with a document.

REST, sockets and agents all ask here. The table is data; who is in a workspace is the database's.
"""

from typing import TYPE_CHECKING, Literal
from uuid import UUID

from storage.models import Role

if TYPE_CHECKING:  # the unit of work imports the repositories, not this gate
    from storage.unit_of_work import UnitOfWork

Action = Literal[
    "workspace.read",
    "workspace.update",
    "workspace.delete",
    "members.read",
    "members.manage",
    "owners.manage",
    "pages.read",
    "pages.write",
    "channels.read",
    "channels.create",
    "channels.write",
]
DocumentRight = Literal["none", "read", "comment", "write"]

ROLES: tuple[Role, ...] = ("guest", "member", "admin", "owner")
"""From the least to the most; each may do what those before it may."""

LEAST_ROLE: dict[Action, Role] = {
    "workspace.read": "guest",
    "members.read": "guest",
    "pages.read": "guest",
    "channels.read": "guest",
    "pages.write": "member",
    "channels.write": "member",
    "channels.create": "member",
    "workspace.update": "admin",
    "members.manage": "admin",
    "owners.manage": "owner",
    "workspace.delete": "owner",
}
"""The least role that may do something."""


def can(role: Role | None, action: Action) -> bool:
    """Tell whether a role may do something; None, for no member, may do nothing."""
    return role is not None and ROLES.index(role) >= ROLES.index(LEAST_ROLE[action])


def parse_document_name(name: str) -> tuple[str, UUID] | None:
    """Split `kind:uuid`; None for what is not in the one form a document's name has."""
    kind, _, text = name.partition(":")
    try:
        subject = UUID(text)
    except ValueError:
        return None
    # The same document under two spellings would be two rooms.
    return (kind, subject) if str(subject) == text else None


async def document_right(uow: "UnitOfWork", user_id: UUID, document_name: str) -> DocumentRight:
    """Return what a user may do with a document; `none` also for one that does not exist."""
    parsed = parse_document_name(document_name)
    match parsed:
        case ("page", page_id):
            return await _page_right(uow, user_id, page_id)
        case ("channel", channel_id):
            return await _channel_right(uow, user_id, channel_id)
        case ("inbox", owner_id):
            return "read" if owner_id == user_id else "none"
        case _:
            return "none"


async def _page_right(uow: "UnitOfWork", user_id: UUID, page_id: UUID) -> DocumentRight:
    found = await uow.pages.find_with_role(page_id, user_id)
    if found is None:
        return "none"
    page, role = found
    if can(role, "pages.write") and page.trashed_at is None:
        return "write"
    return "read" if can(role, "pages.read") else "none"


async def _channel_right(uow: "UnitOfWork", user_id: UUID, channel_id: UUID) -> DocumentRight:
    found = await uow.channels.find_with_role(channel_id, user_id)
    if found is None:
        return "none"
    channel, role, is_in_channel = found
    if channel.type != "public":
        return "write" if is_in_channel else "none"
    if can(role, "channels.write"):
        return "write"
    return "read" if can(role, "channels.read") else "none"
