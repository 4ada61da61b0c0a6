"""Prompt libraries, one for each workspace there is, and prompts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from storage.ids import Uuid7

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    libraries = _create_libraries()
    _create_prompts()
    workspaces = sa.table("workspaces", sa.column("id", sa.Uuid()), sa.column("created_at", TIME))
    new_id = Uuid7()
    rows = [
        {
            "id": new_id(),
            "workspace_id": row.id,
            "name": "Prompts",
            "created_at": row.created_at,
            "updated_at": row.created_at,
        }
        for row in op.get_bind().execute(sa.select(workspaces))
    ]
    if rows:
        op.bulk_insert(libraries, rows)


def _create_libraries() -> sa.Table:
    libraries = op.create_table(
        "prompt_libraries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_prompt_libraries_workspace_id_workspaces",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_prompt_libraries"),
    )
    op.create_index("ix_prompt_libraries_workspace_id_id", "prompt_libraries", ["workspace_id", "id"])
    return libraries


def _create_prompts() -> None:
    op.create_table(
        "prompts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("variables", JSON, nullable=False),
        sa.Column("created_by_user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_user_id"],
            ["users.id"],
            name="fk_prompts_created_by_user_id_users",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["library_id"],
            ["prompt_libraries.id"],
            name="fk_prompts_library_id_prompt_libraries",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_prompts"),
    )
    op.create_index("ix_prompts_library_id_id", "prompts", ["library_id", "id"])
    op.create_index("ix_prompts_created_by_user_id", "prompts", ["created_by_user_id"])
    op.create_table(
        "prompt_tags",
        sa.Column("prompt_id", sa.Uuid(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["library_id"],
            ["prompt_libraries.id"],
            name="fk_prompt_tags_library_id_prompt_libraries",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["prompt_id"], ["prompts.id"], name="fk_prompt_tags_prompt_id_prompts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("prompt_id", "tag", name="pk_prompt_tags"),
    )
    op.create_index(
        "ix_prompt_tags_library_id_tag_prompt_id", "prompt_tags", ["library_id", "tag", "prompt_id"]
    )
