"""Indexes in the order in which lists are read: a part of a long list is found, not sorted out."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

REPLACED = (
    ("channels", "workspace_id", "id"),
    ("api_keys", "workspace_id", "id"),
    ("invitations", "workspace_id", "id"),
    ("share_links", "page_id", "id"),
    ("page_grants", "user_id", "page_id"),
    ("memberships", "user_id", "workspace_id"),
)
"""Table, what it had an index of, what that is followed by."""


def upgrade() -> None:
    for table, column, then in REPLACED:
        op.create_index(f"ix_{table}_{column}_{then}", table, [column, then])
        op.drop_index(f"ix_{table}_{column}", table)
    op.create_index("ix_pages_workspace_id_order_key_id", "pages", ["workspace_id", "order_key", "id"])
    op.create_index("ix_pages_workspace_id_trashed_at_id", "pages", ["workspace_id", "trashed_at", "id"])
