"""How SQLAlchemy speaks to the two kinds of database. Owns what is kept of the statements once compiled.

SQLAlchemy keeps a compiled statement for the engine and the dialect object that it ran on first. A process
has several engines, two of them for one SQLite file, and a process of tests has thousands; compiling costs
several times what running does. So here all engines have one cache, and dialects of one version are equal.
"""

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache

SQLITE = "sqlite+ionflux"
POSTGRES = "postgresql+ionflux"

COMPILED: LRUCache[Any, Any] = LRUCache(2000)
"""The execution option `compiled_cache` of every engine. What was not used for long goes first."""


def compile_alike(one: Dialect, other: object) -> bool:
    """Tell whether dialects make the same of a statement."""
    # What a dialect makes of a statement depends on its class and on the database's version alone: no engine
    # here is given options of its own.
    return type(one) is type(other) and one.server_version_info == getattr(other, "server_version_info", None)


class SqliteDialect(SQLiteDialect_aiosqlite):
    """SQLAlchemy's own, equal to others of the same version."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return compile_alike(self, other)

    def __hash__(self) -> int:
        return hash(SqliteDialect)


registry.register("sqlite.ionflux", __name__, SqliteDialect.__name__)
# Loaded when a database is of this kind.
registry.register("postgresql.ionflux", "storage.postgres_dialect", "PostgresDialect")
