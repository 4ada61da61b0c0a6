"""People with an account."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class User(Model, kw_only=True):
    """A person. `profile_info` holds `avatar_url` and `bio`, both optional."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("email"),
        # The unique constraint compares bytes, so only lower case may come in.
        CheckConstraint("email = lower(email)", name="email_lower_case"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str] = mapped_column(repr=False)
    profile_info: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    stripe_customer_id: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    email_verified_at: Mapped[datetime | None] = mapped_column(default=None)
    deactivated_at: Mapped[datetime | None] = mapped_column(default=None)
