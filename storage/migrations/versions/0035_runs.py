"""What a run needs that runs: where it was asked for, by whose right, why, and who ends it."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

TRIGGERS = "trigger_type IN ('manual', 'schedule', 'webhook', 'command', 'event')"
ACTIVE = sa.text("status IN ('pending', 'running')")


def upgrade() -> None:
    with op.batch_alter_table("agent_run_logs") as table:
        table.drop_constraint(op.f("ck_agent_run_logs_trigger_known"), type_="check")
        table.create_check_constraint(op.f("ck_agent_run_logs_trigger_known"), TRIGGERS)
        table.add_column(sa.Column("invoked_by", sa.Text()))
        table.add_column(sa.Column("cause", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("prompt", sa.Text()))
        table.add_column(sa.Column("place", sa.Text()))
        table.add_column(sa.Column("place_item", sa.Text()))
        table.add_column(sa.Column("parent_run_id", sa.Uuid()))
        table.add_column(sa.Column("depth", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("is_dry", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.add_column(sa.Column("cancelled_by", sa.Text()))
        table.add_column(sa.Column("cancel_requested_at", sa.DateTime(timezone=True)))
        table.add_column(sa.Column("error_code", sa.Text()))
    op.create_index("ix_agent_run_logs_parent_run_id", "agent_run_logs", ["parent_run_id"])
    op.create_index(
        "ix_agent_run_logs_active",
        "agent_run_logs",
        ["id"],
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    )
