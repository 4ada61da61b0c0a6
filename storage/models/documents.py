"""Documents, their log of updates and their snapshots. `storage.update_log` alone writes the last two."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import BigKey, Model


class Document(Model, kw_only=True):
    """A live document. `head` is the position of its newest row: the log is gapless from 1 to it (D1)."""

    __tablename__ = "documents"
    # AUTOINCREMENT: SQLite never gives the id of a deleted document to a new one.
    __table_args__ = (UniqueConstraint("name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, init=False)
    name: Mapped[str]
    workspace_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), index=True, default=None
    )
    head: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]


class Update(Model, kw_only=True):
    """One row of the log: the raw bytes received (D1) and who sent them.

    On SQLite rows lie in the order of writing, beside the index of the key. Clustered by the key (WITHOUT
    ROWID) a commit over many documents rewrites a whole page for each: measured twice as dear, and no faster
    to read.
    """

    __tablename__ = "updates"

    document_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    data: Mapped[bytes] = mapped_column(repr=False)
    author: Mapped[str]
    created_at: Mapped[datetime]


class Snapshot(Model, kw_only=True):
    """A merged state that covers every row up to and with `position`."""

    __tablename__ = "snapshots"

    document_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    state: Mapped[bytes] = mapped_column(repr=False)
    created_at: Mapped[datetime]
