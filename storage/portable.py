"""Rows of tables in a form that belongs to no database: what a backup holds of them.

A row is a JSON array in the order of its table's columns. The columns' types are told beside it, so that rows
of older tables can be read by a program whose models have moved on. Pure; runs no queries.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.types import String, TypeEngine

from storage.errors import BadRowsError
from storage.models import UtcDateTime
from storage.models.declarative import Json, JsonColumn, Sealed

Kind = Literal["uuid", "time", "json", "bytes", "boolean", "integer", "number", "text"]

_SQL_TYPES: Mapping[Kind, TypeEngine[Any]] = {
    "uuid": Uuid(),
    "time": UtcDateTime(),
    "json": JsonColumn,
    "bytes": LargeBinary(),
    "boolean": Boolean(),
    "integer": BigInteger(),
    "number": Float(),
    "text": Text(),
}
PYTHON_TYPES: Mapping[Kind, Any] = {
    "uuid": UUID | None,
    "time": datetime | None,
    "json": Any,
    "bytes": bytes | None,
    "boolean": bool | None,
    "integer": int | None,
    "number": float | None,
    "text": str | None,
}
_ENCODER = msgspec.json.Encoder()

# The first that fits: a boolean of SQLAlchemy is no integer, but its other types inherit from each other.
_KINDS: Sequence[tuple[type[Any] | tuple[type[Any], ...], Kind]] = (
    (UtcDateTime, "time"),
    (Uuid, "uuid"),
    ((JSON, Json), "json"),
    ((LargeBinary, Sealed), "bytes"),
    (Boolean, "boolean"),
    (Integer, "integer"),
    (Float, "number"),
    (String, "text"),
)


class PortableColumn(msgspec.Struct, frozen=True):
    """A column."""

    name: str
    kind: Kind


class PortableTable(msgspec.Struct, frozen=True):
    """A table and the columns of its rows, in order."""

    name: str
    columns: list[PortableColumn]


def describe(table: Table) -> PortableTable:
    """Return what has to be known of a table to read its rows elsewhere."""
    return PortableTable(
        str(table.name), [PortableColumn(str(one.name), kind_of(one)) for one in table.columns]
    )


def as_table(described: PortableTable) -> Table:
    """Return a table that rows can be inserted into, without keys and constraints."""
    columns = (Column(one.name, _SQL_TYPES[one.kind]) for one in described.columns)
    return Table(described.name, MetaData(), *columns)


def encode_rows(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows as lines."""
    return _ENCODER.encode_lines([tuple(row) for row in rows])


def decode_rows(described: PortableTable, lines: bytes) -> list[dict[str, Any]]:
    """Return rows as values by column. Raises BadRowsError."""
    names = [one.name for one in described.columns]
    row_type = tuple[tuple(PYTHON_TYPES[one.kind] for one in described.columns)]  # pyright: ignore[reportInvalidTypeArguments]  (made at run time)
    try:
        rows = msgspec.json.Decoder(row_type).decode_lines(lines)
    except msgspec.MsgspecError as error:
        raise BadRowsError(described.name, str(error)) from error
    return [dict(zip(names, row, strict=True)) for row in rows]


def kind_of(column: Column[Any]) -> Kind:
    """Return what a column holds."""
    for types, kind in _KINDS:
        if isinstance(column.type, types):
            return kind
    raise TypeError(f"no portable form for {column.table.name}.{column.name}: {column.type!r}")
