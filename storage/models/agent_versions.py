"""What configurations of agents were: a row for each change."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class AgentVersion(Model, kw_only=True):
    """A configuration as somebody left it; the one with the highest number is as it is now.

    `definition_version` is what the definition's was then; `restored_from` the number of the version that
    was brought back.
    """

    __tablename__ = "agent_versions"

    agent_configuration_id: Mapped[UUID] = mapped_column(
        ForeignKey("agent_configurations.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    yaml_config: Mapped[str]
    external_memory_namespace: Mapped[str | None] = mapped_column(default=None)
    definition_version: Mapped[str]
    restored_from: Mapped[int | None] = mapped_column(default=None)
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]
