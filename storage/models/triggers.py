"""Triggers: what starts runs of agents by itself, what became of it, and pages that are waited for."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, Sealed, partial_index

TriggerType = Literal["schedule", "webhook", "event", "page_edit"]
TriggerSource = Literal["api", "configuration", "playbook"]
TriggerState = Literal["active", "paused"]
FireOutcome = Literal["started", "refused", "stopped"]


class AgentTrigger(Model, kw_only=True):
    """A trigger of an agent or a playbook. What it starts has the rights of `acts_for`: a person, a key.

    `source` tells who made it: a request, the agent's configuration, at `position` of its list, or the
    playbook. Only an
    active schedule has `next_fire_at`, only a webhook secrets, sealed by `storage.vault`; the previous one is
    good until a time after a new one was made.
    """

    __tablename__ = "agent_triggers"
    __table_args__ = (
        CheckConstraint("type IN ('schedule', 'webhook', 'event', 'page_edit')", name="type_known"),
        CheckConstraint("source IN ('api', 'configuration', 'playbook')", name="source_known"),
        CheckConstraint("(agent_configuration_id IS NULL) <> (playbook_id IS NULL)", name="one_target"),
        CheckConstraint("state IN ('active', 'paused')", name="state_known"),
        Index(None, "agent_configuration_id", "id"),
        Index(None, "workspace_id", "type", "state", "id"),
        partial_index("ix_agent_triggers_due", "next_fire_at", where=text("next_fire_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    agent_configuration_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("agent_configurations.id", ondelete="CASCADE"), default=None
    )
    acts_for_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    acts_for: Mapped[str]
    name: Mapped[str]
    type: Mapped[TriggerType] = mapped_column(Text)
    config: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    source: Mapped[TriggerSource] = mapped_column(Text, default="api")
    position: Mapped[int | None] = mapped_column(default=None)
    state: Mapped[TriggerState] = mapped_column(Text, default="active")
    paused_reason: Mapped[str | None] = mapped_column(default=None)
    paused_message: Mapped[str | None] = mapped_column(default=None)
    refusals: Mapped[int] = mapped_column(default=0)
    """How often in a row it could not start a run."""
    next_fire_at: Mapped[datetime | None] = mapped_column(default=None)
    secret: Mapped[bytes | None] = mapped_column(Sealed(), default=None, repr=False)
    previous_secret: Mapped[bytes | None] = mapped_column(Sealed(), default=None, repr=False)
    previous_secret_until: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    playbook_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("playbooks.id", ondelete="CASCADE"), index=True, default=None
    )


class TriggerFire(Model, kw_only=True):
    """What became of one fire. `cause` is what made it, once for each trigger."""

    __tablename__ = "trigger_fires"
    __table_args__ = (
        UniqueConstraint("trigger_id", "cause"),
        CheckConstraint("outcome IN ('started', 'refused', 'stopped')", name="outcome_known"),
        Index(None, "trigger_id", "id"),
        Index(None, "trigger_id", "outcome", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("agent_triggers.id", ondelete="CASCADE"))
    cause: Mapped[str]
    outcome: Mapped[FireOutcome] = mapped_column(Text)
    run_id: Mapped[UUID | None] = mapped_column(default=None)
    code: Mapped[str | None] = mapped_column(default=None)
    message: Mapped[str | None] = mapped_column(default=None)
    is_test: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(index=True)


class QuietPage(Model, kw_only=True):
    """A page that a trigger waits for to be left alone, until `due_at`; up to `done_position` it has fired.

    No foreign key to the page: what is left of one that is gone is found when it is due.
    """

    __tablename__ = "quiet_pages"
    __table_args__ = (Index(None, "due_at"),)

    trigger_id: Mapped[UUID] = mapped_column(
        ForeignKey("agent_triggers.id", ondelete="CASCADE"), primary_key=True
    )
    page_id: Mapped[UUID] = mapped_column(primary_key=True)
    done_position: Mapped[int] = mapped_column(BigInteger, default=0)
    due_at: Mapped[datetime | None] = mapped_column(default=None)
