"""What one was told: the list, and marking it as read on all devices at once."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import NotFoundError
from server.rest.fields import Listing, Slice, Time, list_slice, read_cursor
from server.routing import Routes, UserCall
from storage.models import Notification, NotificationKind
from storage.repositories.notifications import Selection
from storage.unit_of_work import UnitOfWork

routes = Routes("Notifications")


class NotificationAnswer(msgspec.Struct, frozen=True):
    """Something that happened and concerns the caller: ids and small facts, never contents."""

    id: UUID
    workspace_id: UUID
    kind: NotificationKind
    actor: Annotated[str | None, Meta(description="Who did it; null where it happened by itself.")]
    subject: Annotated[
        str, Meta(description="What it is about: `channel:{id}`, `page:{id}`, `agent:{id}` ...")
    ]
    details: Annotated[
        dict[str, Any], Meta(description="By kind: `message_id`, `thread_id`, `block_id`, `run_id` ...")
    ]
    created_at: Time
    read_at: Time | None


class NotificationSlice(Slice, frozen=True, forbid_unknown_fields=True):
    """Which part of the list is wanted."""

    unread: Annotated[bool, Meta(description="Whether to leave out what was read.")] = False


class ReadMarks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to mark as read: all, or what fits everything that is given."""

    workspace_id: UUID | None = None
    subject: Annotated[str, Meta(max_length=100, pattern=r"^[^\x00]*$")] | None = None
    up_to: Annotated[
        UUID | None, Meta(description="The newest notification one has seen: later ones stay unread.")
    ] = None


class MarkedAnswer(msgspec.Struct, frozen=True):
    """How many notifications were unread until now."""

    marked: int


@routes.get("/v1/notifications", "account")
async def list_notifications(
    call: UserCall, uow: UnitOfWork, query: NotificationSlice
) -> Listing[NotificationAnswer]:
    """List what one was told in the last 180 days, the newest first."""
    rows = await uow.notifications.list_of_user(
        call.user_id, unread=query.unread, before=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, show_notification, lambda row: row.id)


@routes.post("/v1/notifications/read", "account")
async def mark_notifications_read(call: UserCall, uow: UnitOfWork, body: ReadMarks) -> MarkedAnswer:
    """Mark notifications as read, on all devices."""
    selection = Selection(workspace_id=body.workspace_id, document=body.subject, up_to=body.up_to)
    return MarkedAnswer(await uow.notifications.mark_all_read(call.user_id, selection))


@routes.post("/v1/notifications/{notification_id}/read", "account")
async def mark_notification_read(
    call: UserCall, uow: UnitOfWork, notification_id: UUID
) -> NotificationAnswer:
    """Mark one notification as read, on all devices."""
    row = await uow.notifications.get(call.user_id, notification_id)
    if row is None:
        raise NotFoundError("You have no such notification.")
    await uow.notifications.mark_read(row)
    return show_notification(row)


def show_notification(row: Notification) -> NotificationAnswer:
    """Return a notification as its addressee sees it."""
    return NotificationAnswer(
        id=row.id,
        workspace_id=row.workspace_id,
        kind=row.kind,
        actor=row.actor,
        subject=row.subject,
        details=row.details,
        created_at=row.created_at,
        read_at=row.read_at,
    )
