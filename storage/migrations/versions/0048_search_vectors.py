"""What models make of what can be found, for finding by meaning."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

BYTE_ORDERED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
HAS_NO_VECTORS = sa.text("vectors_by IS NULL")


def upgrade() -> None:
    op.add_column("search_entries", sa.Column("vectors_by", sa.Text()))
    op.create_index(
        "ix_search_entries_without_vectors",
        "search_entries",
        ["workspace_id", "id"],
        sqlite_where=HAS_NO_VECTORS,
        postgresql_where=HAS_NO_VECTORS,
    )
    op.create_table(
        "search_vectors",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", BYTE_ORDERED, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("signs", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "kind", "subject_id", "part", name="pk_search_vectors"),
    )
    op.create_index("ix_search_vectors_workspace_id", "search_vectors", ["workspace_id"])
