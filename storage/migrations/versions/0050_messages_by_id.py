"""Messages are found by their id alone, and never read in its order over all channels.

Postgres took this index to page back through one channel: the newest messages of all others were read and
left out. A hash index has no order. SQLite has no such indexes, and never did that.
"""

from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

NAME = "ix_chat_messages_id"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.drop_index(NAME, "chat_messages")
        op.create_index(NAME, "chat_messages", ["id"], postgresql_using="hash")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.drop_index(NAME, "chat_messages")
        op.create_index(NAME, "chat_messages", ["id"])
