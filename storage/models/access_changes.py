"""Changes of what somebody may do, for the processes that have sockets open on the old answer (rule A3)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class AccessChange(Model, kw_only=True):
    """Something about a principal (`user:{id}`) or a document (`page:{id}`) is not as it was."""

    __tablename__ = "access_changes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    target: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)
