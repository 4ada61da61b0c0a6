"""Agents: the catalogue, configurations, the log of runs; and playbooks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    _create_agent_definitions()
    _create_agent_configurations()
    _create_agent_run_logs()
    _create_playbooks()


def _create_agent_definitions() -> None:
    op.create_table(
        "agent_definitions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("epithet", sa.Text()),
        sa.Column("tagline", sa.Text()),
        sa.Column("introduction_text", sa.Text()),
        sa.Column("archetype", sa.Text()),
        sa.Column("dna_phrase", sa.Text()),
        sa.Column("core_capabilities", JSON, nullable=False),
        sa.Column("essence_punch", sa.Text()),
        sa.Column("essence_interpretation", sa.Text()),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("triggers_config", JSON, nullable=False),
        sa.Column("inputs_schema", JSON, nullable=False),
        sa.Column("outputs_config", JSON, nullable=False),
        sa.Column("stack_details", JSON, nullable=False),
        sa.Column("memory_config", JSON, nullable=False),
        sa.Column("default_file_structure_template", sa.Text()),
        sa.Column("key_files_and_paths", JSON),
        sa.Column("scheduling_and_triggers_summary", sa.Text()),
        sa.Column("kpis_definition", sa.Text()),
        sa.Column("failure_fallback_strategy", sa.Text()),
        sa.Column("example_integration_flow", sa.Text()),
        sa.Column("dynamic_expansion_notes", sa.Text()),
        sa.Column("escape_the_obvious_feature", sa.Text()),
        sa.Column("underlying_services_required", JSON, nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'deprecated')", name=op.f("ck_agent_definitions_status_known")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_agent_definitions"),
        sa.UniqueConstraint("name", name="uq_agent_definitions_name"),
    )
    op.create_index("ix_agent_definitions_category_id", "agent_definitions", ["category", "id"])
    op.create_index("ix_agent_definitions_status_id", "agent_definitions", ["status", "id"])


def _create_agent_configurations() -> None:
    op.create_table(
        "agent_configurations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("agent_definition_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("created_by_user_id", sa.Uuid(), nullable=False),
        sa.Column("yaml_config", sa.Text(), nullable=False),
        sa.Column("effective_config_cache", JSON),
        sa.Column("external_memory_namespace", sa.Text()),
        sa.Column("last_run_status", sa.Text()),
        sa.Column("last_run_at", TIME),
        sa.Column("last_run_id", sa.Uuid()),
        sa.Column("last_run_output_preview", sa.Text()),
        sa.Column("last_run_full_output_ref", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint(
            "last_run_status IN ('idle', 'pending', 'running', 'success', 'error', 'cancelled')",
            name=op.f("ck_agent_configurations_last_run_status_known"),
        ),
        sa.CheckConstraint(
            "status IN ('active', 'inactive', 'archived')", name=op.f("ck_agent_configurations_status_known")
        ),
        sa.ForeignKeyConstraint(
            ["agent_definition_id"],
            ["agent_definitions.id"],
            name="fk_agent_configurations_agent_definition_id_agent_definitions",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_user_id"],
            ["users.id"],
            name="fk_agent_configurations_created_by_user_id_users",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_agent_configurations_workspace_id_workspaces",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_agent_configurations"),
    )
    op.create_index(
        "ix_agent_configurations_agent_definition_id", "agent_configurations", ["agent_definition_id"]
    )
    op.create_index(
        "ix_agent_configurations_created_by_user_id", "agent_configurations", ["created_by_user_id"]
    )
    op.create_index(
        "ix_agent_configurations_workspace_id_agent_definition_id_id",
        "agent_configurations",
        ["workspace_id", "agent_definition_id", "id"],
    )
    op.create_index("ix_agent_configurations_workspace_id_id", "agent_configurations", ["workspace_id", "id"])
    op.create_index(
        "ix_agent_configurations_workspace_id_status_id",
        "agent_configurations",
        ["workspace_id", "status", "id"],
    )


def _create_agent_run_logs() -> None:
    op.create_table(
        "agent_run_logs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_configuration_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("triggered_by_user_id", sa.Uuid()),
        sa.Column("trigger_type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("start_time", TIME, nullable=False),
        sa.Column("end_time", TIME),
        sa.Column("input_params_snapshot", JSON),
        sa.Column("output_preview", sa.Text()),
        sa.Column("full_output_ref", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("logs_ref", sa.Text()),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'success', 'error', 'cancelled')",
            name=op.f("ck_agent_run_logs_status_known"),
        ),
        sa.CheckConstraint(
            "trigger_type IN ('manual', 'schedule', 'webhook', 'command')",
            name=op.f("ck_agent_run_logs_trigger_known"),
        ),
        sa.ForeignKeyConstraint(
            ["agent_configuration_id"],
            ["agent_configurations.id"],
            name="fk_agent_run_logs_agent_configuration_id_agent_configurations",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["triggered_by_user_id"],
            ["users.id"],
            name="fk_agent_run_logs_triggered_by_user_id_users",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_agent_run_logs"),
        sa.UniqueConstraint("run_id", name="uq_agent_run_logs_run_id"),
    )
    op.create_index(
        "ix_agent_run_logs_agent_configuration_id_id", "agent_run_logs", ["agent_configuration_id", "id"]
    )
    op.create_index(
        "ix_agent_run_logs_agent_configuration_id_status_id",
        "agent_run_logs",
        ["agent_configuration_id", "status", "id"],
    )
    op.create_index("ix_agent_run_logs_triggered_by_user_id", "agent_run_logs", ["triggered_by_user_id"])


def _create_playbooks() -> None:
    op.create_table(
        "playbooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_definition_id", sa.Text()),
        sa.Column("agent_configuration_id", sa.Uuid()),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("trigger_event_type", sa.Text(), nullable=False),
        sa.Column("steps", JSON, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_configuration_id"],
            ["agent_configurations.id"],
            name="fk_playbooks_agent_configuration_id_agent_configurations",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["agent_definition_id"],
            ["agent_definitions.id"],
            name="fk_playbooks_agent_definition_id_agent_definitions",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_playbooks_workspace_id_workspaces",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_playbooks"),
    )
    op.create_index("ix_playbooks_agent_configuration_id", "playbooks", ["agent_configuration_id"])
    op.create_index("ix_playbooks_agent_definition_id", "playbooks", ["agent_definition_id"])
    op.create_index(
        "ix_playbooks_workspace_id_agent_configuration_id_id",
        "playbooks",
        ["workspace_id", "agent_configuration_id", "id"],
    )
    op.create_index(
        "ix_playbooks_workspace_id_agent_definition_id_id",
        "playbooks",
        ["workspace_id", "agent_definition_id", "id"],
    )
    op.create_index("ix_playbooks_workspace_id_id", "playbooks", ["workspace_id", "id"])
    op.create_index(
        "ix_playbooks_workspace_id_is_active_id", "playbooks", ["workspace_id", "is_active", "id"]
    )
    op.create_index(
        "ix_playbooks_workspace_id_trigger_event_type_id",
        "playbooks",
        ["workspace_id", "trigger_event_type", "id"],
    )
    # ### end Alembic commands ###
