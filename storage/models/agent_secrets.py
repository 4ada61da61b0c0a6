"""Secrets of agents: what they show to other servers, sealed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, Sealed


class AgentSecret(Model, kw_only=True):
    """A secret, sealed by `storage.vault`, and the only host that it is shown to."""

    __tablename__ = "agent_secrets"
    __table_args__ = (UniqueConstraint("agent_configuration_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_configuration_id: Mapped[UUID] = mapped_column(
        ForeignKey("agent_configurations.id", ondelete="CASCADE")
    )
    name: Mapped[str]
    host: Mapped[str]
    value: Mapped[bytes] = mapped_column(Sealed(), repr=False)
    set_by: Mapped[str]
    set_at: Mapped[datetime]
