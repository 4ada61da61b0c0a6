"""Who was told of an event already, where telling all takes several transactions."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_notifications_workspace_id_position_user_id",
        "notifications",
        ["workspace_id", "position", "user_id"],
    )
    op.drop_index("ix_notifications_workspace_id", "notifications")
