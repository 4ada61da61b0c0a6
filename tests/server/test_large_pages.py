"""Pages that are larger than anybody would make them: all of it works, and nobody else waits for it."""

from typing import Any
from uuid import UUID

import pycrdt
import pytest

from blocks import page as pages
from blocks.kind import Fields
from blocks.page_edits import Queue, Stamp, add_block
from server.bootstrap import Services
from storage.ids import Uuid7
from tests.server.api import Api
from tests.server.test_blocks import Json, rich
from tests.server.test_comments import begin, threads
from tests.server.test_page_exports import export
from tests.server.test_suggestions import decide, differences, suggest
from tests.server.test_versions import open_as
from tests.waiting import until

MANY = 10_000
FEW = 300
"""Blocks that may be read in the loop: in a few milliseconds."""

MILLION = "ten chars " * 100_000
STAMP = Stamp("2026-05-04T12:00:00Z", "user:somebody")

new_id = Uuid7()


@pytest.fixture
async def page(ann: Api, workspace: str) -> Json:
    return await ann.made(f"{workspace}/pages", {"title": "Plan"})


@pytest.fixture
def path(page: Json) -> str:
    return f"/v1/pages/{page['id']}"


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of blocks that this process reads, not its child."""
    read: list[str] = []
    read_block = pages.read_block

    def note(doc: "pycrdt.Doc[Any]", block_id: str) -> pages.Block:
        read.append(block_id)
        return read_block(doc, block_id)

    monkeypatch.setattr(pages, "read_block", note)
    return read


async def test_ten_thousand_blocks_are_read_shared_exported_and_changed_beside_the_event_loop(
    ann: Api, api: Api, services: Services, page: Json, path: str, read_here: list[str]
):
    made: pycrdt.Doc[Any] = pycrdt.Doc()
    queue = Queue(made)
    with made.transaction():
        add_block(made, str(new_id()), "text", {"doc": rich("above all")}, stamp=STAMP, queue=queue)
        for n in range(1, MANY):
            content: Fields = {"channel_id": "c", "message_id": str(n)}
            add_block(made, str(new_id()), "chat_bubble", content, stamp=STAMP, queue=queue)
    async with open_as(services, ann, page["document"]) as replica:
        replica.doc.apply_update(made.get_update())
        await replica.saved()

    first = (await ann.get(f"{path}/blocks", params={"limit": 50})).json()
    assert [block["content"].get("message_id") for block in first["items"][1:3]] == ["1", "2"]
    assert (await ann.get(f"{path}/blocks", params={"cursor": first["next_cursor"]})).status_code == 200
    exported = (await export(ann, page, format="json")).json()["blocks"]
    assert exported[MANY - 1]["content"]["message_id"] == str(MANY - 1)
    assert "above all" in (await export(ann, page, format="html")).text
    link = await ann.made(f"{path}/share-links", {"level": "read"})
    assert (await api.get(f"/shared/{link['token']}")).text.count("<section>") == MANY

    changed = await ann.request(
        "PUT", f"{path}/markdown", json={"markdown": "below nothing", "base": first["seen"]["base"]}
    )
    assert changed.status_code == 200, changed.text
    written = changed.json()["markdown"]
    assert ("below nothing" in written, written.count("<!-- block:")) == (True, MANY)
    assert len(read_here) < FEW


async def test_a_block_of_a_million_characters_is_read_found_commented_and_suggested_on(
    ann: Api, services: Services, page: Json
):
    block_id = str(new_id())
    async with open_as(services, ann, page["document"]) as replica:
        content: Fields = {"doc": rich(MILLION, "zanzibar at the end")}
        add_block(replica.doc, block_id, "text", content, stamp=STAMP)
        await replica.saved()
    read = (await ann.get(f"/v1/blocks/{block_id}")).json()
    assert read["content"]["doc"] == rich(MILLION, "zanzibar at the end")

    async def has_row() -> bool:
        async with services.database.read() as uow:
            return block_id in await uow.projected_blocks.known(UUID(page["id"]))

    await until(has_row)
    begun = await begin(ann, page["id"], block_id=block_id, quote="zanzibar")
    at = begun["thread"]["range"]["start"]
    assert at > len(MILLION) - 2

    made = await suggest(ann, page)
    async with open_as(services, ann, made["document"]) as branch:
        words = (
            branch.doc.get("blocks", type=pycrdt.Map[Any])[block_id]["content"]["doc"].children[0].children[0]
        )
        words.insert(len(MILLION) // 2, "HERE ")
        await branch.saved()
    (hunk,) = await differences(ann, made)
    assert {"operation": "insert", "text": "HERE "} in hunk["segments"]
    await decide(ann, made, "accept")
    changed = (await ann.get(f"/v1/blocks/{block_id}")).json()["content"]["doc"]["content"][0]["content"][0]
    assert changed["text"].index("HERE") == len(MILLION) // 2
    (thread,) = await threads(ann, page["id"])
    assert (thread["range"]["text"], thread["range"]["start"]) == ("zanzibar", at + len("HERE "))
