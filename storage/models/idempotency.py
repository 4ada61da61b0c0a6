"""Answers that were given to requests with an idempotency key, to give them again."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class IdempotencyKey(Model, kw_only=True):
    """The answer to the first request of a principal with this key."""

    __tablename__ = "idempotency_keys"

    principal: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(repr=False)
    created_at: Mapped[datetime] = mapped_column(index=True)
    headers: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any], server_default="{}")
