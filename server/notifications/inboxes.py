"""What somebody's inbox has in it, read from the tables."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from blocks.inbox import MOST_MESSAGES, MOST_UNREAD, NEWEST, Contents, Count
from storage.models import Notification
from storage.unit_of_work import UnitOfWork


async def read_inbox(uow: UnitOfWork, user_id: UUID) -> Contents:
    """Return what a person's inbox has in it now."""
    newest = await uow.notifications.list_of_user(user_id, limit=NEWEST)
    unread = await uow.notifications.unread_by_subject(user_id, MOST_UNREAD)
    messages = {f"channel:{id_}": n for id_, n in (await uow.unread.messages(user_id, MOST_MESSAGES)).items()}
    return Contents(
        unread=sum(unread.values()),
        counts={
            name: Count(messages=messages.get(name, 0), notifications=unread.get(name, 0))
            for name in messages.keys() | unread.keys()
        },
        notifications={str(row.id): _as_shown(row) for row in newest},
    )


def _as_shown(row: Notification) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "workspace_id": str(row.workspace_id),
        "kind": row.kind,
        "actor": row.actor,
        "subject": row.subject,
        "details": row.details,
        "created_at": _time(row.created_at),
        "read_at": _time(row.read_at) if row.read_at else None,
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
