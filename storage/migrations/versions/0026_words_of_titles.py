"""Words of titles of their own in what is searched on Postgres: an index knows no weights."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

MARK_TITLES = """
UPDATE search_terms SET terms = (
    terms::text || ' ' || (
        SELECT string_agg(format('''+%s'':%s', lexeme, array_to_string(positions, ',')), ' ')
        FROM unnest(ts_filter(terms, '{a}'))
    )
)::tsvector
WHERE length(ts_filter(terms, '{a}')) > 0
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(MARK_TITLES)
