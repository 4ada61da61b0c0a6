"""Blocks that show a run of an agent."""

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import ByteOrdered, Model


class WaitingSnippet(Model, kw_only=True):
    """A block that may not show its run as it stands: written with the run, or with the block's row.

    `mark` is another one each time, so that whoever has looked at the block forgets no later change.
    """

    __tablename__ = "waiting_snippets"

    page_id: Mapped[UUID] = mapped_column(primary_key=True)
    block_id: Mapped[str] = mapped_column(ByteOrdered, primary_key=True)
    mark: Mapped[UUID] = mapped_column(index=True)
