"""Documents with their log, its snapshots and named versions. `storage.update_log` writes the log."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import BigKey, Model, partial_index


class Document(Model, kw_only=True):
    """A live document. `head` is the position of its newest row: the log is gapless up to it (D1).

    It begins behind `pruned_to` (0: nothing was pruned): rows up to there are not needed any more, and a
    snapshot stands exactly there in their place (D8).

    An `epoch` is a document's life between two resets, as 8 random hexadecimal digits: after a backup came
    back, a counter would give a second life the number of the lost one (D7). What a reset ended stays as a
    document of its own, `NAME@EPOCH`, which nobody can open.
    """

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
    pruned_to: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    epoch: Mapped[str] = mapped_column(default="", server_default="")


class Update(Model, kw_only=True):
    """One row of the log: the raw bytes received (D1) and who sent them.

    `author` is a principal id, then `|run:{id}` for what an agent did in a run, then `|relayed` where
    something in it was not written by the sender, or not provably (A7).

    On SQLite rows lie in the order of writing, beside the index of the key. Clustered by the key (WITHOUT
    ROWID) a commit over many documents rewrites a whole page for each: measured twice as dear, and no faster
    to read.
    """

    __tablename__ = "updates"
    __table_args__ = (
        partial_index(
            "ix_updates_runs",
            "author",
            "document_id",
            "position",
            where=text("instr(author, '|run:') > 0"),
            postgres_where=text("strpos(author, '|run:') > 0"),
        ),
    )

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


class Version(Model, kw_only=True):
    """A position of a document that somebody wants to find again; it stays readable whatever is pruned."""

    __tablename__ = "versions"
    __table_args__ = (Index(None, "document_id", "position"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("documents.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
