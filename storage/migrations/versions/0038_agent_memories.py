"""What agents remember."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "agent_memories",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("agent_configuration_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("learned_from_user_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint("kind IN ('fact', 'note', 'run')", name=op.f("ck_agent_memories_kind_known")),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_agent_memories_workspace_id_workspaces",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["agent_configuration_id"],
            ["agent_configurations.id"],
            name="fk_agent_memories_agent_configuration_id_agent_configurations",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["learned_from_user_id"],
            ["users.id"],
            name="fk_agent_memories_learned_from_user_id_users",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_agent_memories"),
    )
    op.create_index(
        "ix_agent_memories_workspace_id_namespace_id", "agent_memories", ["workspace_id", "namespace", "id"]
    )
    op.create_index("ix_agent_memories_agent_configuration_id", "agent_memories", ["agent_configuration_id"])
    op.create_index("ix_agent_memories_learned_from_user_id", "agent_memories", ["learned_from_user_id"])
