"""Pages that new pages are made from."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pages", sa.Column("is_template", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_pages_templates",
        "pages",
        ["workspace_id", "id"],
        sqlite_where=sa.text("is_template"),
        postgresql_where=sa.text("is_template"),
    )
