"""Wires everything: the only place that knows which implementation stands behind which port.

`open_services` builds what a process needs and closes it in the opposite order. Tests pass other parts in.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec

from server.auth import DatabaseAccess
from server.data_folder import Secrets
from server.login_limits import LoginLimits
from server.passwords import Passwords
from server.settings import Settings
from server.sign_in import Accounts
from server.tokens import Tokens
from storage.engine import Database

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What the edges work with."""

    settings: Settings
    clock: Clock
    database: Database
    accounts: Accounts
    access: DatabaseAccess
    login_limits: LoginLimits


@asynccontextmanager
async def open_services(
    settings: Settings, secrets: Secrets, *, clock: Clock = utc_now, database: Database | None = None
) -> AsyncGenerator[Services]:
    """Build the services of one process; a `database` that is passed in is open and stays so.

    Raises storage's errors when the database cannot be opened. Its tables must be there already, or be made
    before the first use (`storage.migrations`).
    """
    async with AsyncExitStack() as stack:
        if database is None:
            database = await stack.enter_async_context(open_database(settings, clock))
        passwords = Passwords(
            concurrency=settings.password_hash_concurrency,
            memory_kib=settings.password_hash_memory_kib,
            passes=settings.password_hash_passes,
        )
        stack.callback(passwords.close)
        tokens = Tokens(secrets.access_token_key, lifetime=timedelta(minutes=settings.access_token_minutes))
        yield Services(
            settings=settings,
            clock=clock,
            database=database,
            accounts=Accounts(
                database,
                passwords,
                tokens,
                clock,
                refresh_lifetime=timedelta(days=settings.refresh_token_days),
            ),
            access=DatabaseAccess(database, tokens, clock),
            login_limits=LoginLimits(
                per_account=settings.login_attempts_per_account,
                per_address=settings.login_attempts_per_address,
                window_minutes=settings.login_window_minutes,
                clock=clock,
            ),
        )


def open_database(settings: Settings, clock: Clock = utc_now) -> Database:
    """Return the database of the settings, to be opened with `async with`."""
    return Database(settings.effective_database_url, durability=settings.durability, clock=clock)
