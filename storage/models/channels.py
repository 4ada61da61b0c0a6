"""Chat dock channels and, for private ones and direct messages, who is in them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model

ChannelType = Literal["public", "private", "dm"]


class Channel(Model, kw_only=True):
    """A channel. Its messages are in its document `channel:{id}`."""

    __tablename__ = "channels"
    __table_args__ = (
        CheckConstraint("type IN ('public', 'private', 'dm')", name="type_known"),
        Index(None, "workspace_id", "id"),
        Index("uq_channels_dm", "workspace_id", "dm_key", unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    type: Mapped[ChannelType] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(default=None)
    created_by_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    # Of a direct conversation: who is in it, so that the same people have one.
    dm_key: Mapped[str | None] = mapped_column(default=None)
    # Since when it can only be read, and is left out of lists.
    archived_at: Mapped[datetime | None] = mapped_column(default=None)


class ChannelMember(Model, kw_only=True):
    """A person in a private channel or a direct conversation."""

    __tablename__ = "channel_members"

    channel_id: Mapped[UUID] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
