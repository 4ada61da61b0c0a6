"""What can be found by searching: a row for each page, block, message, prompt, file, brand and
creator."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import NOT_IN_BACKUPS, ByteOrdered, Model, partial_index

HAS_NO_VECTORS = text("vectors_by IS NULL")


class SearchEntry(Model, kw_only=True):
    """Something that can be found. Its words are in `search_terms`, which is another thing in each database.

    The order of the ids is that of `written_at`. `owner_id` is what decides who may see it, together with
    the kind: the page of a block or a comment, the channel of a message, the page or channel that a file
    belongs to, else the thing itself. `vectors_by` is the model that has looked at its text as it is now.
    """

    __tablename__ = "search_entries"
    __table_args__ = (
        Index(None, "owner_id", "kind", "subject_id", unique=True),
        Index(None, "workspace_id", "id"),
        partial_index("ix_search_entries_without_vectors", "workspace_id", "id", where=HAS_NO_VECTORS),
        NOT_IN_BACKUPS,
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID]
    kind: Mapped[str]
    owner_id: Mapped[UUID]
    subject_id: Mapped[str] = mapped_column(ByteOrdered)
    author: Mapped[str | None] = mapped_column(default=None)
    written_at: Mapped[datetime]
    title: Mapped[str]
    body: Mapped[str] = mapped_column(repr=False)
    vectors_by: Mapped[str | None] = mapped_column(default=None)


class SearchVector(Model, kw_only=True):
    """What a model makes of a part of what can be found, for comparing.

    It belongs to the thing and not to its entry, which is another one after each change: where a part says
    what it said before (`digest`), it is not paid for again. `signs` has a bit for each dimension.
    """

    __tablename__ = "search_vectors"
    __table_args__ = NOT_IN_BACKUPS

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[str] = mapped_column(ByteOrdered, primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(index=True)
    model: Mapped[str]
    digest: Mapped[bytes]
    signs: Mapped[bytes]
    vector: Mapped[bytes]
