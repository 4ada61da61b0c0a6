"""The child process that heavy work goes to."""

import asyncio
import os

import psutil

from server.offload import SMALL_BYTES, Offload
from tests.waiting import until


async def test_large_work_is_done_in_one_child():
    offload = Offload()
    assert await offload.run(SMALL_BYTES, os.getpid) == os.getpid()
    child = await offload.run(SMALL_BYTES + 1, os.getpid)
    assert child != os.getpid()
    assert await offload.run(SMALL_BYTES + 1, os.getpid) == child


async def test_whoever_leaves_while_the_child_starts_leaves_it_to_the_next():
    offload = Offload()
    me = psutil.Process()
    before = {child.pid for child in me.children()}
    leaving = asyncio.create_task(offload.run(SMALL_BYTES + 1, os.getpid))
    await until(lambda: {child.pid for child in me.children()} > before)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled()
    child = await offload.run(SMALL_BYTES + 1, os.getpid)
    assert {child.pid for child in me.children()} == before | {child}
