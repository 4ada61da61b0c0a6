"""What agents remember."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model

MemoryKind = Literal["fact", "note", "run"]


class AgentMemory(Model, kw_only=True):
    """Something that the agents of a workspace with one namespace remember.

    `place` is the document in which it was learned and `learned_from_user_id` for whom: it is for those who
    may read that document, and for that person. Where neither is given it is for everybody.
    """

    __tablename__ = "agent_memories"
    __table_args__ = (
        CheckConstraint("kind IN ('fact', 'note', 'run')", name="kind_known"),
        Index(None, "workspace_id", "namespace", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    namespace: Mapped[str]
    agent_configuration_id: Mapped[UUID] = mapped_column(
        ForeignKey("agent_configurations.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[MemoryKind] = mapped_column(Text)
    text: Mapped[str]
    place: Mapped[str | None] = mapped_column(default=None)
    learned_from_user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True, default=None
    )
    run_id: Mapped[UUID | None] = mapped_column(default=None)
    written_by: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class MemoryVector(Model, kw_only=True):
    """What a model of a provider makes of a memory's text, for comparing."""

    __tablename__ = "memory_vectors"

    memory_id: Mapped[UUID] = mapped_column(
        ForeignKey("agent_memories.id", ondelete="CASCADE"), primary_key=True
    )
    model: Mapped[str]
    vector: Mapped[bytes]
