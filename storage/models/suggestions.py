"""Suggestions: changes of a page that somebody proposes, each in a branch of the page's document."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, partial_index

SuggestionStatus = Literal["open", "accepted", "rejected", "withdrawn"]


class Suggestion(Model, kw_only=True):
    """A suggestion. What it proposes is its document `suggestion:{id}`, a branch of the page's.

    The branch has the page's log up to `followed_position`. `page_document_id` is the row of the page's
    document then: a reset gives the page another one, to which the branch does not belong. No foreign key,
    since documents that ended may be removed.
    """

    __tablename__ = "suggestions"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'accepted', 'rejected', 'withdrawn')", name="status_known"),
        Index(None, "page_id", "id"),
        partial_index("ix_suggestions_open", "page_id", "id", where=text("status = 'open'")),
        Index(None, "decided_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    page_id: Mapped[UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), index=True)
    page_document_id: Mapped[int] = mapped_column(BigInteger)
    followed_position: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str]
    status: Mapped[SuggestionStatus] = mapped_column(Text, default="open")
    # The principal: a person, or a key of theirs. The person may write the branch and withdraw it.
    created_by: Mapped[str]
    created_by_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    created_at: Mapped[datetime]
    # Whether some of it was decided by itself: then the branch's own edits are not only what it proposes.
    is_divided: Mapped[bool] = mapped_column(default=False)
    decided_by: Mapped[str | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
