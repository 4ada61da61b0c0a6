"""Rights on pages beyond the workspace's roles."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("pages", sa.Column("access_root_id", sa.Uuid()))
    op.create_table(
        "page_grants",
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint(
            "level IN ('read', 'comment', 'write', 'manage')", name=op.f("ck_page_grants_level_known")
        ),
        sa.ForeignKeyConstraint(
            ["page_id"], ["pages.id"], name="fk_page_grants_page_id_pages", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_page_grants_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("page_id", "user_id", name="pk_page_grants"),
    )
    op.create_index("ix_page_grants_user_id", "page_grants", ["user_id"])
    op.create_table(
        "share_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("created_by_user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.CheckConstraint("level IN ('read', 'comment', 'write')", name=op.f("ck_share_links_level_known")),
        sa.ForeignKeyConstraint(
            ["page_id"], ["pages.id"], name="fk_share_links_page_id_pages", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["created_by_user_id"],
            ["users.id"],
            name="fk_share_links_created_by_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_share_links"),
    )
    op.create_index("ix_share_links_page_id", "share_links", ["page_id"])
