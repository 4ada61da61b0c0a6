"""Translates what SQLAlchemy and the drivers raise into `storage.errors`. Decides, but acts on nothing."""

import re
import sqlite3
import sys
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from storage.errors import ConstraintError, StoreUnavailableError
from storage.models import Model

# Classes of SQLSTATE that another try may not meet: connection, rollback by the server, resources, operator
# intervention, system error; and single states: read-only server, lock not available.
_PASSING_CLASSES = ("08", "40", "53", "57", "58")
_PASSING_STATES = ("25006", "55P03")


@contextmanager
def translated(label: str) -> Generator[None]:
    """Turn a failure of the database called `label` into a `StorageError`; let everything else through."""
    try:
        yield
    except (
        IntegrityError,
        sqlite3.IntegrityError,
        *_of_asyncpg("IntegrityConstraintViolationError"),
    ) as error:
        raise ConstraintError(_constraint(error)) from error
    except PoolTimeout as error:
        raise StoreUnavailableError(f"the database {label} is busy: no connection became free") from error
    except (DBAPIError, sqlite3.Error, *_of_asyncpg("PostgresError", "InterfaceError"), OSError) as error:
        # The drivers' own errors come from plain connections, and where SQLAlchemy does not wrap them.
        if not is_passing(error):
            raise
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        raise StoreUnavailableError(f"the database {label} failed: {one_line(cause)}") from error


def is_passing(error: BaseException) -> bool:
    """Tell whether the fault is the database's condition, which may pass, and not the statement's.

    Statements on plain connections are fixed, so there only their data can be at fault.
    """
    if isinstance(error, DBAPIError):
        if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
            return True
        state = getattr(error.orig, "sqlstate", None)
        return state is not None and (state.startswith(_PASSING_CLASSES) or state in _PASSING_STATES)
    if isinstance(error, _of_asyncpg("InterfaceError")):
        # A closed connection; but arguments that do not fit are an InterfaceError too, and a ValueError.
        return not isinstance(error, ValueError)
    if isinstance(error, _of_asyncpg("PostgresError")):
        return not isinstance(error, _of_asyncpg("DataError"))
    if isinstance(error, sqlite3.Error):
        return not isinstance(error, sqlite3.ProgrammingError | sqlite3.DataError)
    return isinstance(error, OSError)


def _of_asyncpg(*names: str) -> tuple[type[Exception], ...]:
    """Return errors of the driver of Postgres. Where it is not loaded there are none: nobody raised them."""
    driver = sys.modules.get("asyncpg")
    return tuple(getattr(driver, name) for name in names) if driver is not None else ()


def one_line(error: BaseException) -> str:
    """Return the first line of a message, or the error's kind when it has none."""
    text = str(error).strip()
    # SQLAlchemy's adapters put the driver's class before the message.
    text = re.sub(r"^<class '[^']*'>: ", "", text)
    return text.splitlines()[0] if text else type(error).__name__


def _constraint(error: Exception) -> str | None:
    """Find the name of the violated constraint; SQLite tells only columns for unique ones."""
    cause = error.orig if isinstance(error, IntegrityError) and error.orig is not None else error
    for known in (cause, cause.__cause__):
        name = getattr(known, "constraint_name", None)
        if isinstance(name, str):
            return name
    message = str(cause)
    if match := re.search(r"CHECK constraint failed: (\w+)", message):
        return match.group(1)
    if match := re.search(r"UNIQUE constraint failed: (.+)", message):
        return _unique_constraint_over(match.group(1).split(", "))
    return None


def _unique_constraint_over(columns: list[str]) -> str | None:
    for table in Model.metadata.tables.values():
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint) and sorted(
                f"{table.name}.{column.name}" for column in constraint.columns
            ) == sorted(columns):
                return str(constraint.name)
    return None
