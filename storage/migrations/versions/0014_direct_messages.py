"""One direct conversation for the same people."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("channels", sa.Column("dm_key", sa.Text()))
    op.create_index("uq_channels_dm", "channels", ["workspace_id", "dm_key"], unique=True)
