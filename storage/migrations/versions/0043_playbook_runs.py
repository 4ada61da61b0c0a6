"""What playbooks take and give, their runs and steps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
LISTENS = sa.text("listens")


def upgrade() -> None:
    op.add_column("playbooks", sa.Column("inputs", JSON))
    op.add_column("playbooks", sa.Column("outputs", JSON))
    op.create_table(
        "playbook_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("playbook_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("script", JSON, nullable=False),
        sa.Column("inputs", JSON, nullable=False),
        sa.Column("outputs", JSON),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("acts_for_user_id", sa.Uuid(), nullable=False),
        sa.Column("acts_for", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Uuid()),
        sa.Column("error_step", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'success', 'error', 'cancelled')",
            name=op.f("ck_playbook_runs_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_playbook_runs_workspace_id_workspaces",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["playbook_id"],
            ["playbooks.id"],
            name="fk_playbook_runs_playbook_id_playbooks",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["acts_for_user_id"],
            ["users.id"],
            name="fk_playbook_runs_acts_for_user_id_users",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_playbook_runs"),
    )
    op.create_index("ix_playbook_runs_playbook_id_id", "playbook_runs", ["playbook_id", "id"])
    op.create_index("ix_playbook_runs_workspace_id", "playbook_runs", ["workspace_id"])
    op.create_index("ix_playbook_runs_acts_for_user_id", "playbook_runs", ["acts_for_user_id"])
    op.create_table(
        "playbook_steps",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("step_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("given", JSON),
        sa.Column("output", JSON),
        sa.Column("code", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("way", sa.Text()),
        sa.Column("listens", sa.Boolean(), nullable=False),
        sa.Column("due_at", TIME),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.CheckConstraint(
            "status IN ('running', 'done', 'failed', 'skipped')", name=op.f("ck_playbook_steps_status_known")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["playbook_runs.id"],
            name="fk_playbook_steps_run_id_playbook_runs",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "step_id", name="pk_playbook_steps"),
    )
    op.create_index(
        "ix_playbook_steps_listening",
        "playbook_steps",
        ["run_id"],
        sqlite_where=LISTENS,
        postgresql_where=LISTENS,
    )
