"""What the things that notifications are about are called, as far as somebody may see them now."""

from collections.abc import Collection
from uuid import UUID

from server.notifications.letters import Names
from storage.audience import readers
from storage.callers import parse_document_name
from storage.models import Notification
from storage.unit_of_work import UnitOfWork


async def names_for(uow: UnitOfWork, user_id: UUID, notifications: Collection[Notification]) -> Names:
    """Return the names that a person's notifications need, without those of what they may not see."""
    places = {one.workspace_id for one in notifications}
    subjects: dict[str, str] = {}
    for workspace_id, subject in sorted({(one.workspace_id, one.subject) for one in notifications}):
        if user_id in await readers(uow, workspace_id, subject, {user_id}):
            name = await _name_of(uow, subject)
            if name is not None:
                subjects[subject] = name
    workspaces: dict[UUID, str] = {}
    for place in places:
        found = await uow.workspaces.find_with_role(place, user_id)
        # To whom a page was granted, its workspace has no name.
        workspaces[place] = found[0].name if found else "Shared with you"
    actors = await uow.users.names_of_principals({one.actor for one in notifications if one.actor})
    return Names(workspaces, subjects, actors)


async def _name_of(uow: UnitOfWork, subject: str) -> str | None:
    """Return what a thing is called; None for one that is no more."""
    match parse_document_name(subject):
        case ("channel", channel_id):
            channel = await uow.channels.get(channel_id)
            return None if channel is None else channel.name if channel.type == "dm" else f"#{channel.name}"
        case ("page", page_id):
            page = await uow.pages.get(page_id)
            return (page.title or "Untitled") if page else None
        case ("workspace", workspace_id):
            workspace = await uow.workspaces.get(workspace_id)
            return workspace.name if workspace else None
        case ("agent", agent_id):
            agent = await uow.agent_configurations.get(agent_id)
            return agent.name if agent else None
        case ("webhook", webhook_id):
            webhook = await uow.webhooks.get(webhook_id)
            return webhook.url if webhook else None
        case _:
            return None
