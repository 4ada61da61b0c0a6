"""Several hubs over one log, as several processes have them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from crdt.document import LiveDocument
from crdt.hub import Hub, HubConfig
from crdt.ports import Bus, Guard
from crdt.session import HOCUSPOCUS, Wire
from tests.crdt.world import PAGE, Client, Clock, HeldClientIds, HeldLog, Rights, read_text, turns

EPOCH = "0000000a"


class Processes:
    """Hubs over one log, as several processes have them."""

    def __init__(self, log: HeldLog, hubs: list[Hub], clock: Clock) -> None:
        self.log, self.hubs, self.clock = log, hubs, clock

    async def join(
        self, hub: int, wire: Wire = HOCUSPOCUS, token: str = "ann", *, client_id: int | None = None
    ) -> Client:
        client = Client(self.hubs[hub], wire, PAGE, token, client_id=client_id)
        client.connect()
        await client.synced()
        await turns()
        return client

    async def write(self, *rows: bytes) -> None:
        """Write into the log as a process does that shares nothing else."""
        self.log.rows[PAGE] += [(row, "user:bob") for row in rows]

    async def look(self) -> None:
        """Let every process look at the log."""
        for hub in self.hubs:
            await hub.look()
        await turns(40)

    def text(self) -> str:
        """Return what the log alone gives."""
        return read_text(LiveDocument(None, [row for row, _ in self.log.rows[PAGE]]).state())


@asynccontextmanager
async def processes(
    count: int = 2,
    *,
    bus: Bus | None = None,
    log: HeldLog | None = None,
    snapshot_every: int = 500,
    guard: Guard | None = None,
) -> AsyncGenerator[Processes]:
    log, rights, clock = log or HeldLog(), Rights(), Clock()
    log.epochs[PAGE] = EPOCH
    config = HubConfig(sweep_seconds=3600, look_seconds=3600, snapshot_every_updates=snapshot_every)
    ids = HeldClientIds()
    hubs = [
        Hub(log, rights, log.fold, config, bus=bus, client_ids=ids, guard_of=lambda _: guard, clock=clock)
        for _ in range(count)
    ]
    tasks = [await hub.__aenter__() for hub in hubs]
    try:
        yield Processes(log, hubs, clock)
    finally:
        log.release()
        for hub in reversed(tasks):
            await hub.__aexit__(None, None, None)
