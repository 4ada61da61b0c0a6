"""Rooms that were opened and closed leave nothing behind: the memory of a process stays where it was.

`CHAOS_ROOMS` rooms, after as many as it takes for caches and the allocator to settle.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crdt.hub import HubConfig
from crdt.session import HOCUSPOCUS, YWS
from tests.crdt.world import world

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel how much memory a process has"),
]

ROOMS = int(os.environ.get("CHAOS_ROOMS", "2000"))
WARM_UP_ROOMS = 1000
ROOMS_AT_ONCE = 50
GROWTH = 1.10


async def open_and_close(rooms: int) -> None:
    """Let two people write into each room, on both wires, and leave it; close it."""
    names = [f"page:{number}" for number in range(rooms)]
    async with world(*names, config=HubConfig(room_idle_seconds=0)) as w:
        for start in range(0, rooms, ROOMS_AT_ONCE):
            clients = [
                await w.joined(wire, document=name)
                for name in names[start : start + ROOMS_AT_ONCE]
                for wire in (YWS, HOCUSPOCUS)
            ]
            for client in clients:
                client.text.insert(0, "something to remember " * 20)
                client.say_presence(client.doc.client_id, 1, '{"cursor":1}')
            for client in clients:
                await client.heard(lambda client: "update" in client.names)
                client.disconnect()
                vars(client)["_subscription"].drop()  # which holds the client's document, and it the client
            await w.hub.sweep()
            assert w.hub.statistics().rooms == {}
            for name in names[start : start + ROOMS_AT_ONCE]:
                w.log.rows[name].clear()


def resident_bytes() -> int:
    """Return what the kernel counts as this process's memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure() -> None:
    """Print the memory before and after."""
    asyncio.run(open_and_close(WARM_UP_ROOMS))
    before = resident_bytes()
    asyncio.run(open_and_close(ROOMS))
    print(before, resident_bytes())


def test_R5_rooms_that_were_closed_leave_no_memory_behind() -> None:
    command = [sys.executable, "-c", "from tests.chaos.test_memory import measure; measure()"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    print(f"{ROOMS} rooms: from {before / 1e6:.1f} to {after / 1e6:.1f} MB")
    assert after <= before * GROWTH
