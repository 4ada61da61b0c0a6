"""What every update log promises: one suite for the store in memory, in SQLite and in Postgres."""

import asyncio

import pytest

from storage.errors import (
    CorruptDocumentError,
    LogClosedError,
    SnapshotBeyondLogError,
    StoreUnavailableError,
    UnknownDocumentError,
)
from storage.update_log import UpdateLog
from tests.contracts.conftest import ANN, OTHER, PAGE, Setting
from tests.fakes.update_log import FailingStore, HeldStore


class Sleeps:
    """Takes the place of time: returns at once and remembers."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


async def test_D1_the_log_holds_the_raw_bytes_and_their_authors(setting: Setting, log: UpdateLog):
    rows = [(b"", ANN), (b"\x00\x01\xff", "agent:2|run:7"), (bytes(range(256)) * 300, ANN), (b"a:b c", ANN)]
    assert await log.append(PAGE, rows) == 4
    assert await setting.rows(PAGE) == [(n, *row) for n, row in enumerate(rows, start=1)]
    assert await log.load(PAGE) == (4, None, [row[0] for row in rows])


async def test_D1_positions_are_gapless_in_the_order_of_the_calls(setting: Setting, log: UpdateLog):
    first = log.append(PAGE, [(b"1", ANN)])
    elsewhere = log.append(OTHER, [(b"x", ANN)])
    second = log.append(PAGE, [(b"2", ANN), (b"3", ANN)])
    assert await asyncio.gather(first, elsewhere, second) == [1, 1, 3]
    assert await log.append(PAGE, [(b"4", ANN)]) == 4
    assert [row[:2] for row in await setting.rows(PAGE)] == [(1, b"1"), (2, b"2"), (3, b"3"), (4, b"4")]


async def test_D2_one_who_cannot_bear_what_is_told_keeps_it_from_no_other(
    log: UpdateLog, caplog: pytest.LogCaptureFixture
):
    told: list[int | Exception] = []

    def break_down(_: int | Exception) -> None:
        raise ArithmeticError

    log.submit(PAGE, [(b"1", ANN)], break_down)
    log.submit(PAGE, [(b"2", ANN)], told.append)
    log.submit("page:none", [(b"x", ANN)], told.append)
    assert not told
    assert await log.append(PAGE, [(b"3", ANN)]) == 3
    assert told[0] == 2
    assert [type(each) for each in told] == [int, UnknownDocumentError]
    assert "could not be told" in caplog.text


async def test_D1_many_concurrent_appenders_each_keep_their_order(setting: Setting, log: UpdateLog):
    async def write(document: str, author: str) -> list[int]:
        return [await log.append(document, [(f"{author}{n}".encode(), author)]) for n in range(20)]

    authors = [(document, f"user:{n}") for n in range(10) for document in (PAGE, OTHER)]
    positions = await asyncio.gather(*(write(*author) for author in authors))
    for document in (PAGE, OTHER):
        stored = await setting.rows(document)
        assert [row[0] for row in stored] == list(range(1, 201))
        for (its_document, author), its_positions in zip(authors, positions, strict=True):
            if its_document == document:
                expected = [(its_positions[n], f"{author}{n}".encode(), author) for n in range(20)]
                assert [row for row in stored if row[2] == author] == expected


async def test_D1_two_processes_write_one_document_without_a_gap(setting: Setting):
    async def write(log: UpdateLog, author: str) -> list[int]:
        # Documents in opposite order, which must not make the two wait for each other in a circle.
        both = (PAGE, OTHER) if author == ANN else (OTHER, PAGE)
        found: list[int] = []
        for n in range(30):
            done = [log.append(document, [(b"%d" % n, author), (b"-", author)]) for document in both]
            found.extend(await asyncio.gather(*done))
        return found

    async with UpdateLog(setting.store()) as one, UpdateLog(setting.store()) as two:
        await asyncio.gather(write(one, ANN), write(two, "user:bob"))
        for document in (PAGE, OTHER):
            stored = await setting.rows(document)
            assert [row[0] for row in stored] == list(range(1, 121))
            for author in (ANN, "user:bob"):
                mine = [row[1] for row in stored if row[2] == author and row[1] != b"-"]
                assert mine == [b"%d" % n for n in range(30)]
            assert (await one.load(document))[0] == 120


async def test_D2_ack_follows_a_commit_that_others_can_see(setting: Setting, log: UpdateLog, held: HeldStore):
    held.hold()
    done = log.append(PAGE, [(b"1", ANN)])
    await held.arrived.wait()
    assert await setting.rows(PAGE) == []
    assert not done.done()
    held.release()
    assert await done == 1
    assert await setting.rows(PAGE) == [(1, b"1", ANN)]


async def test_D3_one_commit_carries_what_gathered_over_all_documents(log: UpdateLog, held: HeldStore):
    held.hold()
    done = [log.append(PAGE, [(b"1", ANN)])]
    await held.arrived.wait()
    # While the first is on its way, these gather.
    done += [
        log.append(PAGE, [(b"2", ANN)]),
        log.append(OTHER, [(b"x", ANN)]),
        log.append(PAGE, [(b"3", ANN)]),
    ]
    assert log.statistics().pending_rows == 4
    held.release()
    assert await asyncio.gather(*done) == [1, 2, 1, 3]
    assert held.batches == [
        {PAGE: [(b"1", ANN)]},
        {PAGE: [(b"2", ANN), (b"3", ANN)], OTHER: [(b"x", ANN)]},
    ]


async def test_D3_edits_gather_for_a_moment_after_a_commit_that_carried_many(
    setting: Setting, held: HeldStore
):
    async with UpdateLog(held, gather_seconds=0.5) as log:
        await asyncio.gather(*(log.append(PAGE, [(b"1", ANN)]) for _ in range(1000)))
        done = [log.append(PAGE, [(b"2", ANN)])]
        for _ in range(20):
            await asyncio.sleep(0)
        done.append(log.append(OTHER, [(b"x", ANN)]))
        assert len(held.batches) == 1
    assert [future.result() for future in done] == [1001, 1]
    assert held.batches[1:] == [{PAGE: [(b"2", ANN)], OTHER: [(b"x", ANN)]}]


async def test_D3_a_group_has_a_limit(log: UpdateLog, held: HeldStore):
    big = b"x" * (9 * 1024 * 1024)
    done = [log.append(PAGE, [(big, ANN)]) for _ in range(2)]
    assert await asyncio.gather(*done) == [1, 2]
    assert len(held.batches) == 2


async def test_D3_statistics_tell_what_is_committed_and_what_waits(log: UpdateLog):
    await log.append(PAGE, [(b"1", ANN), (b"2", ANN)])
    done = log.append(PAGE, [(b"345", ANN)])
    now = log.statistics()
    assert (now.commits, now.rows, now.pending_rows, now.pending_bytes) == (1, 2, 1, 3)
    assert now.last_commit_seconds > 0
    await done
    await log.append(PAGE, [(b"6", ANN)])
    assert log.statistics().pending_rows in {0, 1}  # the last one leaves the queue in the next turn


async def test_D4_a_snapshot_is_loaded_with_the_rows_after_it(setting: Setting, log: UpdateLog):
    await log.append(PAGE, [(b"%d" % n, ANN) for n in range(1, 6)])
    await log.save_snapshot(PAGE, 2, b"\x00one-two")
    assert await log.load(PAGE) == (5, b"\x00one-two", [b"3", b"4", b"5"])
    await log.save_snapshot(PAGE, 5, b"")
    assert await log.load(PAGE) == (5, b"", [])
    assert await log.append(PAGE, [(b"6", ANN)]) == 6
    assert await log.load(PAGE) == (6, b"", [b"6"])
    assert len(await setting.rows(PAGE)) == 6, "history is kept"


async def test_D4_saving_again_replaces_the_state(log: UpdateLog):
    await log.append(PAGE, [(b"1", ANN)])
    await log.save_snapshot(PAGE, 1, b"old")
    await log.save_snapshot(PAGE, 1, b"new")
    assert await log.load(PAGE) == (1, b"new", [])


async def test_D4_an_empty_document_loads_as_empty(log: UpdateLog):
    assert await log.load(PAGE) == (0, None, [])


async def test_D5_a_failing_store_is_retried_in_order_and_nothing_is_committed_twice(setting: Setting):
    sleeps = Sleeps()
    store = FailingStore(setting.store(), *[StoreUnavailableError("gone")] * 8)
    async with UpdateLog(store, sleep=sleeps) as log:
        first = log.append(PAGE, [(b"1", ANN)])
        await asyncio.sleep(0)
        later = [log.append(PAGE, [(b"%d" % n, ANN)]) for n in range(2, 20)]
        assert await asyncio.gather(first, *later) == list(range(1, 20))
        assert sleeps.seconds == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
        assert [row[1] for row in await setting.rows(PAGE)] == [b"%d" % n for n in range(1, 20)]
        assert not log.statistics().is_failing


async def test_D5_an_outage_is_logged_once(setting: Setting, caplog: pytest.LogCaptureFixture):
    store = FailingStore(setting.store(), *[StoreUnavailableError("the disk is full")] * 4)
    async with UpdateLog(store, sleep=Sleeps()) as log:
        await log.append(PAGE, [(b"1", ANN)])
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "the disk is full" in caplog.text


async def test_D5_a_log_that_closes_while_its_store_fails_acknowledges_nothing(setting: Setting):
    async def never(seconds: float) -> None:
        await asyncio.Event().wait()

    store = FailingStore(setting.store(), StoreUnavailableError("gone"))
    async with UpdateLog(store, close_seconds=0.01, sleep=never) as log:
        done = [log.append(PAGE, [(b"1", ANN)]), log.append(OTHER, [(b"1", ANN)])]
    for future in done:
        with pytest.raises(LogClosedError):
            future.result()
    assert await setting.rows(PAGE) == []
    assert log.statistics().pending_rows == 0


async def test_D2_closing_commits_everything_that_was_appended(setting: Setting):
    async with UpdateLog(setting.store()) as log:
        done = [log.append(PAGE, [(b"%d" % n, ANN)]) for n in range(50)]
    assert [future.result() for future in done] == list(range(1, 51))
    assert len(await setting.rows(PAGE)) == 50
    with pytest.raises(LogClosedError):
        await log.append(PAGE, [(b"late", ANN)])


async def test_D2_cancelling_a_waiter_neither_loses_its_rows_nor_disturbs_others(
    setting: Setting, log: UpdateLog, held: HeldStore
):
    held.hold()
    cancelled = log.append(PAGE, [(b"1", ANN)])
    other = log.append(PAGE, [(b"2", ANN)])
    cancelled.cancel()
    held.release()
    assert await other == 2
    assert [row[1] for row in await setting.rows(PAGE)] == [b"1", b"2"]


async def test_D6_an_unknown_document_is_an_error_and_never_empty(log: UpdateLog):
    with pytest.raises(UnknownDocumentError):
        await log.load("page:unknown")
    with pytest.raises(LookupError):
        await log.save_snapshot("page:unknown", 1, b"state")


@pytest.mark.parametrize("position", [1, 2, 3])
async def test_D6_a_lost_row_is_damage(setting: Setting, log: UpdateLog, position: int):
    await log.append(PAGE, [(b"1", ANN), (b"2", ANN), (b"3", ANN)])
    await setting.lose_row(PAGE, position)
    with pytest.raises(CorruptDocumentError, match=f"the first at {position}"):
        await log.load(PAGE)


async def test_D6_rows_or_a_snapshot_beyond_the_head_are_damage(setting: Setting, log: UpdateLog):
    await log.append(PAGE, [(b"1", ANN), (b"2", ANN), (b"3", ANN)])
    await setting.set_head(PAGE, 2)
    with pytest.raises(CorruptDocumentError, match="rows up to 3"):
        await log.load(PAGE)
    await setting.set_head(PAGE, 3)
    await log.save_snapshot(PAGE, 3, b"state")
    await setting.set_head(PAGE, 2)
    with pytest.raises(CorruptDocumentError, match="a snapshot at 3"):
        await log.load(PAGE)


@pytest.mark.parametrize("position", [-1, 0, 2])
async def test_D6_a_snapshot_of_rows_that_are_not_committed_is_refused(log: UpdateLog, position: int):
    await log.append(PAGE, [(b"1", ANN)])
    with pytest.raises(SnapshotBeyondLogError):
        await log.save_snapshot(PAGE, position, b"state")
    assert await log.load(PAGE) == (1, None, [b"1"])


async def test_R7_an_unknown_document_fails_alone(setting: Setting, log: UpdateLog, held: HeldStore):
    done = [log.append(name, [(b"1", ANN)]) for name in (PAGE, "page:unknown", OTHER, "page:unknown")]
    found = await asyncio.gather(*done, return_exceptions=True)
    assert (found[0], found[2]) == (1, 1)
    assert isinstance(found[1], UnknownDocumentError)
    assert isinstance(found[3], UnknownDocumentError)
    assert len(held.batches) == 1
    with pytest.raises(UnknownDocumentError):
        await log.append("page:unknown", [(b"1", ANN)])
    assert await log.append(PAGE, [(b"2", ANN)]) == 2


async def test_R7_a_fault_in_a_store_fails_its_group_and_not_the_log(
    setting: Setting, caplog: pytest.LogCaptureFixture
):
    async with UpdateLog(FailingStore(setting.store(), RuntimeError("a fault"))) as log:
        with pytest.raises(RuntimeError, match="a fault"):
            await log.append(PAGE, [(b"1", ANN)])
        assert await log.append(PAGE, [(b"2", ANN)]) == 1
    assert "could not commit 1 appends" in caplog.text


async def test_rows_that_no_store_could_take_are_refused_at_the_door(log: UpdateLog):
    with pytest.raises(ValueError, match="nothing"):
        log.append(PAGE, [])
    for author in ("a\0b", "ü", "\ud800"):
        with pytest.raises(ValueError, match="ASCII"):
            log.append(PAGE, [(b"1", author)])
    assert await log.append(PAGE, [(b"1", ANN)]) == 1


async def test_D3_commits_are_counted_by_their_size_and_time(log: UpdateLog, held: HeldStore):
    held.hold()
    done = [log.append(PAGE, [(b"1", ANN)])]
    await held.arrived.wait()
    done += [log.append(PAGE, [(b"%d" % n, ANN)]) for n in range(3)]
    held.release()
    await asyncio.gather(*done)
    rows, seconds = log.statistics().commit_rows, log.statistics().commit_seconds
    assert [(bound, n) for bound, n in zip(rows.bounds, rows.counts, strict=False) if n] == [(1, 1), (5, 1)]
    assert rows.total == 4
    assert sum(seconds.counts) == 2
    assert seconds.total > 0


async def test_D5_retries_are_counted(setting: Setting):
    store = FailingStore(setting.store(), *[StoreUnavailableError("gone")] * 3)
    async with UpdateLog(store, sleep=Sleeps()) as log:
        await log.append(PAGE, [(b"1", ANN)])
        assert log.statistics().retries == 3


async def test_D5_a_store_that_only_lets_wait_counts_as_failing(setting: Setting, held: HeldStore):
    async with UpdateLog(held, slow_seconds=0.0) as log:
        held.hold()
        done = log.append(PAGE, [(b"12", ANN)])
        await held.arrived.wait()
        assert log.backlog() == (True, 2)
        held.release()
        await done
        assert not log.statistics().is_failing
