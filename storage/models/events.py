"""The outbox: everything that happens, a row each, written with its cause. `storage.events` writes it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class Event(Model, kw_only=True):
    """Something that happened. `position` is gapless within the workspace, from 1."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("workspace_id", "position"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str]
    actor: Mapped[str | None] = mapped_column(default=None)
    subject: Mapped[str | None] = mapped_column(default=None)
    payload: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    created_at: Mapped[datetime]
