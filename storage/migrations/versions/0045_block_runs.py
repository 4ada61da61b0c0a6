"""Runs that answer in a block, and blocks that are to show them."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

BYTE_ORDERED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
IN_BLOCK = sa.text("answers_in_block")


def upgrade() -> None:
    op.add_column(
        "agent_run_logs",
        sa.Column("answers_in_block", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index(
        "ix_agent_run_logs_block",
        "agent_run_logs",
        ["place_item", "id"],
        sqlite_where=IN_BLOCK,
        postgresql_where=IN_BLOCK,
    )
    op.create_table(
        "waiting_snippets",
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("block_id", BYTE_ORDERED, nullable=False),
        sa.Column("mark", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("page_id", "block_id", name="pk_waiting_snippets"),
    )
    op.create_index("ix_waiting_snippets_mark", "waiting_snippets", ["mark"])
