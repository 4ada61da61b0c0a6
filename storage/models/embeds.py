"""What other sites say of their pages, and blocks that wait to be told."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import NOT_IN_BACKUPS, ByteOrdered, Model


class LinkPreview(Model, kw_only=True):
    """What a site said of a page, until it is asked again.

    By the digest of the address alone: addresses may be secrets, and what is said to one workspace is what
    is said to anybody who asks.
    """

    __tablename__ = "link_previews"
    __table_args__ = NOT_IN_BACKUPS

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    preview: Mapped[dict[str, Any]]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class WaitingEmbed(Model, kw_only=True):
    """A block of a page with an address that has not been looked at; written with the block's row."""

    __tablename__ = "waiting_embeds"

    page_id: Mapped[UUID] = mapped_column(primary_key=True)
    block_id: Mapped[str] = mapped_column(ByteOrdered, primary_key=True)
    url: Mapped[str]
    due_at: Mapped[datetime] = mapped_column(index=True)
