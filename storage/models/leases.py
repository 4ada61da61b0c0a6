"""Who of several processes does what only one may do at a time."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import NOT_IN_BACKUPS, Model


class Lease(Model, kw_only=True):
    """A job and the process that does it until `expires_at`, if it does not renew this."""

    __tablename__ = "leases"
    __table_args__ = NOT_IN_BACKUPS

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    expires_at: Mapped[datetime]
