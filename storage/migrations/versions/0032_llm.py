"""Language models: providers, calls, what they came to, reservations and budgets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
IS_DONE = sa.text("outcome = 'done'")


def upgrade() -> None:
    op.create_table(
        "llm_providers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("api", sa.Text(), nullable=False),
        sa.Column("api_key", sa.LargeBinary()),
        sa.Column("models", JSON, nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_by_user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint("api IN ('chat', 'responses')", name=op.f("ck_llm_providers_api_known")),
        sa.ForeignKeyConstraint(
            ["created_by_user_id"],
            ["users.id"],
            name="fk_llm_providers_created_by_user_id_users",
            ondelete="RESTRICT",
        ),
        _of_workspace("llm_providers"),
        sa.PrimaryKeyConstraint("id", name="pk_llm_providers"),
    )
    op.create_index("ix_llm_providers_workspace_id_id", "llm_providers", ["workspace_id", "id"])
    op.create_index("ix_llm_providers_created_by_user_id", "llm_providers", ["created_by_user_id"])
    op.create_table(
        "llm_calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("run_id", sa.Uuid()),
        sa.Column("step", sa.Text()),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("is_estimate", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("outcome IN ('done', 'failed')", name=op.f("ck_llm_calls_outcome_known")),
        _of_workspace("llm_calls"),
        sa.PrimaryKeyConstraint("id", name="pk_llm_calls"),
    )
    op.create_index(
        "ix_llm_calls_run_id_step",
        "llm_calls",
        ["run_id", "step"],
        unique=True,
        sqlite_where=IS_DONE,
        postgresql_where=IS_DONE,
    )
    op.create_index("ix_llm_calls_workspace_id_id", "llm_calls", ["workspace_id", "id"])
    op.create_index("ix_llm_calls_workspace_id_user_id_id", "llm_calls", ["workspace_id", "user_id", "id"])
    op.create_index("ix_llm_calls_workspace_id_run_id_id", "llm_calls", ["workspace_id", "run_id", "id"])
    op.create_table(
        "llm_months",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        _of_workspace("llm_months"),
        sa.PrimaryKeyConstraint("workspace_id", "month", "person", "provider", "model", name="pk_llm_months"),
    )
    op.create_table(
        "llm_reservations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("run_id", sa.Uuid()),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        _of_workspace("llm_reservations"),
        sa.PrimaryKeyConstraint("id", name="pk_llm_reservations"),
    )
    op.create_index("ix_llm_reservations_workspace_id_id", "llm_reservations", ["workspace_id", "id"])
    op.create_table(
        "llm_budgets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("limit_micros", sa.BigInteger()),
        sa.Column("limit_tokens", sa.BigInteger()),
        sa.Column("exhausted_month", sa.Text()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint("scope IN ('workspace', 'user', 'run')", name=op.f("ck_llm_budgets_scope_known")),
        _of_workspace("llm_budgets"),
        sa.PrimaryKeyConstraint("id", name="pk_llm_budgets"),
        sa.UniqueConstraint(
            "workspace_id", "scope", "subject", name="uq_llm_budgets_workspace_id_scope_subject"
        ),
    )
    op.create_index("ix_llm_budgets_workspace_id_id", "llm_budgets", ["workspace_id", "id"])


def _of_workspace(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_id"],
        ["workspaces.id"],
        name=f"fk_{table}_workspace_id_workspaces",
        ondelete="CASCADE",
    )
