"""Keeps what the process has in memory in huge pages, of 2 MiB instead of 4 KiB.

What an edit touches lies all over the heap: objects of its socket, its room and its document. With small
pages the processor has to look up nearly each of them anew in the page tables, which in a virtual machine are
two deep. Python asks the system for memory by the megabyte, in which no huge page has room by itself, and
most systems give them only to who asks (madvise(2): MADV_COLLAPSE, since Linux 6.1).
"""

import asyncio
import ctypes
import errno
import logging
import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

FIRST_SECONDS = 2.0
"""From the start to the first look: before there are many people, and after what lives for a moment only."""

EVERY_SECONDS = 5.0

SECONDS_PER_PIECE = 0.006
"""More memory is looked at more rarely: a piece that is in a huge page already takes a hundredth of this."""

LONGEST_SECONDS = 1.0
"""After which the rest is left to the next look: a server that stops waits for this one to end."""

HUGE_BYTES = 2 * 1024 * 1024
FULL_ENOUGH = 0.75
"""What part of a piece must be in use: the rest becomes memory of the process with it."""

_SETTINGS = Path("/sys/kernel/mm/transparent_hugepage")
_COLLAPSE = 25  # MADV_COLLAPSE
_ENTRY_BYTES = 8  # of /proc/self/pagemap, a page's; the highest bit says that it is there
_ABSENT = bytes(range(0x80))  # the highest bytes of those that are not


async def keep_in_huge_pages() -> None:
    """Look every few seconds for what is not in huge pages yet, until the task is cancelled.

    Returns at once where the system has none of this size, or is told never to use them.
    """
    rest = FIRST_SECONDS
    while are_possible():
        await asyncio.sleep(rest)
        try:
            rest = max(EVERY_SECONDS, await asyncio.to_thread(gather) * SECONDS_PER_PIECE)
        except OSError as error:  # or a system that shows a process less of itself than Linux does
            logger.info("memory stays in small pages: %s", error)
            return


def are_possible() -> bool:
    """Whether the system has huge pages of this size, and does not forbid them."""
    try:
        size = int((_SETTINGS / "hpage_pmd_size").read_text())
        return size == HUGE_BYTES and "[never]" not in (_SETTINGS / "enabled").read_text()
    except (OSError, ValueError):
        return False


def gather() -> int:
    """Put each piece of memory that is mostly in use into a huge page; return how many pieces are in one.

    While a piece is copied, who touches it waits; so there is as much time between two as one takes: 0.3 ms,
    and up to 8 in a virtual machine that has to be given the memory first.

    Raises OSError where the system refuses each piece for good: before Linux 6.1, or with huge pages
    forbidden to this process (prctl(2): PR_SET_THP_DISABLE).
    """
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    gathered = refused = 0
    end_at = time.monotonic() + LONGEST_SECONDS
    with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
        for address in _pieces():
            if _part_in_use(pagemap.fileno(), address) >= FULL_ENOUGH:
                began = time.monotonic()
                if began >= end_at:
                    break
                if madvise(address, HUGE_BYTES, _COLLAPSE) == 0:
                    gathered += 1
                elif ctypes.get_errno() == errno.EINVAL:
                    refused += 1
                time.sleep(time.monotonic() - began)
    if refused and not gathered:
        raise OSError(errno.EINVAL, "the system gives this process no huge pages")
    return gathered


def _pieces() -> Iterator[int]:
    """Give the addresses at which a huge page could begin, in all memory of the process that is its own."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, _offset, _device, inode, *name = line.split(maxsplit=5)
        if rights == "rw-p" and inode == "0" and name != ["[stack]"]:
            begin, end = (int(bound, 16) for bound in span.split("-"))
            first = -(-begin // HUGE_BYTES) * HUGE_BYTES
            yield from range(first, end - HUGE_BYTES + 1, HUGE_BYTES)


def _part_in_use(pagemap: int, address: int) -> float:
    pages = HUGE_BYTES // mmap.PAGESIZE
    entries = os.pread(pagemap, pages * _ENTRY_BYTES, address // mmap.PAGESIZE * _ENTRY_BYTES)
    return len(entries[_ENTRY_BYTES - 1 :: _ENTRY_BYTES].translate(None, _ABSENT)) / pages
