"""What every update log promises about the past (D8): memory, SQLite and Postgres alike."""

import pytest

from storage.errors import (
    CorruptDocumentError,
    PruneRefusedError,
    UnknownDocumentError,
    UnknownPositionError,
)
from storage.update_log import UpdateLog
from tests.contracts.conftest import ANN, PAGE, Setting


async def write(log: UpdateLog, count: int) -> None:
    """Append rows `1`, `2` and so on."""
    _, head = await log.extent(PAGE)
    await log.append(PAGE, [(b"%d" % n, ANN) for n in range(head + 1, head + count + 1)])


def rows(first: int, last: int) -> list[bytes]:
    return [b"%d" % n for n in range(first, last + 1)]


async def test_D8_every_position_is_read_from_the_newest_snapshot_before_it(log: UpdateLog):
    await write(log, 6)
    await log.save_snapshot(PAGE, 2, b"two")
    await log.save_snapshot(PAGE, 4, b"four")
    for position, snapshot, first in ((0, None, 1), (1, None, 1), (2, b"two", 3), (3, b"two", 3)):
        assert await log.read_at(PAGE, position) == (position, snapshot, rows(first, position))
    assert await log.read_at(PAGE, 4) == (4, b"four", [])
    assert await log.read_at(PAGE, 6) == (6, b"four", rows(5, 6))
    assert await log.read_rows(PAGE, 1, 5) == rows(2, 5)
    assert await log.read_rows(PAGE, 6, 6) == []
    assert await log.extent(PAGE) == (0, 6)


@pytest.mark.parametrize("position", [-1, 7])
async def test_D8_a_position_that_was_never_reached_is_unknown(log: UpdateLog, position: int):
    await write(log, 6)
    with pytest.raises(UnknownPositionError):
        await log.read_at(PAGE, position)
    with pytest.raises(UnknownPositionError):
        await log.read_rows(PAGE, 0, position)


async def test_D8_the_past_of_an_unknown_document_is_unknown(log: UpdateLog):
    for reading in (
        log.extent("page:unknown"),
        log.read_at("page:unknown", 0),
        log.read_rows("page:unknown", 0, 0),
        log.prune("page:unknown", 1, limit=1),
    ):
        with pytest.raises(UnknownDocumentError):
            await reading


async def test_D6_a_gap_in_the_past_is_damage(setting: Setting, log: UpdateLog):
    await write(log, 4)
    await setting.lose_row(PAGE, 2)
    for reading in (log.read_at(PAGE, 3), log.read_rows(PAGE, 1, 4)):
        with pytest.raises(CorruptDocumentError, match="the first at 2"):
            await reading
    assert await log.read_rows(PAGE, 2, 4) == rows(3, 4)


async def test_D8_pruning_goes_in_small_steps_and_leaves_what_can_be_read(setting: Setting, log: UpdateLog):
    await write(log, 7)
    for position in (2, 5, 6):
        await log.save_snapshot(PAGE, position, b"at %d" % position)
    assert [await log.prune(PAGE, 5, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert [row[0] for row in await setting.rows(PAGE)] == [6, 7]
    assert await setting.snapshots(PAGE) == [5, 6]
    assert await log.extent(PAGE) == (5, 7)
    assert await log.load(PAGE) == (7, b"at 6", rows(7, 7))
    assert await log.read_at(PAGE, 5) == (5, b"at 5", [])
    assert await log.read_rows(PAGE, 5, 7) == rows(6, 7)
    assert await log.read_at(PAGE, 0) == (0, None, []), "a document began empty, whatever was pruned"
    for reading in (log.read_at(PAGE, 4), log.read_rows(PAGE, 4, 7)):
        with pytest.raises(UnknownPositionError):
            await reading
    await write(log, 1)
    assert await log.load(PAGE) == (8, b"at 6", rows(7, 8))


async def test_D8_the_past_is_whole_between_the_steps_of_pruning(log: UpdateLog):
    await write(log, 7)
    await log.save_snapshot(PAGE, 5, b"at 5")
    await log.prune(PAGE, 5, limit=2)
    with pytest.raises(UnknownPositionError):
        await log.read_at(PAGE, 4)
    assert await log.read_at(PAGE, 6) == (6, b"at 5", rows(6, 6))


async def test_D6_a_gap_behind_what_was_pruned_is_damage(setting: Setting, log: UpdateLog):
    await write(log, 7)
    await log.save_snapshot(PAGE, 5, b"at 5")
    await log.prune(PAGE, 5, limit=100)
    await setting.lose_row(PAGE, 6)
    with pytest.raises(CorruptDocumentError, match="the first at 6"):
        await log.load(PAGE)


async def test_D8_nothing_is_pruned_without_a_snapshot_in_its_place(setting: Setting, log: UpdateLog):
    await write(log, 4)
    await log.save_snapshot(PAGE, 2, b"two")
    with pytest.raises(PruneRefusedError, match="no snapshot at 3"):
        await log.prune(PAGE, 3, limit=100)
    assert await log.extent(PAGE) == (0, 4)
    assert len(await setting.rows(PAGE)) == 4


async def test_D8_a_named_version_stays_readable(setting: Setting, log: UpdateLog):
    await setting.name_version(PAGE)
    await write(log, 3)
    await setting.name_version(PAGE)
    await write(log, 3)
    await log.save_snapshot(PAGE, 2, b"two")
    await log.save_snapshot(PAGE, 6, b"six")
    with pytest.raises(PruneRefusedError, match="no snapshot at 3"):
        await log.prune(PAGE, 6, limit=100)
    await log.save_snapshot(PAGE, 3, b"three")
    assert await log.prune(PAGE, 6, limit=100) == 6
    assert await setting.snapshots(PAGE) == [3, 6]
    assert await log.read_at(PAGE, 3) == (3, b"three", [])
    with pytest.raises(UnknownPositionError):
        await log.read_at(PAGE, 4)
