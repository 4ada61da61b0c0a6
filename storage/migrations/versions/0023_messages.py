"""Slash commands, and what reading channels and archiving their messages needs of the messages' rows."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "chat_commands",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=True),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("response_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("answered_at", TIME, nullable=True),
        sa.CheckConstraint("status IN ('accepted', 'refused', 'answered')", name="status_known"),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_chat_commands_workspace_id_workspaces",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("channel_id", "message_id", name="pk_chat_commands"),
    )
    op.create_index("ix_chat_commands_workspace_id", "chat_commands", ["workspace_id"])
    is_open = sa.text("answered_at IS NULL")
    op.create_index(
        "ix_chat_commands_open",
        "chat_commands",
        ["response_id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    is_live = sa.text("archived_at IS NULL")
    op.create_index(
        "ix_chat_messages_live",
        "chat_messages",
        ["channel_id", "id"],
        sqlite_where=is_live,
        postgresql_where=is_live,
    )
    is_pinned = sa.text("pinned_by IS NOT NULL")
    op.create_index(
        "ix_chat_messages_pinned",
        "chat_messages",
        ["channel_id", "id"],
        sqlite_where=is_pinned,
        postgresql_where=is_pinned,
    )
