"""The process' memory in huge pages, where the system has them."""

import asyncio
import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server import huge_pages
from tests.services.ionflux import IonfluxServer
from tests.waiting import until

needs_huge_pages = pytest.mark.skipif(not huge_pages.are_possible(), reason="the system has no huge pages")


def huge_bytes(pid: int) -> int:
    """Return how much of a process' own memory is in huge pages."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("AnonHugePages:"))


@needs_huge_pages
def test_what_is_in_use_comes_into_huge_pages_and_the_rest_takes_no_memory():
    pieces = 8
    program = f"""
import mmap
from pathlib import Path
from server.huge_pages import HUGE_BYTES, gather

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

full, sparse = (mmap.mmap(-1, {pieces + 1} * HUGE_BYTES, mmap.MAP_PRIVATE) for _ in range(2))
for place in range(0, len(full), mmap.PAGESIZE):
    full[place] = place // mmap.PAGESIZE % 251
for place in range(0, len(sparse), 2 * mmap.PAGESIZE):
    sparse[place] = 1
before = resident()
assert gather() >= {pieces}
assert resident() - before < {pieces} * HUGE_BYTES // 4, resident() - before
assert all(full[place] == place // mmap.PAGESIZE % 251 for place in range(0, len(full), mmap.PAGESIZE))
huge = next(line for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHugePages:"))
assert int(huge.split()[1]) * 1024 >= {pieces} * HUGE_BYTES, huge
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@needs_huge_pages
def test_where_huge_pages_are_forbidden_to_a_process_it_is_told_so():
    program = """
import ctypes, errno
from server.huge_pages import gather

assert ctypes.CDLL(None).prctl(41, 1, 0, 0, 0) == 0  # PR_SET_THP_DISABLE
filled = bytes(range(256)) * 100_000
try:
    gather()
except OSError as error:
    assert error.errno == errno.EINVAL
else:
    raise AssertionError("nothing was refused")
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@needs_huge_pages
async def test_a_server_keeps_its_memory_in_huge_pages(ionflux: IonfluxServer):
    def is_in_huge_pages() -> bool:
        return huge_bytes(ionflux.pid) > 8 * huge_pages.HUGE_BYTES

    await until(is_in_huge_pages, seconds=60)


@pytest.fixture
def possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that gives huge pages to who asks, and no rest before it is asked."""
    (tmp_path / "hpage_pmd_size").write_text("2097152\n")
    (tmp_path / "enabled").write_text("always [madvise] never\n")
    monkeypatch.setattr(huge_pages, "_SETTINGS", tmp_path)
    monkeypatch.setattr(huge_pages, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(huge_pages, "EVERY_SECONDS", 0.0)


@pytest.mark.usefixtures("possible")
async def test_much_memory_is_looked_at_more_rarely(monkeypatch: pytest.MonkeyPatch):
    looked_at: list[float] = []

    def gather() -> int:
        looked_at.append(time.monotonic())
        if len(looked_at) == 3:
            raise OSError("enough")
        return len(looked_at) * 100

    monkeypatch.setattr(huge_pages, "SECONDS_PER_PIECE", 0.001)
    monkeypatch.setattr(huge_pages, "gather", gather)
    await huge_pages.keep_in_huge_pages()
    first, second, third = looked_at
    assert second - first >= 0.1
    assert third - second >= 0.2


@pytest.mark.usefixtures("possible")
async def test_a_system_that_does_not_show_a_process_its_memory_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def gather() -> int:
        raise PermissionError("not for you")

    monkeypatch.setattr(huge_pages, "gather", gather)
    caplog.set_level(logging.INFO)
    async with asyncio.timeout(30):
        await huge_pages.keep_in_huge_pages()
    assert "memory stays in small pages: not for you" in caplog.text


@needs_huge_pages
def test_a_look_ends_in_time_whatever_is_left(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(huge_pages, "LONGEST_SECONDS", 0.0)
    assert huge_pages.gather() == 0


@pytest.mark.parametrize(
    "says",
    [
        {},
        {"hpage_pmd_size": "2097152\n", "enabled": "always madvise [never]\n"},
        {"hpage_pmd_size": "536870912\n", "enabled": "always [madvise] never\n"},
    ],
    ids=["none", "forbidden", "too large"],
)
async def test_a_system_that_has_none_of_use_is_not_asked(
    says: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(huge_pages, "_SETTINGS", tmp_path)
    for name, text in says.items():
        (tmp_path / name).write_text(text)
    async with asyncio.timeout(30):
        await huge_pages.keep_in_huge_pages()
