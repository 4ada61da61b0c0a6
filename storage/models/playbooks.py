"""Playbooks: what an agent does, step by step, when something happens."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class Playbook(Model, kw_only=True):
    """A playbook, for one agent of the workspace, for a kind of agent, or for any."""

    __tablename__ = "playbooks"
    __table_args__ = (
        Index(None, "workspace_id", "id"),
        Index(None, "workspace_id", "trigger_event_type", "id"),
        Index(None, "workspace_id", "agent_configuration_id", "id"),
        Index(None, "workspace_id", "agent_definition_id", "id"),
        Index(None, "workspace_id", "is_active", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_definition_id: Mapped[str | None] = mapped_column(
        ForeignKey("agent_definitions.id", ondelete="RESTRICT"), index=True, default=None
    )
    agent_configuration_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("agent_configurations.id", ondelete="CASCADE"), index=True, default=None
    )
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    trigger_event_type: Mapped[str]
    steps: Mapped[list[dict[str, Any]]] = mapped_column(default_factory=list[dict[str, Any]])
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    inputs: Mapped[list[dict[str, Any]] | None] = mapped_column(default=None)
    outputs: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    trigger_config: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """What its trigger is configured with; the trigger itself is a row of `agent_triggers`."""
