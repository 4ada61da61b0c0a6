"""Plain connections to Postgres. Owns their options; gives asyncpg, which has no types, a typed face."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import asyncpg

from storage.errors import InvalidDatabaseUrlError, StoreUnavailableError
from storage.failures import one_line

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 60.0


class PostgresConnection(Protocol):
    """What IONFLUX uses of an asyncpg connection."""

    async def execute(self, query: str, *arguments: object) -> str:
        """Run statements and return the status of the last one."""
        ...

    async def fetch(self, query: str, *arguments: object) -> Sequence[Mapping[str, Any]]:
        """Run one statement and return its rows."""
        ...

    async def fetchrow(self, query: str, *arguments: object) -> Mapping[str, Any] | None:
        """Run one statement and return its first row."""
        ...

    async def fetchval(self, query: str, *arguments: object) -> Any:
        """Run one statement and return the first value of its first row."""
        ...

    async def add_listener(self, channel: str, callback: Callable[[object, int, str, str], None]) -> None:
        """Hear what is notified on a channel: (connection, pid, channel, payload)."""
        ...

    def add_termination_listener(self, callback: Callable[[object], None]) -> None:
        """Be told when the connection has ended, for whatever reason."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:
        """Say goodbye and close."""
        ...

    def is_closed(self) -> bool:
        """Tell whether the connection has ended, for whatever reason."""
        ...

    def terminate(self) -> None:
        """Drop the connection without a word."""
        ...


async def connect(dsn: str, label: str) -> PostgresConnection:
    """Open a connection; failures are `StorageError`s that call the database `label`."""
    try:
        connection = await asyncpg.connect(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - untyped
            dsn,
            timeout=cast(int, CONNECT_SECONDS),
            command_timeout=COMMAND_SECONDS,
            server_settings={"application_name": "ionflux", "timezone": "UTC"},
        )
    except ValueError as error:
        raise InvalidDatabaseUrlError(f"the address of the database {label}: {one_line(error)}") from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StoreUnavailableError(f"cannot reach the database {label}: {one_line(error)}") from error
    return cast(PostgresConnection, connection)
