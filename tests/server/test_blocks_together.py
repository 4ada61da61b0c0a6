"""One paragraph, three kinds of writers: stock Tiptap editors on both wires, REST callers, peers inside."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright
from sqlalchemy import select

from blocks.page import blocks_of
from server.bootstrap import Services
from storage.models import Document, Update
from tests.clients.client import NodeClient
from tests.clients.driver import NodeClients
from tests.server.api import Api
from tests.server.test_blocks import Json, join, lines_of, rich, text_block
from tests.server.test_versions import open_as
from tests.tiptap import paragraph, text
from tests.web.chromium import ARGUMENTS, unpack_browser
from tests.web.stock_editor import bundle_editor, open_stock_editor

pytestmark = pytest.mark.node

WORDS = 12
"""That each who types adds, letter by letter."""

AHEAD = 3
"""Letters that each who types is ahead of the caller at most: nobody is done while the others begin."""

AT_ONCE = 10
"""Edits that each makes at least from when the last has begun until the first is done."""


@pytest.fixture
async def page(ann: Api, bob: Api, workspace: str) -> Json:
    await join(ann, workspace, bob)
    return await ann.made(f"{workspace}/pages", {"title": "Plan"})


async def open_editor(clients: NodeClients, port: int, person: Api, page: Json, wire: Any) -> NodeClient:
    route = "sync" if wire == "y-websocket" else "collab"
    client = await clients.open(
        wire=wire, url=f"ws://127.0.0.1:{port}/{route}", document=page["document"], token=person.token
    )
    await client.synced()
    return client


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=unpack_browser(), args=ARGUMENTS)
        yield browser
        await browser.close()


async def test_stock_editors_a_caller_and_a_peer_write_one_paragraph_at_once(
    api: Api,
    ann: Api,
    bob: Api,
    workspace: str,
    services: Services,
    browser: Browser,
    port: int,
    page: Json,
    tmp_path: Path,
):
    """Each has a place in the line, and all places move while all write."""
    carl, dora = await api.sign_up("carl"), await api.sign_up("dora")
    for person in (carl, dora):
        await join(ann, workspace, person)

    def words_of(name: str) -> str:
        return "".join(f" {name}{n}" for n in range(WORDS))

    changes = len(words_of("dora"))
    line = " ".join(("ann bob", *(f"old{n}" for n in range(changes)), "dora"))
    made = await text_block(ann, f"/v1/pages/{page['id']}/blocks", line)
    block, seen = f"/v1/blocks/{made['id']}", made["seen"]["base"]
    opened = partial(
        open_stock_editor, browser, bundle_editor(tmp_path), port=port, document=page["document"]
    )
    path = ("blocks", made["id"], "content", "doc")
    editors = {
        "ann": await opened(wire="y-websocket", token=ann.token, path=path),
        "bob": await opened(wire="hocuspocus", token=bob.token, path=path),
    }
    for name, editor in editors.items():
        await editor.reads(line)
        await editor.put_caret(line.index(name) + len(name))

    letters = asyncio.Queue[str](AHEAD)
    paces = {name: asyncio.Semaphore(AHEAD) for name in editors}

    async def type_(name: str) -> None:
        for letter in words_of(name):
            await paces[name].acquire()
            await editors[name].type(letter)

    async def call() -> None:
        for n in range(changes):  # it has read the line once, and never hears what becomes of it
            await letters.get()
            mine = line.replace(f"old{n} ", f"new{n} ")
            answer = await carl.patch(block, {"content": {"doc": rich(mine)}, "base": seen})
            assert answer.status_code == 200, answer.text
            for pace in paces.values():
                pace.release()

    async def take_part() -> None:
        async with open_as(services, dora, page["document"]) as replica:
            written = blocks_of(replica.doc)[made["id"]]["content"]["doc"].children[0].children[0]
            for letter in words_of("dora"):
                written.insert(len(written), letter)
                await replica.saved()
                await letters.put(letter)

    await asyncio.gather(*map(type_, editors), call(), take_part())
    new = " ".join(f"new{n}" for n in range(changes))
    expected = f"ann{words_of('ann')} bob{words_of('bob')} {new} dora{words_of('dora')}"
    for editor in editors.values():
        await editor.reads(expected)
    assert await lines_of(services, ann, page["document"], made["id"]) == [expected]
    assert min(await edits_at_once(services, page["document"], (ann, bob, carl, dora))) >= AT_ONCE


async def edits_at_once(services: Services, document: str, people: Sequence[Api]) -> list[int]:
    """Return how often each of some people wrote while all others were writing, as the log has it."""
    async with services.database.read() as uow:
        found = await uow.session.scalars(
            select(Update.author)
            .join(Document, Document.id == Update.document_id)
            .where(Document.name == document)
            .order_by(Update.position)
        )
        authors = [author.partition("|")[0] for author in found]
    whose = [f"user:{person.user['id']}" for person in people]
    last_begins = max(map(authors.index, whose))
    first_ends = len(authors) - max(map(authors[::-1].index, whose))
    return [authors[last_begins:first_ends].count(who) for who in whose]


async def test_ten_callers_with_stale_bases_and_people_at_their_keyboards_lose_no_word(
    ann: Api, bob: Api, services: Services, node_clients: NodeClients, port: int, page: Json
):
    lines = [f"line {n}" for n in range(10)]
    made = await text_block(ann, f"/v1/pages/{page['id']}/blocks", *lines)
    block, seen = f"/v1/blocks/{made['id']}", made["seen"]["base"]
    editors = [
        await open_editor(node_clients, port, person, page, wire)
        for person, wire in ((ann, "y-websocket"), (bob, "hocuspocus"))
    ]

    async def type_(editor: NodeClient, name: str) -> None:
        fragment = editor.fragment("blocks", made["id"], "content", "doc")
        for n in range(5):
            await fragment.append(paragraph(text(f"{name} {n}")))

    async def write(n: int) -> None:
        mine = [*lines[:n], f"{lines[n]} changed by {n}", f"added by {n}", *lines[n + 1 :]]
        answer = await ann.patch(block, {"content": {"doc": rich(*mine)}, "base": seen})
        assert answer.status_code == 200, answer.text

    await asyncio.gather(
        *(type_(editor, name) for editor, name in zip(editors, ("ann", "bob"), strict=True)),
        *(write(n) for n in range(10)),
    )
    await editors[0].converged(editors[1])
    found = await lines_of(services, ann, page["document"], made["id"])
    expected = [f"{name} {n}" for name in ("ann", "bob") for n in range(5)]
    expected += [f"line {n} changed by {n}" for n in range(10)] + [f"added by {n}" for n in range(10)]
    assert sorted(found) == sorted(expected)
