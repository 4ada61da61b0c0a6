"""The server is killed at random moments under people who type: nothing that was acknowledged is lost.

What counts as acknowledged is read from the frames: on Hocuspocus one SyncStatus answers the oldest open
edit, on y-websocket the return of a client's own edit answers all up to it. After each restart it is looked
for by somebody who has nothing yet, before the old clients come back and could fill a gap from their copies.
"""

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from tests.clients.client import WIRES, NodeClient
from tests.services.studio import Studio

pytestmark = [pytest.mark.node, pytest.mark.chaos]

KILLS = 8
SEED = 8128
PACE_SECONDS = 0.005
"""Between two keystrokes of one typist: quicker than any person, slower than a machine."""


@dataclass
class Typist:
    """Somebody who never stops typing, connected or not, and the model of all they have done."""

    client: NodeClient
    page: str
    random: random.Random
    own: str = ""
    shared: list[str] = field(default_factory=list[str])
    counted: int = -1

    async def type(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(PACE_SECONDS)  # the pace at which people type
            step = self.random.random()
            if step < 0.5:
                await self._insert(self.random.choice("aé東🙂"))
            elif step < 0.7 and self.own:
                await self._delete()
            elif step < 0.9:
                word = f"<{self.client.name}:{len(self.shared)}>"
                await self.client.text("shared").insert(0, word)
                self.shared.append(word)
            else:
                await self.client.map("counts").set(self.client.name, self.counted + 1)
                self.counted += 1

    async def _insert(self, character: str) -> None:
        at = self.random.randint(0, len(self.own))
        await self.client.text(self.client.name).insert(at, character, unit="codepoint")
        self.own = self.own[:at] + character + self.own[at:]

    async def _delete(self) -> None:
        at = self.random.randrange(len(self.own))
        await self.client.text(self.client.name).delete(at, 1, unit="codepoint")
        self.own = self.own[:at] + self.own[at + 1 :]


async def test_D2_D4_N4_nothing_acknowledged_is_lost_when_the_server_is_killed(own_studio: Studio) -> None:
    chance = random.Random(SEED)
    pages = [own_studio.page, await own_studio.owner.page(own_studio.page.workspace_id, "Second")]
    typists = [
        Typist(
            await own_studio.join(wire, name=f"{wire}{number}", document=page.name, receipts=True),
            page.name,
            random.Random(f"{SEED} {wire} {number}"),
        )
        for number, page in enumerate(pages)
        for wire in WIRES
    ]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for typist in typists:
            tasks.create_task(typist.type(stop))
        for kill in range(KILLS):
            moment = chance.uniform(0.02, 0.5)
            print(f"seed {SEED}, kill {kill}: {moment:.3f} s after all were back")
            await asyncio.sleep(moment)  # the random moment itself, not a wait for anything
            await own_studio.server.kill()
            await all_gone(typists)
            await own_studio.server.restart()
            await nothing_lost(own_studio, typists, f"kill{kill}")
            await all_back(typists)
        stop.set()

    for typist in typists:
        if typist.client.wire == "hocuspocus":
            await typist.client.saved()
        counts = (await typist.client.state())["receipts"]
        print(typist.client.name, counts)
        assert counts["acknowledged"] > KILLS, "too little was acknowledged for this test to mean anything"
        assert counts["refused"] == 0
    await all_as_typed(own_studio, typists)
    await own_studio.server.terminate()
    code, said = await own_studio.server.doctor()
    assert code == 0, said


async def all_gone(typists: list[Typist]) -> None:
    """Keep the old clients from coming back by themselves, and wait until their last frame has been read."""
    for typist in typists:
        await typist.client.disconnect()
    for typist in typists:
        attempts = (await typist.client.state())["attempts"]
        await typist.client.event("close", count=attempts)


async def nothing_lost(studio: Studio, typists: list[Typist], name: str) -> None:
    """Let somebody who has nothing yet look for all that was acknowledged."""
    for page in {typist.page for typist in typists}:
        here = [typist.client for typist in typists if typist.page == page]
        fresh = await studio.join("hocuspocus", name=f"{name} {page}", document=page)
        lost = await fresh.missing(await studio.clients.acknowledged(*here))
        assert lost is None, f"somebody was told that it is saved, and it is gone: {lost}"
        await fresh.destroy()


async def all_back(typists: list[Typist]) -> None:
    synced = [len(typist.client.all_events("synced")) for typist in typists]
    for typist in typists:
        await typist.client.connect()
    for typist, before in zip(typists, synced, strict=True):
        await typist.client.event("synced", count=before + 1)


async def all_as_typed(studio: Studio, typists: list[Typist]) -> None:
    """Check, with those who typed and with a newcomer, that all is there and nothing twice."""
    for page in {typist.page for typist in typists}:
        here = [typist for typist in typists if typist.page == page]
        fresh = await studio.join("y-websocket", name=f"last {page}", document=page)
        await fresh.converged(*(typist.client for typist in here))
        for typist in here:
            assert await fresh.text(typist.client.name).read() == typist.own
        shared = await fresh.text("shared").read()
        words = sorted(word for typist in here for word in typist.shared)
        assert sorted(f"{word}>" for word in shared.split(">")[:-1]) == words
        await fresh.map("counts").equals({typist.client.name: typist.counted for typist in here})
