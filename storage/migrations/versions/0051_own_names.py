"""What a page was called in its row before its document said something else."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("pages", sa.Column("own_names", JSON, server_default="{}", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("pages") as table:
        table.drop_column("own_names")
