"""A crowd types while the server is killed again and again, on both databases: what was acknowledged stays.

`CHAOS_CLIENTS` people type for `CHAOS_SECONDS`; every three the server is killed. `CHAOS_SEED` is for chance.
With a long `CHAOS_PAUSE` between letters many type nothing from the kill on, or only on the new connection.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pycrdt
import pytest

from storage.engine import Database
from storage.update_log import UpdateLog
from tests.chaos.typist import Typist
from tests.clients.client import WIRES
from tests.services.databases import BOTH
from tests.services.ionflux import IonfluxServer

pytestmark = pytest.mark.chaos

CLIENTS = int(os.environ.get("CHAOS_CLIENTS", "30"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "6"))
SEED = int(os.environ.get("CHAOS_SEED", "8128"))
SECONDS_BETWEEN_KILLS = 3.0
CLIENTS_PER_DOCUMENT = 10
PAUSE_SECONDS = float(os.environ.get("CHAOS_PAUSE", "0.25"))
"""Between two letters of one person, on average."""


@pytest.fixture(params=BOTH)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IonfluxServer]:
    """A running server that may be killed: once on SQLite, once on Postgres."""
    is_postgres = request.param == "postgres"
    settings = {"IONFLUX_MAX_SOCKETS_PER_USER": str(CLIENTS + 10)}  # one person has them all
    if is_postgres:
        settings["IONFLUX_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    server = IonfluxServer(tmp_path, settings)
    server.start()
    yield server
    server.close()
    assert "Traceback (most recent call last)" not in server.log_text()


async def test_D2_D4_N4_nothing_that_a_crowd_was_told_to_be_safe_is_lost(
    server: IonfluxServer,
) -> None:
    print(f"CHAOS_SEED={SEED} CHAOS_CLIENTS={CLIENTS} CHAOS_SECONDS={SECONDS}")
    chance = random.Random(SEED)
    token, documents = await workspace(server)
    crowd = [
        Typist(server, WIRES[number % 2], documents[number % len(documents)], token, number + 1)
        for number in range(CLIENTS)
    ]
    await all_come(crowd)
    typing = asyncio.create_task(type_all(crowd, chance))
    for _ in range(round(SECONDS / SECONDS_BETWEEN_KILLS)):
        await asyncio.sleep(chance.uniform(0.7, 1.3) * SECONDS_BETWEEN_KILLS)  # the moment of the kill itself
        await server.kill()
        await asyncio.gather(*(one.gone() for one in crowd))
        safe = {one.number: one.acknowledged for one in crowd}
        assert any(safe.values()), "too little was acknowledged for this test to mean anything"
        await server.restart()
        for document in documents:
            found = await clocks_afresh(server, document, token)
            for one in crowd:
                if one.document == document:
                    assert found.get(one.number, 0) >= safe[one.number], f"{one.wire} {one.line}: lost"
        await all_come(crowd)
    typing.cancel()
    await asyncio.gather(*(one.saved() for one in crowd))

    await all_as_typed(server, crowd, token)
    await server.terminate()
    await rows_as_sent(server.database_url, crowd)


async def workspace(server: IonfluxServer) -> tuple[str, list[str]]:
    """Make pages for the crowd; return a token that opens them, and their names."""
    owner = await server.person("Ann")
    home = await owner.workspace()
    count = max(1, CLIENTS // CLIENTS_PER_DOCUMENT)
    return owner.token, [(await owner.page(home, f"Page {number}")).name for number in range(count)]


async def all_come(crowd: Sequence[Typist]) -> None:
    for start in range(0, len(crowd), 20):
        await asyncio.gather(*(one.connect() for one in crowd[start : start + 20]))


async def type_all(crowd: Sequence[Typist], chance: random.Random) -> None:
    """Let everybody type, connected or not."""
    while True:
        await asyncio.sleep(PAUSE_SECONDS / len(crowd) * 4)  # the pace at which people type
        for one in chance.sample(crowd, k=min(4, len(crowd))):
            one.type(chance.choice("abcdefgh"))


async def clocks_afresh(server: IonfluxServer, document: str, token: str) -> dict[int, int]:
    """Return how much of everybody's typing somebody finds who comes now and has nothing yet."""
    fresh = Typist(server, "hocuspocus", document, token, 999_999)
    await fresh.connect()
    clocks = fresh.view_clocks()
    fresh.leave()
    await fresh.gone()
    return clocks


async def all_as_typed(server: IonfluxServer, crowd: Sequence[Typist], token: str) -> None:
    """Check, with those who typed and with a newcomer, that all is there and nothing twice."""
    for document in {one.document for one in crowd}:
        here = [one for one in crowd if one.document == document]
        fresh = Typist(server, "y-websocket", document, token, 999_999)
        await fresh.connect()
        for reader in (fresh, *here):
            await reader.knows({one.number: one.typed for one in here})
            view = reader.view()
            for one in here:
                assert str(view.get(one.line, type=pycrdt.Text)) == one.own_text
        fresh.leave()


async def rows_as_sent(url: str, crowd: Sequence[Typist]) -> None:
    """Check that the log is gapless, and that no row was written more often than it was sent (D1, D5)."""
    async with Database(url) as database, UpdateLog.of(database) as log:
        for document in {one.document for one in crowd}:
            _, head = await log.extent(document)
            rows: Counter[Any] = Counter(await log.read_rows(document, 0, head))
            sent: Counter[Any] = Counter()
            for one in crowd:
                if one.document == document:
                    sent.update(one.sent)
            assert rows - sent == Counter()
