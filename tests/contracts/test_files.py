"""What every place for files promises: a local folder and S3 alike."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.errors import FilesUnavailableError, InvalidFilesUrlError
from storage.files import LISTED, PART_BYTES, READ_BYTES, FileStore, S3Access


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "local":
        return FileStore.open(f"file://{tmp_path}/files", S3Access())
    url, access = request.getfixturevalue("s3")
    return FileStore.open(url, access)


async def parts(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def read(store: FileStore, key: str, start: int, end: int) -> bytes:
    return b"".join([part async for part in store.read(key, start, end)])


async def keys(store: FileStore) -> list[str]:
    return [one.key async for found in store.list_parts() for one in found]


async def test_what_is_written_is_read_whole_and_in_ranges(store: FileStore):
    await store.put("a/one", parts(b"Hello, ", b"", b"world"))
    assert await read(store, "a/one", 0, 12) == b"Hello, world"
    assert await read(store, "a/one", 7, 9) == b"wo"
    assert await read(store, "a/one", 3, 3) == b""


async def test_an_empty_object_is_an_object(store: FileStore):
    await store.put("a/empty", parts())
    assert await keys(store) == ["a/empty"]


async def test_a_large_object_goes_in_parts(store: FileStore):
    pieces = [bytes([n]) * (PART_BYTES // 3) for n in range(7)]
    await store.put("a/large", parts(*pieces))
    whole = b"".join(pieces)
    assert await read(store, "a/large", 0, len(whole)) == whole
    assert (
        await read(store, "a/large", READ_BYTES - 5, READ_BYTES + 5) == whole[READ_BYTES - 5 : READ_BYTES + 5]
    )


async def test_what_breaks_off_leaves_nothing(store: FileStore):
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * (PART_BYTES + 1)
        raise ArithmeticError("on purpose")

    with pytest.raises(ArithmeticError, match="on purpose"):
        await store.put("a/broken", broken())
    assert await keys(store) == []


async def test_what_a_killed_writer_left_is_removed_when_it_is_old(tmp_path: Path):
    store = FileStore.open(f"file://{tmp_path}/files", S3Access())
    begun, hold = asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * (PART_BYTES + 1)
        begun.set()
        await hold.wait()

    await store.put("a/kept", parts(b"kept"))
    writer = asyncio.create_task(store.put("a/one", endless()))
    await begun.wait()
    left = [path for path in (tmp_path / "files/a").iterdir() if path.name != "kept"]
    assert left, "there is a file while it is written"
    assert await keys(store) == ["a/kept"], "and no listing has it"
    copy = left[0].with_name("two#1")  # as if its writer had been killed
    copy.write_bytes(b"half")
    assert await store.remove_leftovers(datetime.now(UTC) - timedelta(days=1)) == 0
    old = time.time() - 2 * 86400
    os.utime(copy, (old, old))
    assert await store.remove_leftovers(datetime.now(UTC) - timedelta(days=1)) == 1
    hold.set()
    await writer
    assert sorted(await keys(store)) == ["a/kept", "a/one"]


async def test_what_is_not_there_is_told_and_can_be_deleted(store: FileStore):
    with pytest.raises(FilesUnavailableError):
        await read(store, "a/none", 0, 5)
    await store.delete("a/none")
    await store.put("a/one", parts(b"x"))
    await store.delete("a/one")
    assert await keys(store) == []


async def test_all_objects_are_listed(store: FileStore):
    names = {f"{folder}/{n}" for folder in "ab" for n in range(LISTED // 2 + 5)}
    for name in names:
        await store.put(name, parts(b"x"))
    listed = [found async for found in store.list_parts()]
    assert len(listed) > 1
    assert sorted(one.key for found in listed for one in found) == sorted(names)


@pytest.mark.parametrize("url", ["", "data", "http://example.com/", "s3://", "file://host/x"])
def test_a_place_that_is_none_is_refused(url: str):
    with pytest.raises(InvalidFilesUrlError):
        FileStore.open(url, S3Access())


async def test_s3_that_does_not_answer_is_told():
    access = S3Access("http://127.0.0.1:1", "us-east-1", "tests", "tests")
    store = FileStore.open("s3://none", access)
    with pytest.raises(FilesUnavailableError, match="the file store failed") as caught:
        await store.put("a", parts(b"x"))
    assert "\n" not in str(caught.value)
