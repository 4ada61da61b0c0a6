"""`table_view`: a table with typed columns, sorted and filtered as its view says.

A cell lies under its column in its row, so that two people who fill in two cells do not meet. A cell of a
column that is gone is not shown, and is there again when the column is.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from blocks.errors import Fault
from blocks.kind import Fields, Kind
from blocks.kinds.fields import MAX_ENTRIES, Id, Line, OrderKey
from blocks.lists import arrange, in_order
from blocks.tree import Json

ColumnType = Literal["text", "number", "checkbox", "date", "select", "url", "person", "file"]
Cell = bool | int | float | Annotated[str, Meta(max_length=5000)] | list[Line]


class Column(msgspec.Struct, frozen=True):
    """A column; what its cells hold follows from its type."""

    name: Line = ""
    type: ColumnType = "text"
    order: OrderKey | None = None
    width: Annotated[int, Meta(ge=1, le=10_000)] | None = None


class Row(msgspec.Struct, frozen=True):
    """A row: column id -> what stands there."""

    order: OrderKey | None = None
    cells: dict[str, Cell] = {}


class Sort(msgspec.Struct, frozen=True):
    """By which column rows are sorted."""

    column: Id
    direction: Literal["ascending", "descending"] = "ascending"


class Filter(msgspec.Struct, frozen=True):
    """Which rows are shown."""

    column: Id
    operator: Literal["equals", "not_equals", "contains", "less", "greater", "is_empty", "is_not_empty"]
    value: Cell | None = None


class View(msgspec.Struct, frozen=True):
    """How the rows are shown; their own order counts where nothing is said."""

    sort: Annotated[list[Sort], Meta(max_length=20)] = []
    filter: Annotated[list[Filter], Meta(max_length=50)] = []


class TableViewContent(msgspec.Struct, frozen=True):
    """Columns and rows, each by its id, and how they are shown."""

    columns: dict[str, Column] = {}
    rows: dict[str, Row] = {}
    view: View = View()


def _check(content: TableViewContent) -> Iterable[Fault]:
    if max(len(content.columns), len(content.rows)) > MAX_ENTRIES:
        yield Fault("content", f"More than {MAX_ENTRIES} columns or rows")
    for row_id, row in content.rows.items():
        for column_id, cell in row.cells.items():
            path = f"content.rows.{row_id}.cells.{column_id}"
            column = content.columns.get(column_id)
            if column is None:
                yield Fault(path, "There is no such column")
            elif not _is_cell(column.type, cell):
                yield Fault(path, f"Not of the column's type, {column.type}")


def _is_cell(column_type: ColumnType, cell: Cell) -> bool:
    match column_type:
        case "checkbox":
            return isinstance(cell, bool)
        case "number":
            return isinstance(cell, int | float) and not isinstance(cell, bool)
        case "select" | "person" | "file":
            return isinstance(cell, str | list)
        case _:
            return isinstance(cell, str)


def _tidy(content: TableViewContent) -> TableViewContent:
    """Leave out cells whose column is gone."""
    rows = {
        row_id: msgspec.structs.replace(
            row, cells={name: cell for name, cell in row.cells.items() if name in content.columns}
        )
        for row_id, row in content.rows.items()
    }
    return msgspec.structs.replace(content, rows=rows)


def _arrange(before: Fields, merged: Fields, patch: Fields) -> None:
    for name in ("columns", "rows"):
        arrange(before.get(name), merged.get(name), patch.get(name), f"content.{name}")
    _forget_cells(before.get("columns"), merged.get("columns"), merged.get("rows"))


def _forget_cells(before: Json, columns: Json, rows: Json) -> None:
    """Take the cells of a column that the patch removes with it."""
    if not (isinstance(before, dict) and isinstance(columns, dict) and isinstance(rows, dict)):
        return
    for row in rows.values():
        cells = row.get("cells") if isinstance(row, dict) else None
        if isinstance(cells, dict):
            for column_id in before.keys() - columns:
                cells.pop(column_id, None)


def _text(content: TableViewContent) -> Iterable[str]:
    columns = in_order(content.columns)
    yield from (column.name for _, column in columns)
    for _, row in in_order(content.rows):
        for column_id, _ in columns:
            cell = row.cells.get(column_id)
            if isinstance(cell, str):
                yield cell
            elif isinstance(cell, list):
                yield from cell


KIND = Kind("table_view", TableViewContent, text=_text, check=_check, tidy=_tidy, arrange=_arrange)
