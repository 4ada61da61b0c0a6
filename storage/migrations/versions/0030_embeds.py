"""What other sites say of their pages, and blocks that wait to be told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
BYTE_ORDERED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "link_previews",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("preview", JSON, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_link_previews"),
    )
    op.create_index("ix_link_previews_expires_at", "link_previews", ["expires_at"])
    op.create_table(
        "waiting_embeds",
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("block_id", BYTE_ORDERED, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("page_id", "block_id", name="pk_waiting_embeds"),
    )
    op.create_index("ix_waiting_embeds_due_at", "waiting_embeds", ["due_at"])
    # Pages that have embeds already are read again.
    op.execute(
        "UPDATE document_projections SET is_stale = true WHERE name IN "
        "(SELECT 'page:' || lower(substr(hex_id, 1, 8) || '-' || substr(hex_id, 9, 4) || '-' || "
        "substr(hex_id, 13, 4) || '-' || substr(hex_id, 17, 4) || '-' || substr(hex_id, 21)) FROM "
        "(SELECT replace(CAST(page_id AS text), '-', '') AS hex_id FROM canvas_blocks "
        "WHERE type = 'embed_panel') AS found)"
    )
