"""The table of client ids: first come, first served, and saved before anything counts on it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from server.background.forgetting import ANNOUNCED_FOR, Forgetting
from storage.client_ids import ClientIdTable
from storage.engine import Database
from storage.errors import ConstraintError, LogClosedError, StorageError, StoreUnavailableError
from storage.unit_of_work import UnitOfWork

PAGE, OTHER = "page:a", "page:b"


async def create(database: Database) -> None:
    async with database.transaction() as uow:
        await uow.documents.create(PAGE, None)
        await uow.documents.create(OTHER, None)


class Failing(Database):
    """Raises the errors in `failures` first, one a transaction, and counts all of them."""

    def __init__(self, url: str, *failures: StorageError) -> None:
        super().__init__(url)
        self.failures = list(failures)
        self.transactions = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[UnitOfWork]:
        self.transactions += 1
        if self.failures:
            raise self.failures.pop(0)
        async with super().transaction() as uow:
            yield uow


class Sleeps:
    """Takes the place of time: remembers, and goes on when it is let."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.began = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.began.set()


async def test_A7_whoever_was_first_stays_the_owner(database: Database) -> None:
    await create(database)
    async with ClientIdTable(database) as table, ClientIdTable(database) as other:
        assert await table.load(PAGE) == []
        assert await table.bind(PAGE, [(5, "user:ann", False), (2**53 - 1, "user:ann", True)]) == []
        assert await other.bind(PAGE, [(5, "user:eve", True), (6, "user:eve", True)]) == [
            (5, "user:ann", False)
        ]
        assert await other.bind(OTHER, [(5, "user:eve", True)]) == []
        assert await table.bind(PAGE, [(5, "user:ann", True)]) == []
        assert await table.bind(PAGE, [(5, "user:ann", False)]) == []
        bound = [(5, "user:ann", True), (6, "user:eve", True), (2**53 - 1, "user:ann", True)]
        assert sorted(await other.load(PAGE)) == bound
        assert await table.load("page:none") == []


async def test_A7_many_at_once_are_one_transaction(database_url: str) -> None:
    async with Failing(database_url) as database:
        await create(database)
        database.transactions = 0
        async with ClientIdTable(database) as table:
            bound = [
                table.bind(
                    document, [(client_id, f"user:{client_id}", True) for client_id in range(start, 2000)]
                )
                for document in (PAGE, OTHER, "page:none")
                for start in (0, 1000)
            ]
            assert await asyncio.gather(*bound) == [[]] * 6
            assert database.transactions == 1
            assert len(await table.load(PAGE)) == len(await table.load(OTHER)) == 2000


async def test_A7_D5_a_failing_store_is_tried_again(database_url: str) -> None:
    sleeps = Sleeps()
    async with Failing(database_url) as database:
        await create(database)
        database.failures += [StoreUnavailableError("down"), StoreUnavailableError("down")]
        async with ClientIdTable(database, sleep=sleeps) as table:
            assert await table.bind(PAGE, [(5, "user:ann", True)]) == []
            assert sleeps.seconds == [1.0, 1.0]
            assert await table.load(PAGE) == [(5, "user:ann", True)]


async def test_A7_what_a_database_refuses_for_good_is_told(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Failing(database_url) as database:
        await create(database)
        database.failures += [ConstraintError("something")]
        async with ClientIdTable(database) as table:
            with pytest.raises(ConstraintError):
                await table.bind(PAGE, [(5, "user:ann", True)])
            assert await table.bind(PAGE, [(5, "user:ann", True)]) == []
    assert "cannot be saved" in caplog.text


async def test_A7_what_cannot_be_saved_before_the_end_fails(sqlite_url: str) -> None:
    never = asyncio.Event()
    asleep = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await never.wait()

    async with Failing(sqlite_url) as database:
        await create(database)
        database.failures += [StoreUnavailableError("down")]
        async with ClientIdTable(database, close_seconds=0.01, sleep=sleep) as table:
            bound = table.bind(PAGE, [(5, "user:ann", True)])
            await asleep.wait()
        with pytest.raises(LogClosedError):
            await bound
        with pytest.raises(LogClosedError):
            await table.bind(PAGE, [(5, "user:ann", True)])


async def test_A7_what_was_only_announced_is_forgotten_after_a_while(database: Database) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    database.clock = lambda: now
    await create(database)
    async with ClientIdTable(database) as table:
        await table.bind(PAGE, [(5, "user:ann", False), (6, "user:ann", True)])
        now += ANNOUNCED_FOR
        await table.bind(PAGE, [(7, "user:ann", False)])
        await Forgetting(database).forget()
        assert len(await table.load(PAGE)) == 3
        now += timedelta(seconds=1)
        await Forgetting(database).forget()
        assert sorted(await table.load(PAGE)) == [(6, "user:ann", True), (7, "user:ann", False)]


async def test_A7_forgetting_goes_on_after_a_failure(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Enough(Exception):
        pass

    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise Enough

    async with Failing(database_url, StoreUnavailableError("down")) as database:
        with pytest.raises(Enough):
            await Forgetting(database, sleep=sleep).run()
        assert database.transactions == 2
    assert "cannot be forgotten" in caplog.text
