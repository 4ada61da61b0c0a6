"""Triggers of playbooks, which are those of agents for something else; and where their runs are shown."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
SOURCES = "source IN ('api', 'configuration', 'playbook')"
ONE_TARGET = "(agent_configuration_id IS NULL) <> (playbook_id IS NULL)"
UNSHOWN = sa.text("shown_revision < revision")


def upgrade() -> None:
    op.add_column("playbooks", sa.Column("trigger_config", JSON))
    with op.batch_alter_table("agent_triggers") as table:
        table.add_column(sa.Column("playbook_id", sa.Uuid()))
        table.create_foreign_key(
            "fk_agent_triggers_playbook_id_playbooks",
            "playbooks",
            ["playbook_id"],
            ["id"],
            ondelete="CASCADE",
        )
        table.alter_column("agent_configuration_id", existing_type=sa.Uuid(), nullable=True)
        table.drop_constraint(op.f("ck_agent_triggers_source_known"), type_="check")
        table.create_check_constraint(op.f("ck_agent_triggers_source_known"), SOURCES)
        table.create_check_constraint(op.f("ck_agent_triggers_one_target"), ONE_TARGET)
    op.create_index("ix_agent_triggers_playbook_id", "agent_triggers", ["playbook_id"])
    op.add_column("playbook_runs", sa.Column("cause", sa.Text(), server_default="", nullable=False))
    op.add_column("playbook_runs", sa.Column("parent_run_id", sa.Uuid()))
    op.add_column("playbook_runs", sa.Column("depth", sa.Integer(), server_default="0", nullable=False))
    op.add_column("playbook_runs", sa.Column("page_id", sa.Uuid()))
    op.add_column("playbook_runs", sa.Column("block_id", sa.Text()))
    op.add_column("playbook_runs", sa.Column("shown_id", sa.Uuid()))
    op.add_column("playbook_runs", sa.Column("revision", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "playbook_runs", sa.Column("shown_revision", sa.Integer(), server_default="0", nullable=False)
    )
    op.create_index(
        "ix_playbook_runs_unshown", "playbook_runs", ["id"], sqlite_where=UNSHOWN, postgresql_where=UNSHOWN
    )
