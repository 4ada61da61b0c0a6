"""Whether the search knows what a file says; of those that are there it does not yet."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

IS_UNREAD = sa.text("NOT is_text_read")


def upgrade() -> None:
    op.add_column("files", sa.Column("is_text_read", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_files_unread", "files", ["id"], sqlite_where=IS_UNREAD, postgresql_where=IS_UNREAD)
