"""What runs of agents did to documents, where the log's rows that say so are pruned."""

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class RunDeed(Model, kw_only=True):
    """What the rows of one author came to, up to and with a position behind which they are pruned.

    `deeds` is ids, as `crdt.deeds` encodes them. `past` is the document with what they deleted of others, for
    that is nowhere else any more; none where they deleted nothing. `keys` are the entries of roots that were
    made.
    """

    __tablename__ = "run_deeds"
    __table_args__ = (Index(None, "author", "document_id"),)

    document_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    author: Mapped[str] = mapped_column(primary_key=True)
    deeds: Mapped[bytes]
    past: Mapped[bytes | None]
    keys: Mapped[list[str]]
