"""Queries that are asked again and again: each is compiled once, and what the driver gives is read here."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVarTuple, cast

import msgspec
from sqlalchemy import Select
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Ts = TypeVarTuple("Ts")

Process = Callable[[Any], Any]


class _Prepared(msgspec.Struct, frozen=True):
    sql: str
    fixed: dict[str, object]
    """The values that the statement has of its own."""
    parameters: list[tuple[str, Process | None]]
    columns: list[Process | None]


class Look(Generic[*Ts]):
    """A query with named parameters; see `Database.look`."""

    def __init__(self, statement: Select[*Ts]) -> None:
        self.statement = statement
        self._prepared: _Prepared | None = None

    def prepared(
        self, dialect: Dialect, parameters: dict[str, Any]
    ) -> tuple[str, list[object], Callable[[Sequence[Sequence[Any]]], list[tuple[*Ts]]]]:
        """Return the query for a driver with positional parameters: its text, their values, and what makes
        rows of the driver's."""
        prepared = self._prepared
        if prepared is None:
            prepared = self._prepared = _prepare(self.statement, dialect)
        given = prepared.fixed | parameters
        values = [
            given[name] if process is None else process(given[name]) for name, process in prepared.parameters
        ]
        return prepared.sql, values, self._read

    def _read(self, found: Sequence[Sequence[Any]]) -> list[tuple[*Ts]]:
        assert self._prepared is not None, "prepared before it is asked"
        columns = self._prepared.columns
        rows = [
            tuple(
                value if process is None else process(value)
                for value, process in zip(row, columns, strict=True)
            )
            for row in found
        ]
        return cast("list[tuple[*Ts]]", rows)


def _prepare(statement: Select[*tuple[Any, ...]], dialect: Dialect) -> _Prepared:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler), "it is a query"
    assert compiled.positiontup is not None, "its driver knows positions only"

    def bind(type_: TypeEngine[Any]) -> Process | None:
        return type_.dialect_impl(dialect).bind_processor(dialect)

    def read(type_: TypeEngine[Any]) -> Process | None:
        return type_.dialect_impl(dialect).result_processor(dialect, None)

    return _Prepared(
        sql=str(compiled),
        fixed=dict(compiled.params),
        parameters=[(name, bind(compiled.binds[name].type)) for name in compiled.positiontup],
        columns=[read(column.type) for column in statement.selected_columns],
    )
