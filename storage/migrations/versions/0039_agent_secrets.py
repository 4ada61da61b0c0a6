"""Secrets of agents: what they show to other servers."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_configuration_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_configuration_id"],
            ["agent_configurations.id"],
            name="fk_agent_secrets_agent_configuration_id_agent_configurations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_agent_secrets"),
        sa.UniqueConstraint(
            "agent_configuration_id", "name", name="uq_agent_secrets_agent_configuration_id_name"
        ),
    )
