"""Whose the Yjs client ids of a document are (rule A7)."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, partial_index


class ClientId(Model, kw_only=True):
    """A client id that belongs to the principal which first used it in this document.

    One that was only announced is forgotten after a while; one that wrote is kept as long as the document.
    """

    __tablename__ = "client_ids"
    __table_args__ = (partial_index(None, "bound_at", where=text("NOT has_written")),)

    document_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )
    client_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    principal: Mapped[str]
    has_written: Mapped[bool]
    bound_at: Mapped[datetime]
