"""Stock Yjs clients in Node, on both wires, in a story against a real server that is killed in between.

What they do follows from the seed; when it arrives does not. `FUZZ_SEED` is the first story's.
"""

import os
import random
from typing import Any

import pytest

from crdt.document import LiveDocument
from storage.engine import Database
from storage.update_log import UpdateLog
from tests.clients.client import WIRES, NodeClient
from tests.fuzz.content import read_content
from tests.services.studio import Studio

pytestmark = [pytest.mark.node, pytest.mark.chaos]

ROUNDS = max(1, int(os.environ.get("FUZZ_ROUNDS", "50")) // 500)
FIRST_SEED = int(os.environ.get("FUZZ_SEED", "1"))

CLIENTS_PER_WIRE = 2
STEPS_BETWEEN_KILLS = 60
KILLS = 2


class Author:
    """Somebody with a stock client, and what they did that nobody else can undo."""

    def __init__(self, client: NodeClient, chance: random.Random) -> None:
        self.client, self.chance = client, chance
        self.own = ""
        self.words: list[str] = []
        self.is_online = True

    async def step(self) -> None:
        """Do something."""
        step = self.chance.random()
        if step < 0.25:
            at = self.chance.randint(0, len(self.own))
            letter = self.chance.choice("aé東🙂")
            await self.client.text(self.client.name).insert(at, letter, unit="codepoint")
            self.own = self.own[:at] + letter + self.own[at:]
        elif step < 0.4 and self.own:
            at = self.chance.randrange(len(self.own))
            await self.client.text(self.client.name).delete(at, 1, unit="codepoint")
            self.own = self.own[:at] + self.own[at + 1 :]
        elif step < 0.6:
            word = f"<{self.client.name} {len(self.words)}>"
            await self.client.text("text").insert(0, word)
            self.words.append(word)
        elif step < 0.75:
            await self._set_field()
        elif step < 0.88:
            await self.client.fragment("body").set(self._page())
        elif self.is_online:
            await self._lose_network(self.chance.random() < 0.5)
        else:
            await self.come_back()

    async def come_back(self) -> None:
        """Be online again."""
        if not self.is_online:
            self.is_online = True
            await self.client.connect()

    async def go(self) -> None:
        """Stay offline until told otherwise, when the last frame has been read."""
        await self.client.disconnect()
        self.is_online = False
        attempts = (await self.client.state())["attempts"]
        await self.client.event("close", count=attempts)

    async def _lose_network(self, is_known: bool) -> None:
        if is_known:
            self.is_online = False
            await self.client.disconnect()
        else:
            await self.client.kill()

    async def _set_field(self) -> None:
        fields, key = self.client.map("fields"), f"k{self.chance.randrange(4)}"
        if self.chance.random() < 0.3:
            await fields.remove(key)
        else:
            await fields.set(key, self.chance.choice([self.chance.randrange(100), "é", None, [1, "x"]]))

    def _page(self) -> dict[str, Any]:
        paragraphs = [
            {
                "type": "paragraph",
                "content": [{"type": "text", "text": self.chance.choice(("a", "bc", "東京 🙂"))}],
            }
            for _ in range(self.chance.randint(1, 4))
        ]
        return {"type": "doc", "content": paragraphs}


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + ROUNDS))
async def test_D2_D4_stock_clients_and_the_log_are_equal_whatever_happened_to_the_server(
    seed: int, own_studio: Studio
) -> None:
    chance = random.Random(seed)
    authors = [
        Author(
            await own_studio.join(wire, name=f"{wire}{number}", receipts=True),
            random.Random(f"{seed} {wire} {number}"),
        )
        for wire in WIRES
        for number in range(CLIENTS_PER_WIRE)
    ]
    for kill in range(KILLS):
        for _ in range(STEPS_BETWEEN_KILLS):
            await chance.choice(authors).step()
        await own_studio.server.kill()
        for author in authors:
            await author.go()
        await own_studio.server.restart()
        await nothing_lost(own_studio, authors, f"after kill {kill}")
        for author in authors:
            await author.step()
            await author.come_back()
    fresh = await own_studio.join("hocuspocus", name="fresh")
    await fresh.converged(*(author.client for author in authors), timeout=20)
    for author in authors:
        if author.client.wire == "hocuspocus":
            await author.client.saved()
        assert await fresh.text(author.client.name).read() == author.own
    text = await fresh.text("text").read()
    assert sorted(f"{word}>" for word in text.split(">")[:-1]) == sorted(
        word for author in authors for word in author.words
    )
    of_yjs = await fresh.update()
    await own_studio.server.terminate()
    await log_is(own_studio, of_yjs)


async def nothing_lost(studio: Studio, authors: list[Author], name: str) -> None:
    """Let somebody who has nothing yet look for all that was acknowledged."""
    fresh = await studio.join("y-websocket", name=name)
    lost = await fresh.missing(await studio.clients.acknowledged(*(author.client for author in authors)))
    assert lost is None, f"somebody was told that it is saved, and it is gone: {lost}"
    await fresh.destroy()


async def log_is(studio: Studio, of_yjs: bytes) -> None:
    """Check that Yjs' own document is what the log gives here."""
    async with Database(studio.server.database_url) as database, UpdateLog.of(database) as log:
        _, snapshot, rows = await log.load(studio.page.name)
    stored = read_content(LiveDocument(snapshot, rows).state())
    assert read_content(of_yjs).seen == stored.seen
