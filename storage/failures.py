"""Translates what SQLAlchemy and the drivers raise into `storage.errors`. Decides, but acts on nothing."""

import re
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

import asyncpg
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
    except IntegrityError as error:
        raise ConstraintError(_constraint(error)) from error
    except PoolTimeout as error:
        raise StoreUnavailableError(f"the database {label} is busy: no connection became free") from error
    except DBAPIError as error:
        if is_passing(error):
            raise StoreUnavailableError(
                f"the database {label} failed: {one_line(error.orig or error)}"
            ) from error
        raise
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, sqlite3.OperationalError) as error:
        # Not every path of the drivers goes through SQLAlchemy's wrapping, for instance a lost connection.
        if is_passing(error):
            raise StoreUnavailableError(f"the database {label} failed: {one_line(error)}") from error
        raise


def is_passing(error: BaseException) -> bool:
    """Tell whether the fault is the database's condition, which may pass, and not the statement's."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
            return True
        return _is_passing_state(getattr(error.orig, "sqlstate", None))
    if isinstance(error, asyncpg.PostgresError):
        return _is_passing_state(getattr(error, "sqlstate", None))
    return isinstance(
        error, OSError | sqlite3.OperationalError | asyncpg.InterfaceError | StoreUnavailableError
    )


def one_line(error: BaseException) -> str:
    """Return the first line of a message, or the error's kind when it has none."""
    text = str(error).strip()
    # SQLAlchemy's adapters put the driver's class before the message.
    text = re.sub(r"^<class '[^']*'>: ", "", text)
    return text.splitlines()[0] if text else type(error).__name__


def _is_passing_state(state: str | None) -> bool:
    return state is not None and (state.startswith(_PASSING_CLASSES) or state in _PASSING_STATES)


def _constraint(error: IntegrityError) -> str | None:
    """Find the name of the violated constraint; SQLite tells only columns for unique ones."""
    driver = error.orig.__cause__ if error.orig is not None else None
    name = getattr(driver, "constraint_name", None)
    if isinstance(name, str):
        return name
    message = str(error.orig)
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
