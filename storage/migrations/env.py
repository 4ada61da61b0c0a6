"""Alembic's entry: runs the revisions on the connection, and in the transaction, that `upgrade` opened."""

from alembic import context

from storage.models import Model

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Model.metadata,
    # SQLite's DDL takes part in transactions, once the driver is kept from committing by itself.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
