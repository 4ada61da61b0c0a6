"""Brands and creators, with access tokens that are sealed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "brands",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("industry", sa.Text()),
        sa.Column("target_audience", sa.Text()),
        sa.Column("mood_board_urls", JSON, nullable=False),
        sa.Column("shopify_store_url", sa.Text()),
        sa.Column("shopify_access_token", sa.LargeBinary()),
        sa.Column("tiktok_profile_url", sa.Text()),
        sa.Column("tiktok_access_token", sa.LargeBinary()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_brands_workspace_id_workspaces", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_brands"),
    )
    op.create_index("ix_brands_workspace_id_id", "brands", ["workspace_id", "id"])
    op.create_index("ix_brands_workspace_id_industry_id", "brands", ["workspace_id", "industry", "id"])
    op.create_table(
        "creators",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("niche", sa.Text()),
        sa.Column("tiktok_handle", sa.Text()),
        sa.Column("tiktok_access_token", sa.LargeBinary()),
        sa.Column("portfolio_links", JSON, nullable=False),
        sa.Column("audience_demographics", JSON),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_creators_workspace_id_workspaces",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_creators"),
    )
    op.create_index("ix_creators_workspace_id_id", "creators", ["workspace_id", "id"])
    op.create_index("ix_creators_workspace_id_niche_id", "creators", ["workspace_id", "niche", "id"])
