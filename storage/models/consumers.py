"""Who follows the events, and how far they have come in each workspace."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class EventConsumer(Model, kw_only=True):
    """A follower of all workspaces' events, by a name that never changes."""

    __tablename__ = "event_consumers"

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class EventCursor(Model, kw_only=True):
    """The position in a workspace up to and with which a consumer is done; no row: 0."""

    __tablename__ = "event_cursors"

    consumer: Mapped[str] = mapped_column(
        ForeignKey("event_consumers.name", ondelete="CASCADE"), primary_key=True
    )
    workspace_id: Mapped[UUID] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    position: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime]
