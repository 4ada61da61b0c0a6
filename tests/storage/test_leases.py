"""Leases: one holder at a time, and one transaction for all that is asked at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.engine import Database
from storage.errors import StorageError
from storage.lease_table import LeaseTable

SOON = timedelta(seconds=15)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 29, tzinfo=UTC)
        self.asked = 0

    def __call__(self) -> datetime:
        self.asked += 1
        return self.now


@pytest.fixture
def clock(database: Database) -> Clock:
    clock = database.clock = Clock()
    return clock


async def test_a_lease_is_its_holders_until_it_ends_or_is_given_back(database: Database, clock: Clock):
    table = LeaseTable.of(database)
    assert await table.acquire("job", "a", SOON)
    assert not await table.acquire("job", "b", SOON)
    clock.now += SOON / 2
    assert await table.acquire("job", "a", SOON), "renewed"
    clock.now += SOON / 2
    assert not await table.acquire("job", "b", SOON)
    clock.now += SOON / 2
    assert await table.acquire("job", "b", SOON), "it has ended"
    await table.release("job", "a")
    assert not await table.acquire("job", "a", SOON), "it was not a's to give back"
    await table.release("job", "b")
    assert await table.acquire("job", "a", SOON)


async def test_what_is_asked_at_once_is_one_transaction(database: Database, clock: Clock):
    table = LeaseTable.of(database)
    names = [f"job-{n}" for n in range(20)]
    assert all(await asyncio.gather(*(table.acquire(name, "a", SOON) for name in names)))
    assert clock.asked == 1
    answers = await asyncio.gather(
        *(table.release(name, "a") for name in names[:10]),
        *(table.acquire(name, "b", SOON) for name in names),
    )
    assert answers[10:] == [True] * 10 + [False] * 10, "in the order of asking"


async def test_of_two_who_ask_for_one_lease_at_once_the_first_has_it(database: Database, clock: Clock):
    table = LeaseTable.of(database)
    assert await asyncio.gather(*(table.acquire("job", holder, SOON) for holder in "ab")) == [True, False]


async def test_everybody_is_told_of_a_database_that_fails(tmp_path: Path):
    async with Database(f"sqlite:///{tmp_path / 'empty.db'}") as database:
        table = LeaseTable.of(database)
        found = await asyncio.gather(
            *(table.acquire(name, "a", SOON) for name in "ab"), return_exceptions=True
        )
        assert all(isinstance(error, StorageError) for error in found)
