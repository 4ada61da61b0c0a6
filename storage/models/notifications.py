"""What people are told, how they want to be told it, and what they want to hear nothing of."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import NOT_IN_BACKUPS, Model, partial_index

NotificationKind = Literal[
    "mention",
    "channel_mention",
    "reply",
    "direct_message",
    "message",
    "share",
    "membership",
    "channel_invitation",
    "run_finished",
    "approval_wanted",
    "agent_message",
    "webhook_paused",
    "suggestion_made",
    "suggestion_decided",
]
MailMode = Literal["immediate", "daily", "off"]
ChannelLevel = Literal["all", "mentions", "nothing"]

_UNREAD = text("read_at IS NULL")
_TO_BE_MAILED = text("mail_at IS NOT NULL")


class Notification(Model, kw_only=True):
    """Something that happened, as one person is told of it: one row for an event and a person.

    `position` is the event's in its workspace. `mail_at` is when it is to be mailed, None for never, or done.
    Only ids and small facts: names are looked up when it is shown, with the rights of that moment.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("user_id", "workspace_id", "position"),
        Index(None, "user_id", "id"),
        Index(None, "workspace_id", "position", "user_id"),
        partial_index("ix_notifications_unread", "user_id", "id", where=_UNREAD),
        partial_index("ix_notifications_to_be_mailed", "mail_at", "user_id", where=_TO_BE_MAILED),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[NotificationKind] = mapped_column(Text)
    actor: Mapped[str | None] = mapped_column(default=None)
    subject: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None] = mapped_column(default=None)
    mail_at: Mapped[datetime | None] = mapped_column(default=None)


class Inbox(Model, kw_only=True):
    """How often somebody's notifications have changed: what tells when their live inbox is behind."""

    __tablename__ = "inboxes"
    __table_args__ = NOT_IN_BACKUPS

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger)


class NotificationPreference(Model, kw_only=True):
    """How somebody wants to be told; no row: as everybody is who has said nothing.

    `events` has what was chosen for kinds of notifications, as `server.notifications.kinds` knows it.
    """

    __tablename__ = "notification_preferences"
    __table_args__ = (
        CheckConstraint("mail IN ('immediate', 'daily', 'off')", name="mail_known"),
        CheckConstraint("digest_hour BETWEEN 0 AND 23", name="digest_hour_of_a_day"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    mail: Mapped[MailMode] = mapped_column(Text, default="immediate")
    digest_hour: Mapped[int] = mapped_column(default=9)
    time_zone: Mapped[str] = mapped_column(default="UTC")
    events: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    last_mailed_at: Mapped[datetime | None] = mapped_column(default=None)


class ChannelPreference(Model, kw_only=True):
    """What somebody wants to be told of a channel, where they have chosen."""

    __tablename__ = "channel_preferences"
    __table_args__ = (
        CheckConstraint("level IN ('all', 'mentions', 'nothing')", name="level_known"),
        Index(None, "channel_id", "level"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    channel_id: Mapped[UUID] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True)
    level: Mapped[ChannelLevel] = mapped_column(Text)


class NotificationMute(Model, kw_only=True):
    """A page or channel that somebody wants to hear nothing of, until a time or for good."""

    __tablename__ = "notification_mutes"
    __table_args__ = (UniqueConstraint("user_id", "document"), Index(None, "document", "user_id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    document: Mapped[str]
    until: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
