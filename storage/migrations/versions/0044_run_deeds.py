"""What runs of agents have written, so that it can be taken back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "run_deeds",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("deeds", sa.LargeBinary(), nullable=False),
        sa.Column("past", sa.LargeBinary(), nullable=True),
        sa.Column("keys", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["documents.id"],
            name="fk_run_deeds_document_id_documents",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("document_id", "position", "author", name="pk_run_deeds"),
    )
    op.create_index("ix_run_deeds_author_document_id", "run_deeds", ["author", "document_id"])
    op.create_index(
        "ix_updates_runs",
        "updates",
        ["author", "document_id", "position"],
        sqlite_where=sa.text("instr(author, '|run:') > 0"),
        postgresql_where=sa.text("strpos(author, '|run:') > 0"),
    )
