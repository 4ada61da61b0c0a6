"""Outgoing webhooks and what became of their deliveries."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, Sealed

WebhookState = Literal["active", "paused"]
Outcome = Literal["delivered", "failed"]


class Webhook(Model, kw_only=True):
    """A subscription: everything up to and with `position` is delivered, or was not asked for.

    The secrets are sealed by `storage.vault`; the previous one is good until a time after a new one was made.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'paused')", name="state_known"),
        Index(None, "workspace_id", "id"),
        Index(None, "state", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    url: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    event_types: Mapped[list[str]] = mapped_column(default_factory=list[str])
    secret: Mapped[bytes] = mapped_column(Sealed(), repr=False)
    previous_secret: Mapped[bytes | None] = mapped_column(Sealed(), default=None, repr=False)
    previous_secret_until: Mapped[datetime | None] = mapped_column(default=None)
    state: Mapped[WebhookState] = mapped_column(Text, default="active")
    paused_reason: Mapped[str | None] = mapped_column(default=None)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None] = mapped_column(default=None)
    next_attempt_at: Mapped[datetime | None] = mapped_column(default=None)
    created_by_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WebhookDelivery(Model, kw_only=True):
    """One attempt to deliver one event."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint("outcome IN ('delivered', 'failed')", name="outcome_known"),
        Index(None, "webhook_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event_id: Mapped[UUID]
    event_type: Mapped[str]
    position: Mapped[int | None] = mapped_column(BigInteger)
    attempt: Mapped[int]
    outcome: Mapped[Outcome] = mapped_column(Text)
    status: Mapped[int | None]
    error: Mapped[str | None]
    response: Mapped[str | None]
    duration_ms: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(index=True)
