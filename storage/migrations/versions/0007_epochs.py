"""Epochs of documents (rule D7)."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RANDOM = {
    "sqlite": "lower(hex(randomblob(4)))",
    "postgresql": "substr(md5(random()::text || clock_timestamp()::text || id::text), 1, 8)",
}


def upgrade() -> None:
    op.add_column("documents", sa.Column("epoch", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.execute(f"UPDATE documents SET epoch = {RANDOM[op.get_bind().dialect.name]}")
