"""How SQLAlchemy speaks to Postgres. Loaded where there is one."""

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from storage.dialects import compile_alike


class PostgresDialect(PGDialect_asyncpg):
    """SQLAlchemy's own, equal to others of the same version."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return compile_alike(self, other)

    def __hash__(self) -> int:
        return hash(PostgresDialect)
