"""What people are told, how they want to be told it, and what they want to hear nothing of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    _create_notifications()
    _create_preferences()


def _create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text()),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("read_at", TIME),
        sa.Column("mail_at", TIME),
        _user_key("notifications"),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_notifications_workspace_id_workspaces",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.UniqueConstraint(
            "user_id", "workspace_id", "position", name="uq_notifications_user_id_workspace_id_position"
        ),
    )
    op.create_index("ix_notifications_user_id_id", "notifications", ["user_id", "id"])
    op.create_index("ix_notifications_workspace_id", "notifications", ["workspace_id"])
    _create_partial_index("unread", ["user_id", "id"], "read_at IS NULL")
    _create_partial_index("to_be_mailed", ["mail_at", "user_id"], "mail_at IS NOT NULL")
    op.create_table(
        "inboxes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        _user_key("inboxes"),
        sa.PrimaryKeyConstraint("user_id", name="pk_inboxes"),
    )


def _create_preferences() -> None:
    op.create_table(
        "notification_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("mail", sa.Text(), nullable=False),
        sa.Column("digest_hour", sa.Integer(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("last_mailed_at", TIME),
        sa.CheckConstraint(
            "mail IN ('immediate', 'daily', 'off')", name=op.f("ck_notification_preferences_mail_known")
        ),
        sa.CheckConstraint(
            "digest_hour BETWEEN 0 AND 23", name=op.f("ck_notification_preferences_digest_hour_of_a_day")
        ),
        _user_key("notification_preferences"),
        sa.PrimaryKeyConstraint("user_id", name="pk_notification_preferences"),
    )
    op.create_table(
        "channel_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "level IN ('all', 'mentions', 'nothing')", name=op.f("ck_channel_preferences_level_known")
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["channels.id"],
            name="fk_channel_preferences_channel_id_channels",
            ondelete="CASCADE",
        ),
        _user_key("channel_preferences"),
        sa.PrimaryKeyConstraint("user_id", "channel_id", name="pk_channel_preferences"),
    )
    op.create_index("ix_channel_preferences_channel_id_level", "channel_preferences", ["channel_id", "level"])
    op.create_table(
        "notification_mutes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("until", TIME),
        sa.Column("created_at", TIME, nullable=False),
        _user_key("notification_mutes"),
        sa.PrimaryKeyConstraint("id", name="pk_notification_mutes"),
        sa.UniqueConstraint("user_id", "document", name="uq_notification_mutes_user_id_document"),
    )
    op.create_index("ix_notification_mutes_document_user_id", "notification_mutes", ["document", "user_id"])


def _user_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["users.id"], name=f"fk_{table}_user_id_users", ondelete="CASCADE"
    )


def _create_partial_index(name: str, columns: list[str], where: str) -> None:
    op.create_index(
        f"ix_notifications_{name}",
        "notifications",
        columns,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )
