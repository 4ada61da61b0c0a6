"""What a run asks people, and the message that tells how it is going."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
UNTOLD = sa.text("progress_id IS NOT NULL AND told_at IS NULL AND end_time IS NOT NULL")


def upgrade() -> None:
    op.add_column("agent_run_logs", sa.Column("waiting_for", JSON))
    op.add_column("agent_run_logs", sa.Column("progress_id", sa.Uuid()))
    op.add_column("agent_run_logs", sa.Column("told_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_agent_run_logs_untold",
        "agent_run_logs",
        ["id"],
        sqlite_where=UNTOLD,
        postgresql_where=UNTOLD,
    )
    op.create_index("ix_agent_run_logs_end_time", "agent_run_logs", ["end_time"])
