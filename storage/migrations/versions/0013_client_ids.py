"""Whose the Yjs client ids of documents are."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "client_ids",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("has_written", sa.Boolean(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="fk_client_ids_document_id_documents", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("document_id", "client_id", name="pk_client_ids"),
    )
    op.create_index(
        "ix_client_ids_bound_at",
        "client_ids",
        ["bound_at"],
        postgresql_where=sa.text("NOT has_written"),
        sqlite_where=sa.text("NOT has_written"),
    )
