"""Mails on their way out: each row is one that nobody has taken yet."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, Sealed


class WaitingMail(Model, kw_only=True):
    """A mail that waits, or what one is to be written from; `content` is sealed, since it may hold a secret.

    Of a lower `priority` goes first, whatever is behind it.
    """

    __tablename__ = "mails"
    __table_args__ = (Index(None, "priority", "next_attempt_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(Sealed(), repr=False)
    priority: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    created_at: Mapped[datetime]
