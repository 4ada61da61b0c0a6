"""What can be found by searching: a row for each page, block, message, prompt, file, brand and
creator."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import NOT_IN_BACKUPS, ByteOrdered, Model


class SearchEntry(Model, kw_only=True):
    """Something that can be found. Its words are in `search_terms`, which is another thing in each database.

    The order of the ids is that of `written_at`. `owner_id` is what decides who may see it, together with
    the kind: the page of a block or a comment, the channel of a message, the page or channel that a file
    belongs to, else the thing itself.
    """

    __tablename__ = "search_entries"
    __table_args__ = (
        Index(None, "owner_id", "kind", "subject_id", unique=True),
        Index(None, "workspace_id", "id"),
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
