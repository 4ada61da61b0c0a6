"""Triggers of agents, their fires, and pages that are waited for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
HAS_A_TIME = sa.text("next_fire_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "agent_triggers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("agent_configuration_id", sa.Uuid(), nullable=False),
        sa.Column("acts_for_user_id", sa.Uuid(), nullable=False),
        sa.Column("acts_for", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("config", JSON, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("paused_reason", sa.Text()),
        sa.Column("paused_message", sa.Text()),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("next_fire_at", TIME),
        sa.Column("secret", sa.LargeBinary()),
        sa.Column("previous_secret", sa.LargeBinary()),
        sa.Column("previous_secret_until", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint(
            "type IN ('schedule', 'webhook', 'event', 'page_edit')", name=op.f("ck_agent_triggers_type_known")
        ),
        sa.CheckConstraint("source IN ('api', 'configuration')", name=op.f("ck_agent_triggers_source_known")),
        sa.CheckConstraint("state IN ('active', 'paused')", name=op.f("ck_agent_triggers_state_known")),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_agent_triggers_workspace_id_workspaces",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["agent_configuration_id"],
            ["agent_configurations.id"],
            name="fk_agent_triggers_agent_configuration_id_agent_configurations",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["acts_for_user_id"],
            ["users.id"],
            name="fk_agent_triggers_acts_for_user_id_users",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_agent_triggers"),
    )
    op.create_index(
        "ix_agent_triggers_agent_configuration_id_id", "agent_triggers", ["agent_configuration_id", "id"]
    )
    op.create_index(
        "ix_agent_triggers_workspace_id_type_state_id",
        "agent_triggers",
        ["workspace_id", "type", "state", "id"],
    )
    op.create_index("ix_agent_triggers_acts_for_user_id", "agent_triggers", ["acts_for_user_id"])
    op.create_index(
        "ix_agent_triggers_due",
        "agent_triggers",
        ["next_fire_at"],
        sqlite_where=HAS_A_TIME,
        postgresql_where=HAS_A_TIME,
    )
    op.create_table(
        "trigger_fires",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid()),
        sa.Column("code", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('started', 'refused', 'stopped')", name=op.f("ck_trigger_fires_outcome_known")
        ),
        _of_trigger("trigger_fires"),
        sa.PrimaryKeyConstraint("id", name="pk_trigger_fires"),
        sa.UniqueConstraint("trigger_id", "cause", name="uq_trigger_fires_trigger_id_cause"),
    )
    op.create_index("ix_trigger_fires_trigger_id_id", "trigger_fires", ["trigger_id", "id"])
    op.create_index(
        "ix_trigger_fires_trigger_id_outcome_created_at",
        "trigger_fires",
        ["trigger_id", "outcome", "created_at"],
    )
    op.create_index("ix_trigger_fires_created_at", "trigger_fires", ["created_at"])
    op.create_table(
        "quiet_pages",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("done_position", sa.BigInteger(), nullable=False),
        sa.Column("due_at", TIME),
        _of_trigger("quiet_pages"),
        sa.PrimaryKeyConstraint("trigger_id", "page_id", name="pk_quiet_pages"),
    )
    op.create_index("ix_quiet_pages_due_at", "quiet_pages", ["due_at"])


def _of_trigger(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["trigger_id"],
        ["agent_triggers.id"],
        name=f"fk_{table}_trigger_id_agent_triggers",
        ondelete="CASCADE",
    )
