"""Slash commands and what became of them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, partial_index

CommandStatus = Literal["accepted", "refused", "answered"]


class ChatCommand(Model, kw_only=True):
    """A message that was a command, and its answer.

    No foreign key to the message, whose row follows a document. The answer's id is chosen with the row, so
    that the answer is posted once however often that is tried.
    """

    __tablename__ = "chat_commands"
    __table_args__ = (
        CheckConstraint("status IN ('accepted', 'refused', 'answered')", name="status_known"),
        partial_index("ix_chat_commands_open", "response_id", where=text("answered_at IS NULL")),
    )

    channel_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), index=True)
    thread_id: Mapped[UUID | None] = mapped_column(default=None)
    command: Mapped[str]
    status: Mapped[CommandStatus] = mapped_column(Text)
    answer: Mapped[str]
    response_id: Mapped[UUID]
    created_at: Mapped[datetime]
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
