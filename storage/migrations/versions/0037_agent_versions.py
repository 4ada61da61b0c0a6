"""What configurations of agents were before, and what definitions say of all their agents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

BATCH = 500
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("agent_definitions", sa.Column("default_config", JSON, server_default="{}", nullable=False))
    op.add_column(
        "agent_configurations", sa.Column("version", sa.Integer(), server_default="1", nullable=False)
    )
    versions = op.create_table(
        "agent_versions",
        sa.Column("agent_configuration_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("yaml_config", sa.Text(), nullable=False),
        sa.Column("external_memory_namespace", sa.Text(), nullable=True),
        sa.Column("definition_version", sa.Text(), nullable=False),
        sa.Column("restored_from", sa.Integer(), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_configuration_id"],
            ["agent_configurations.id"],
            name="fk_agent_versions_agent_configuration_id_agent_configurations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("agent_configuration_id", "number", name="pk_agent_versions"),
    )
    _begin_with_what_there_is(versions)


def _begin_with_what_there_is(versions: sa.Table) -> None:
    """Let each agent's first version be what it is now."""
    agents = sa.table(
        "agent_configurations",
        sa.column("id", sa.Uuid()),
        sa.column("agent_definition_id", sa.Text()),
        sa.column("name", sa.Text()),
        sa.column("description", sa.Text()),
        sa.column("yaml_config", sa.Text()),
        sa.column("external_memory_namespace", sa.Text()),
        sa.column("created_by_user_id", sa.Uuid()),
        sa.column("updated_at", sa.DateTime(timezone=True)),
    )
    definitions = sa.table("agent_definitions", sa.column("id", sa.Text()), sa.column("version", sa.Text()))
    connection = op.get_bind()
    found = connection.execute(
        sa.select(agents, definitions.c.version.label("definition_version")).join_from(
            agents, definitions, definitions.c.id == agents.c.agent_definition_id
        )
    ).all()
    rows = [
        {
            "agent_configuration_id": row.id,
            "number": 1,
            "name": row.name,
            "description": row.description,
            "yaml_config": row.yaml_config,
            "external_memory_namespace": row.external_memory_namespace,
            "definition_version": row.definition_version,
            "restored_from": None,
            "changed_by": f"user:{row.created_by_user_id}",
            "changed_at": row.updated_at,
        }
        for row in found
    ]
    for start in range(0, len(rows), BATCH):
        connection.execute(sa.insert(versions), rows[start : start + BATCH])
