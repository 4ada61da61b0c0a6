"""Imports of pages: how far each has come, and what became of every file."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model

ImportStatus = Literal["waiting", "running", "done", "failed", "cancelled"]


class PageImport(Model, kw_only=True):
    """An import into the pages below `page_id`, which goes on where it stopped if a process ends."""

    __tablename__ = "page_imports"
    __table_args__ = (Index(None, "page_id", "id"), Index(None, "status", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    page_id: Mapped[UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    # The page that was made for it, below which all others go.
    root_page_id: Mapped[UUID | None] = mapped_column(default=None)
    file_id: Mapped[UUID]
    actor: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    status: Mapped[str] = mapped_column(default="waiting")
    total: Mapped[int | None] = mapped_column(default=None)
    done: Mapped[int] = mapped_column(default=0)
    # Why it failed, for people.
    detail: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PageImportLine(Model, kw_only=True):
    """What became of one file of an import."""

    __tablename__ = "page_import_lines"

    import_id: Mapped[UUID] = mapped_column(
        ForeignKey("page_imports.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    path: Mapped[str]
    outcome: Mapped[str]
    page_id: Mapped[UUID | None] = mapped_column(default=None)
    detail: Mapped[str | None] = mapped_column(default=None)
