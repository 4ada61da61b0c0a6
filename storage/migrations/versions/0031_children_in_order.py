"""The pages below a page, read in their order."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_pages_parent_page_id_order_key_id", "pages", ["parent_page_id", "order_key", "id"])
    op.drop_index("ix_pages_parent_page_id", table_name="pages")
