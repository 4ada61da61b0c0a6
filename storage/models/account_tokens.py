"""Secrets that were mailed to somebody, to prove that the mailbox is theirs."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model

Purpose = Literal["password_reset", "email_verification"]


class AccountToken(Model, kw_only=True):
    """A token that is good once, for one purpose; gone when it was used. Only a hash of it is stored."""

    __tablename__ = "account_tokens"
    __table_args__ = (
        CheckConstraint("purpose IN ('password_reset', 'email_verification')", name="purpose_known"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[Purpose] = mapped_column(Text)
    email: Mapped[str]
    """The address it was sent to: it proves nothing of another one."""
    secret_hash: Mapped[str] = mapped_column(repr=False)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
