"""What can be found by searching. Documents are read once more for it, without events."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

SQLITE = (
    "CREATE VIRTUAL TABLE search_terms USING fts5(labels, title, body, "
    "tokenize = \"unicode61 remove_diacritics 0 categories 'L* N* Co M*'\", prefix = '2 3')",
)
POSTGRES = (
    "CREATE TABLE search_terms ("
    "entry_id bigint CONSTRAINT pk_search_terms PRIMARY KEY, terms tsvector NOT NULL)",
    "CREATE INDEX ix_search_terms_terms ON search_terms USING gin (terms)",
)


def upgrade() -> None:
    op.create_table(
        "search_entries",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_entries"),
    )
    op.create_index(
        "ix_search_entries_owner_id_kind_subject_id",
        "search_entries",
        ["owner_id", "kind", "subject_id"],
        unique=True,
    )
    op.create_index("ix_search_entries_workspace_id_id", "search_entries", ["workspace_id", "id"])
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if is_sqlite else POSTGRES:
        op.execute(statement)
    op.execute("UPDATE document_projections SET is_stale = true")
