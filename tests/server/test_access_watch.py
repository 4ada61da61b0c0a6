"""What becomes of changes of access that cannot be read for a while."""

from collections.abc import Container
from datetime import timedelta
from typing import Any, cast

import pytest

from crdt.hub import Hub
from server.background.access_watch import FORGET_AFTER, LOOK_BACK, AccessWatch
from storage.engine import Database
from storage.errors import StoreUnavailableError
from storage.event_feed import EventFeed
from storage.looks import Look
from tests.server.conftest import Clock


class Door:
    """Remembers, as the hub and as the feed, on whom it was to decide anew."""

    def __init__(self) -> None:
        self.reviewed: list[Container[str]] = []
        self.feed_reviews = 0

    def peers(self, prefix: str) -> dict[str, int]:
        return {}

    def review(self, targets: Container[str] | None = None) -> None:
        if targets is None:
            self.feed_reviews += 1
        else:
            self.reviewed.append(targets)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def watch(database: Database, clock: Clock, door: Door) -> AccessWatch:
    database.clock = clock
    return AccessWatch(database, cast(Hub, door), cast(EventFeed, door))


async def note(database: Database, target: str) -> None:
    async with database.transaction() as uow:
        uow.access_changes.note(target)


async def fail_for(watch: AccessWatch, clock: Clock, age: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the database be away for so long."""

    async def look(self: Database, look: Look[Any], **parameters: object) -> object:
        raise StoreUnavailableError("away")

    with monkeypatch.context() as away:
        away.setattr(Database, "look", look)
        with pytest.raises(StoreUnavailableError):
            await watch.look()
        clock.forward(seconds=age.total_seconds())
        with pytest.raises(StoreUnavailableError):
            await watch.look()


async def test_A3_what_is_noted_is_told_once(
    database: Database, watch: AccessWatch, door: Door, clock: Clock
):
    await note(database, "user:1")
    for _ in range(3):
        await watch.look()
        clock.forward(seconds=1)
    assert (door.reviewed, door.feed_reviews) == ([{"user:1"}], 1)


async def test_A3_what_could_not_be_read_for_long_is_not_lost(
    database: Database, watch: AccessWatch, door: Door, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    await watch.look()
    await note(database, "user:1")
    await fail_for(watch, clock, 10 * LOOK_BACK, monkeypatch)
    await watch.look()
    assert door.reviewed == [{"user:1"}]


async def test_A3_where_some_may_be_forgotten_everybody_is_decided_on_anew(
    watch: AccessWatch, door: Door, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    await watch.look()
    await fail_for(watch, clock, FORGET_AFTER, monkeypatch)
    await watch.look()
    await watch.look()
    [targets] = door.reviewed
    assert "user:1" in targets
    assert door.feed_reviews == 1
