"""What live documents contain, as rows. Documents that exist are to be read once, without events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BYTE_ORDERED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_positions()
    _create_page_tables()
    _create_channel_tables()


def _create_positions() -> None:
    op.create_table(
        "document_projections",
        sa.Column("document_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("is_stale", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("told_position", sa.BigInteger(), nullable=False),
        sa.Column("told_at", TIME, nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("document_id", name="pk_document_projections"),
    )
    op.create_index("ix_document_projections_name", "document_projections", ["name"])
    op.execute(
        "INSERT INTO document_projections "
        "(document_id, name, position, revision, is_stale, told_position, updated_at) "
        "SELECT id, name, head, 1, true, head, CURRENT_TIMESTAMP FROM documents "
        "WHERE workspace_id IS NOT NULL AND name NOT LIKE '%@%'"
    )


def _create_page_tables() -> None:
    op.create_table(
        "canvas_blocks",
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("id", BYTE_ORDERED, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("position_x", sa.Integer(), nullable=False),
        sa.Column("position_y", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("z_index", sa.Integer(), nullable=False),
        sa.Column("order_key", BYTE_ORDERED, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("deleted_at", TIME, nullable=True),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("moved_to", sa.Text(), nullable=True),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("page_id", "id", name="pk_canvas_blocks"),
    )
    op.create_index("ix_canvas_blocks_id", "canvas_blocks", ["id"])
    op.create_index("ix_canvas_blocks_page_id_order_key_id", "canvas_blocks", ["page_id", "order_key", "id"])
    op.create_table(
        "page_links",
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("block_id", BYTE_ORDERED, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("page_id", "block_id", "kind", "target_id", name="pk_page_links"),
    )
    op.create_index("ix_page_links_kind_target_id_page_id", "page_links", ["kind", "target_id", "page_id"])


def _create_channel_tables() -> None:
    op.create_table(
        "chat_messages",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Text(), nullable=False),
        sa.Column("sender_type", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("edited_at", TIME, nullable=True),
        sa.Column("thread_id", sa.Uuid(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("reactions", JSON, nullable=False),
        sa.Column("pinned_by", sa.Text(), nullable=True),
        sa.Column("archived_at", TIME, nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "id", name="pk_chat_messages"),
    )
    op.create_index("ix_chat_messages_id", "chat_messages", ["id"])
    op.create_index("ix_chat_messages_sender_id_id", "chat_messages", ["sender_id", "id"])
    op.create_index(
        "ix_chat_messages_channel_id_thread_id_id", "chat_messages", ["channel_id", "thread_id", "id"]
    )
    op.create_table(
        "message_mentions",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "message_id", "kind", "target_id", name="pk_message_mentions"),
    )
    op.create_index(
        "ix_message_mentions_kind_target_id_message_id",
        "message_mentions",
        ["kind", "target_id", "message_id"],
    )
    op.create_table(
        "read_marks",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "principal_id", name="pk_read_marks"),
    )
