"""What every update log promises of epochs (D7): nothing of an earlier one gets into a later one."""

import pytest

from storage.errors import UnknownDocumentError
from storage.update_log import UpdateLog
from tests.contracts.conftest import ANN, OTHER, PAGE, Setting


async def test_D7_heads_tell_the_epoch_and_the_newest_position(setting: Setting, log: UpdateLog):
    await log.append(PAGE, [(b"1", ANN), (b"2", ANN)])
    assert await log.heads([PAGE, OTHER, "page:unknown"]) == {
        PAGE: (await setting.epoch(PAGE), 2),
        OTHER: (await setting.epoch(OTHER), 0),
    }
    assert await log.heads([]) == {}


async def test_D7_another_epoch_begins_with_an_empty_log(setting: Setting, log: UpdateLog):
    before = await setting.epoch(PAGE)
    await log.append(PAGE, [(b"1", ANN), (b"2", ANN)])
    await log.save_snapshot(PAGE, 2, b"state")
    await setting.reset(PAGE)
    after = await setting.epoch(PAGE)
    assert after != before
    assert await log.load(f"{PAGE}#{after}") == (0, None, [])
    assert await log.append(f"{PAGE}#{after}", [(b"new", ANN)]) == 1
    assert await log.load(PAGE) == (1, None, [b"new"])
    assert await log.append(OTHER, [(b"x", ANN)]) == 1


async def test_D7_nothing_is_written_into_another_epoch(setting: Setting, log: UpdateLog):
    ended = f"{PAGE}#{await setting.epoch(PAGE)}"
    assert await log.append(ended, [(b"1", ANN)]) == 1
    await setting.reset(PAGE)
    late = [log.append(ended, [(b"late", ANN)]), log.append(OTHER, [(b"x", ANN)])]
    with pytest.raises(UnknownDocumentError):
        await late[0]
    assert await late[1] == 1, "another document is not concerned"
    with pytest.raises(UnknownDocumentError):
        await log.save_snapshot(ended, 1, b"state")
    assert await log.load(PAGE) == (0, None, [])


async def test_D7_nothing_is_read_of_another_epoch(setting: Setting, log: UpdateLog):
    ended = f"{PAGE}#{await setting.epoch(PAGE)}"
    await log.append(ended, [(b"1", ANN)])
    assert await log.load(ended) == (1, None, [b"1"])
    assert await log.read_rows(ended, 0, 1) == [b"1"]
    await setting.reset(PAGE)
    await log.append(PAGE, [(b"1", ANN)])
    for read in (log.load(ended), log.read_at(ended, 1), log.read_rows(ended, 0, 1), log.extent(ended)):
        with pytest.raises(UnknownDocumentError):
            await read


async def test_D7_of_two_addresses_of_one_document_in_one_commit_only_one_is_taken(
    setting: Setting, log: UpdateLog
):
    fenced = f"{PAGE}#{await setting.epoch(PAGE)}"
    done = [log.append(PAGE, [(b"1", ANN)]), log.append(fenced, [(b"2", ANN)])]
    found = [await log.append(OTHER, [(b"x", ANN)]), *[future.exception() for future in done]]
    assert sum(isinstance(error, UnknownDocumentError) for error in found) == 1
    assert len(await setting.rows(PAGE)) == 1
