"""One paragraph, three kinds of writers: stock Tiptap editors on both wires, REST callers, peers inside."""

import asyncio
from typing import Any

import pytest

from blocks.page import blocks_of
from server.bootstrap import Services
from tests.clients.client import NodeClient
from tests.clients.driver import NodeClients
from tests.server.api import Api
from tests.server.test_blocks import Json, join, lines_of, rich, text_block
from tests.server.test_versions import open_as
from tests.tiptap import document, paragraph, text

pytestmark = pytest.mark.node


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


def shown(*lines: str) -> Json:
    return document(*(paragraph(text(line)) for line in lines))


async def test_an_editor_a_caller_and_a_peer_write_one_paragraph_at_once(
    ann: Api, bob: Api, services: Services, node_clients: NodeClients, port: int, page: Json
):
    made = await text_block(ann, f"/v1/pages/{page['id']}/blocks", "one two three four")
    block, seen = f"/v1/blocks/{made['id']}", made["seen"]["base"]
    editors = [
        await open_editor(node_clients, port, person, page, wire)
        for person, wire in ((ann, "y-websocket"), (bob, "hocuspocus"))
    ]
    fragments = [editor.fragment("blocks", made["id"], "content", "doc") for editor in editors]
    for fragment in fragments:
        await fragment.equals(shown("one two three four"))

    async def peer() -> None:
        async with open_as(services, bob, page["document"]) as replica:
            words = blocks_of(replica.doc)[made["id"]]["content"]["doc"].children[0].children[0]
            words.insert(len(words), " peer")
            await replica.saved()

    async def caller() -> None:
        body = {"content": {"doc": rich("one two caller three four")}, "base": seen}
        assert (await bob.patch(block, body)).status_code == 200

    await asyncio.gather(
        fragments[0].set(shown("tiptap one two three four")),
        fragments[1].set(shown("one two three hocuspocus four")),
        peer(),
        caller(),
    )
    await editors[0].converged(editors[1])
    (line,) = await lines_of(services, ann, page["document"], made["id"])
    for word in ("one", "two", "three", "four", "tiptap", "hocuspocus", "peer", "caller"):
        assert line.split().count(word) == 1, line
    for fragment in fragments:
        await fragment.equals(shown(line))


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
