"""Plain connections to SQLite. Owns the options that every connection to the file has; blocks."""

import sqlite3
from pathlib import Path
from typing import Literal

from storage.errors import StoreUnavailableError
from storage.failures import one_line

Durability = Literal["process", "power"]
"""What an acknowledged write survives on SQLite (D2): the process's death, or the machine's power cut too.

Postgres decides this by itself (`synchronous_commit`, `fsync`): its defaults survive both.
"""

BUSY_SECONDS = 5.0
"""How long to wait for a writer in another process before the database counts as locked."""


def pragmas(durability: Durability, busy_seconds: float) -> tuple[str, ...]:
    """Return what to run on each new connection."""
    return (
        f"PRAGMA synchronous = {'NORMAL' if durability == 'process' else 'FULL'}",
        "PRAGMA foreign_keys = ON",
        f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}",
    )


def connect(path: Path, durability: Durability, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a connection in autocommit mode (the caller says BEGIN), not bound to a thread."""
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        for pragma in pragmas(durability, busy_seconds):
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(path: Path, durability: Durability) -> None:
    """Create the file if it is missing, switch it to WAL, and find out now whether it can be written."""
    try:
        connection = connect(path, durability)
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        finally:
            connection.close()
    except sqlite3.Error as error:
        reason = one_line(error) if path.parent.is_dir() else f"there is no folder {path.parent}"
        raise StoreUnavailableError(f"cannot open the database {path}: {reason}") from error
    if mode != "wal":
        raise StoreUnavailableError(f"cannot open the database {path}: its file system does not allow WAL")
