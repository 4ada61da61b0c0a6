"""The kinds of notifications, how each is delivered, and when it is mailed. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storage.models import NotificationKind, NotificationPreference

Delivery = Literal["nothing", "in_app", "mail"]
"""Not at all; in the inbox; in the inbox and by mail."""

DELIVERIES: dict[NotificationKind, Delivery] = {
    "mention": "mail",
    "channel_mention": "in_app",
    "reply": "mail",
    "direct_message": "mail",
    "message": "in_app",
    "share": "mail",
    "membership": "mail",
    "channel_invitation": "in_app",
    "run_finished": "in_app",
    "approval_wanted": "mail",
    "agent_message": "mail",
    "webhook_paused": "mail",
    "suggestion_made": "mail",
    "suggestion_decided": "mail",
}
"""Every kind, and how it is delivered to those who have not chosen."""


def delivery_of(preference: NotificationPreference | None, kind: NotificationKind) -> Delivery:
    """Return how somebody wants to be told of a kind."""
    chosen: dict[str, Any] = preference.events if preference else {}
    return cast("Delivery", chosen.get(kind, DELIVERIES[kind]))


def mail_time(preference: NotificationPreference | None, now: datetime) -> datetime | None:
    """Return when what happens now is mailed to somebody; None for never."""
    mode = preference.mail if preference else "immediate"
    if mode == "off":
        return None
    if preference is None or mode == "immediate":
        return now
    return next_digest(now, preference.digest_hour, preference.time_zone)


def next_digest(now: datetime, hour: int, time_zone: str) -> datetime:
    """Return the next time that clocks in a time zone show an hour, in UTC."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):  # known when it was chosen, but not on this machine
        zone = ZoneInfo("UTC")
    local = now.astimezone(zone)
    # Days are added to what the clock shows: across a change of the clocks it is still that hour.
    today = local.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    found = today if today > local else today + timedelta(days=1)
    return found.astimezone(UTC)
