"""Reads a few fields of many maps in one go.

pycrdt's own maps enter a transaction and wrap a type for each field that is read, which a page of ten
thousand blocks pays some hundred thousand times; what lies below them costs a sixth of that (pycrdt 0.14).
"""

from typing import Any

import pycrdt
from pycrdt import _pycrdt as native  # pyright: ignore[reportPrivateUsage]


def read_columns(
    doc: "pycrdt.Doc[Any]", root: str, *names: str
) -> list[tuple[str, tuple[object, ...] | None]]:
    """Return each key of a root that is a map, with these fields of the map that lies there.

    A field that is not there is None, one that is a shared type is some object of pycrdt's; in place of all
    fields there is None where no map lies.
    """
    found: list[tuple[str, tuple[object, ...] | None]] = []
    with doc.transaction() as outer:
        transaction: Any = outer._txn  # pyright: ignore[reportPrivateUsage]
        entries: Any = doc.get(root, type=pycrdt.Map[Any]).integrated
        for key in [*entries.keys(transaction)]:
            fields: Any = entries.get(transaction, key)
            is_map = isinstance(fields, native.Map)
            found.append(
                (key, tuple(_field(fields, transaction, name) for name in names) if is_map else None)
            )
    return found


def _field(fields: Any, transaction: Any, name: str) -> object:
    return fields.get(transaction, name) if fields.has(transaction, name) else None
