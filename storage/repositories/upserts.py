"""`INSERT ... ON CONFLICT`, which both databases have and SQLAlchemy knows in a dialect each."""

from typing import Any, cast

from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncSession


def insert_into(session: AsyncSession, target: Any) -> sqlite.Insert:
    """Return an insert in the words of the session's database; what is used of them is the same in both."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(target)
    # Here: a server on SQLite loads nothing of Postgres.
    from sqlalchemy.dialects import postgresql

    return cast("sqlite.Insert", postgresql.insert(target))
