"""Agents: the catalogue of definitions, the configurations of workspaces, and the log of their runs."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, partial_index

DefinitionStatus = Literal["draft", "active", "deprecated"]
ConfigurationStatus = Literal["active", "inactive", "archived"]
RunStatus = Literal["pending", "running", "success", "error", "cancelled"]
LastRunStatus = Literal["idle", "pending", "running", "success", "error", "cancelled"]
RunTrigger = Literal["manual", "schedule", "webhook", "command", "event"]

IS_ACTIVE = text("status IN ('pending', 'running')")
IS_UNTOLD = text("progress_id IS NOT NULL AND told_at IS NULL AND end_time IS NOT NULL")
"""It is over, and the message that told how it was going does not say so yet."""

IN_BLOCK = text("answers_in_block")


class AgentDefinition(Model, kw_only=True):
    """A kind of agent. The rows are what `agents.catalogue` read at the start; nobody else writes them.

    `default_config` is what configurations of this kind begin with, in their shape.
    """

    __tablename__ = "agent_definitions"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("status IN ('draft', 'active', 'deprecated')", name="status_known"),
        Index(None, "category", "id"),
        Index(None, "status", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    epithet: Mapped[str | None] = mapped_column(default=None)
    tagline: Mapped[str | None] = mapped_column(default=None)
    introduction_text: Mapped[str | None] = mapped_column(default=None)
    archetype: Mapped[str | None] = mapped_column(default=None)
    dna_phrase: Mapped[str | None] = mapped_column(default=None)
    core_capabilities: Mapped[list[str]] = mapped_column(default_factory=list[str])
    essence_punch: Mapped[str | None] = mapped_column(default=None)
    essence_interpretation: Mapped[str | None] = mapped_column(default=None)
    version: Mapped[str]
    description: Mapped[str]
    triggers_config: Mapped[list[dict[str, Any]]] = mapped_column(default_factory=list[dict[str, Any]])
    inputs_schema: Mapped[list[dict[str, Any]]] = mapped_column(default_factory=list[dict[str, Any]])
    outputs_config: Mapped[list[dict[str, Any]]] = mapped_column(default_factory=list[dict[str, Any]])
    stack_details: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    memory_config: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])
    default_file_structure_template: Mapped[str | None] = mapped_column(default=None)
    key_files_and_paths: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    scheduling_and_triggers_summary: Mapped[str | None] = mapped_column(default=None)
    kpis_definition: Mapped[str | None] = mapped_column(default=None)
    failure_fallback_strategy: Mapped[str | None] = mapped_column(default=None)
    example_integration_flow: Mapped[str | None] = mapped_column(default=None)
    dynamic_expansion_notes: Mapped[str | None] = mapped_column(default=None)
    escape_the_obvious_feature: Mapped[str | None] = mapped_column(default=None)
    underlying_services_required: Mapped[list[str]] = mapped_column(default_factory=list[str])
    category: Mapped[str]
    status: Mapped[DefinitionStatus] = mapped_column(Text, default="draft")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    default_config: Mapped[dict[str, Any]] = mapped_column(default_factory=dict[str, Any])


class AgentConfiguration(Model, kw_only=True):
    """An agent of a workspace. `effective_config_cache` is `agents.config`'s; runs write `last_run_*`.

    `version` is the number of the newest of its versions.
    """

    __tablename__ = "agent_configurations"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'inactive', 'archived')", name="status_known"),
        CheckConstraint(
            "last_run_status IN ('idle', 'pending', 'running', 'success', 'error', 'cancelled')",
            name="last_run_status_known",
        ),
        Index(None, "workspace_id", "id"),
        Index(None, "workspace_id", "status", "id"),
        Index(None, "workspace_id", "agent_definition_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    agent_definition_id: Mapped[str] = mapped_column(
        ForeignKey("agent_definitions.id", ondelete="RESTRICT"), index=True
    )
    name: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    created_by_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    yaml_config: Mapped[str] = mapped_column(default="")
    effective_config_cache: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    external_memory_namespace: Mapped[str | None] = mapped_column(default=None)
    last_run_status: Mapped[LastRunStatus | None] = mapped_column(Text, default=None)
    last_run_at: Mapped[datetime | None] = mapped_column(default=None)
    last_run_id: Mapped[UUID | None] = mapped_column(default=None)
    last_run_output_preview: Mapped[str | None] = mapped_column(default=None)
    last_run_full_output_ref: Mapped[str | None] = mapped_column(default=None)
    status: Mapped[ConfigurationStatus] = mapped_column(Text, default="active")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class AgentRunLog(Model, kw_only=True):
    """A run of an agent. `run_id` is the id that everybody but the table uses.

    `start_time` is when it was asked for until it begins. `invoked_by` is the credential whose rights it has,
    as documents name principals; `cause` what started it, for people and for whoever looks for loops.
    `waiting_for` is what it asks a person (`agents.tool_calls`), `progress_id` the message that tells how it
    is going. With `answers_in_block` its answer is typed into the block `place_item`, which shows its status.
    """

    __tablename__ = "agent_run_logs"
    __table_args__ = (
        UniqueConstraint("run_id"),
        CheckConstraint(
            "status IN ('pending', 'running', 'success', 'error', 'cancelled')", name="status_known"
        ),
        CheckConstraint(
            "trigger_type IN ('manual', 'schedule', 'webhook', 'command', 'event')", name="trigger_known"
        ),
        Index(None, "agent_configuration_id", "id"),
        Index(None, "agent_configuration_id", "status", "id"),
        partial_index("ix_agent_run_logs_active", "id", where=IS_ACTIVE),
        partial_index("ix_agent_run_logs_untold", "id", where=IS_UNTOLD),
        partial_index("ix_agent_run_logs_block", "place_item", "id", where=IN_BLOCK),
        Index(None, "end_time"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_configuration_id: Mapped[UUID] = mapped_column(
        ForeignKey("agent_configurations.id", ondelete="CASCADE")
    )
    run_id: Mapped[UUID]
    triggered_by_user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="RESTRICT"), index=True, default=None
    )
    trigger_type: Mapped[RunTrigger] = mapped_column(Text)
    status: Mapped[RunStatus] = mapped_column(Text)
    start_time: Mapped[datetime]
    end_time: Mapped[datetime | None] = mapped_column(default=None)
    input_params_snapshot: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    output_preview: Mapped[str | None] = mapped_column(default=None)
    full_output_ref: Mapped[str | None] = mapped_column(default=None)
    error_message: Mapped[str | None] = mapped_column(default=None)
    logs_ref: Mapped[str | None] = mapped_column(default=None)
    invoked_by: Mapped[str | None] = mapped_column(default=None)
    cause: Mapped[str] = mapped_column(default="")
    prompt: Mapped[str | None] = mapped_column(default=None)
    place: Mapped[str | None] = mapped_column(default=None)
    place_item: Mapped[str | None] = mapped_column(default=None)
    parent_run_id: Mapped[UUID | None] = mapped_column(index=True, default=None)
    depth: Mapped[int] = mapped_column(default=0)
    is_dry: Mapped[bool] = mapped_column(default=False)
    cancelled_by: Mapped[str | None] = mapped_column(default=None)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(default=None)
    error_code: Mapped[str | None] = mapped_column(default=None)
    waiting_for: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    progress_id: Mapped[UUID | None] = mapped_column(default=None)
    told_at: Mapped[datetime | None] = mapped_column(default=None)
    answers_in_block: Mapped[bool] = mapped_column(default=False, server_default=false())
