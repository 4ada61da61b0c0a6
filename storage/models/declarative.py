"""What every table shares: constraint names, column types and the typed constructor."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    Uuid,
    bindparam,
    event,
)
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

# Named constraints can be dropped by a later migration and told apart in an error, on both databases.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC on both databases; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back that SQLite does not keep."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Sealed(TypeDecorator[bytes]):
    """A secret that `storage.vault` has sealed; by this type `storage.resealing` finds the column."""

    impl = LargeBinary
    cache_ok = True


class Json(TypeDecorator[Any]):
    """JSON, on Postgres JSONB; None is NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of a database."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON(none_as_null=True))
        # Here: a variant would load all of SQLAlchemy's Postgres in every server on SQLite.
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB(none_as_null=True))

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """Return the type of what is compared with a part of it, as JSON does."""
        return JSON().coerce_compared_value(op, value)


# SQLite makes only a column declared INTEGER its automatic key.
BigKey = BigInteger().with_variant(Integer, "sqlite")

# Keys compared byte by byte (fractional indexes), whatever the database's locale.
ByteOrdered = Text().with_variant(Text(collation="C"), "postgresql")

JsonColumn = Json()

NOT_IN_BACKUPS = {"info": {"in_backups": False}}
"""Table arguments for what only processes that run need, or what is made anew from other tables."""


def partial_index(
    name: str | None,
    *columns: str,
    where: ColumnElement[bool] | TextClause,
    postgres_where: TextClause | None = None,
    unique: bool = False,
) -> Index:
    """Return an index of some rows; the condition is the same in both databases if nothing else is said."""
    index = Index(name, *columns, unique=unique, sqlite_where=where)
    return on_postgres(index, where=where if postgres_where is None else postgres_where)


def on_postgres(index: Index, **options: Any) -> Index:
    """Return an index with options that it has on Postgres: `using` is SQLAlchemy's `postgresql_using`."""

    # Not as arguments: they would load all of SQLAlchemy's Postgres in every server on SQLite.
    def add_options(target: Index, connection: Connection, **_: Any) -> None:
        if connection.dialect.name == "postgresql":
            for name, value in options.items():
                target.dialect_options["postgresql"][name] = value

    event.listen(index, "before_create", add_options)
    return index


class Model(MappedAsDataclass, DeclarativeBase, eq=False):
    """A table.

    Constructors are typed; each table says `kw_only=True`, which type checkers don't inherit. Ids and times
    are the caller's (`uow.new_id()`, `uow.now`). JSON columns are replaced as a whole: a change inside the
    value is not seen.
    """

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads a plain class attribute
        UUID: Uuid(),
        datetime: UtcDateTime(),
        str: Text(),
        bytes: LargeBinary(),
        dict[str, Any]: JsonColumn,
        list[str]: JsonColumn,
        list[dict[str, Any]]: JsonColumn,
    }


def some_of(name: str) -> BindParameter[Any]:
    """Return a parameter that takes a list, for `in_` of a statement that is built once."""
    return bindparam(name, expanding=True)


def table_of(model: type[Model]) -> Table:
    """Return a model's table: statements on it go past the mapper, which costs as much as most answers."""
    return cast("Table", model.__table__)
