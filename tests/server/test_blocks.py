"""Blocks of pages by REST: written as a peer does, read as they are committed, merged with what others do."""

import asyncio
import base64
from typing import Any

import pycrdt
import pytest

from blocks.page import blocks_of, read_block
from blocks.page_edits import Stamp, add_text_block
from crdt.waiting import read_state_vector
from server.bootstrap import Services
from tests.blocks.test_page import CHANGES, CONTENTS, merged_content
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.test_versions import open_as
from tests.waiting import until

Json = dict[str, Any]


@pytest.fixture
async def page(ann: Api, workspace: str) -> Json:
    return await ann.made(f"{workspace}/pages", {"title": "Plan"})


@pytest.fixture
def path(page: Json) -> str:
    """The path of the page's blocks."""
    return f"/v1/pages/{page['id']}/blocks"


def rich(*lines: str) -> Json:
    """Return a rich text with a paragraph for each line."""
    return {
        "type": "doc",
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines],
    }


async def text_block(api: Api, path: str, *lines: str, **more: Any) -> Json:
    return await api.made(path, {"type": "text", "content": {"doc": rich(*lines)}, **more})


async def lines_of(services: Services, api: Api, document: str, block_id: str) -> list[str]:
    """Return the lines of a block as a peer sees them now."""
    async with open_as(services, api, document) as replica:
        return read_block(replica.doc, block_id).text.split("\n")


async def ids(api: Api, path: str, **query: Any) -> list[str]:
    answer = await api.get(path, params=query)
    return [block["id"] for block in answer.json()["items"]]


async def join(ann: Api, workspace: str, person: Api, role: str = "member") -> None:
    await ann.made(f"{workspace}/members", {"email": person.user["email"], "role": role})


async def test_a_block_says_when_it_was_last_written_to(ann: Api, path: str, clock: Clock):
    first, second = await text_block(ann, path, "one"), await text_block(ann, path, "two")

    async def times() -> dict[str, str]:
        items = (await ann.get(path)).json()["items"]
        return {item["id"]: item["updated_at"] for item in items if item["updated_at"] is not None}

    async def both() -> dict[str, str] | None:
        found = await times()
        return found if len(found) == 2 else None

    before = await until(both)
    assert (await ann.get(f"/v1/blocks/{first['id']}")).json()["updated_at"] == before[first["id"]]
    clock.forward(minutes=1)
    await ann.patch(f"/v1/blocks/{first['id']}", {"position_x": 77})

    async def later() -> dict[str, str] | None:
        now = await times()
        return now if now[first["id"]] > before[first["id"]] else None

    after = await until(later)
    assert after[second["id"]] == before[second["id"]]


@pytest.mark.parametrize("type_", CONTENTS)
async def test_every_type_is_made_read_changed_and_deleted(ann: Api, path: str, type_: str):
    body = {"type": type_, "content": CONTENTS[type_], "position_x": -5, "width": 100, "z_index": 3}
    made = await ann.made(path, body)
    assert (made["type"], made["condition"], made["faults"]) == (type_, "fine", [])
    assert (made["position_x"], made["position_y"], made["width"], made["z_index"]) == (-5, 0, 100, 3)
    assert made["created_by"] == f"user:{ann.user['id']}"
    block = f"/v1/blocks/{made['id']}"
    read = (await ann.get(block)).json()
    of_writing = {"receipt", "overlaps", "updated_at"}
    assert {**read, **dict.fromkeys(of_writing)} == {**made, **dict.fromkeys(of_writing)}
    changed = (await ann.patch(block, {"position_y": 7})).json()
    assert (changed["position_y"], changed["content"]) == (7, made["content"])
    patched = (await ann.patch(block, {"content": CHANGES[type_]})).json()
    assert (patched["condition"], patched["faults"]) == ("fine", [])
    assert patched["content"] == merged_content(made["content"], CHANGES[type_], type_) != made["content"]
    assert (await ann.get(block)).json()["content"] == patched["content"]
    deleted = (await ann.delete(block)).json()
    assert deleted["deleted_by"] == f"user:{ann.user['id']}"
    assert await ids(ann, path) == []
    assert await ids(ann, path, is_deleted="true") == [made["id"]]
    assert (await ann.post(f"{block}/restore")).json()["deleted_at"] is None
    assert await ids(ann, path) == [made["id"]]


async def test_a_write_answers_with_its_durable_receipt(ann: Api, services: Services, path: str, page: Json):
    made = await text_block(ann, path, "one")
    receipt = made["receipt"]
    assert (receipt["document"], receipt["position"]) == (page["document"], 1)
    assert await services.update_log.extent(page["document"]) == (0, 1)
    async with open_as(services, ann, page["document"]) as replica:
        told = base64.urlsafe_b64decode(receipt["state_vector"])
        assert read_state_vector(told) == read_state_vector(replica.doc.get_state())  # in whatever order
    assert made["seen"]["position"] == 1
    same = (await ann.patch(f"/v1/blocks/{made['id']}", {"position_x": 0})).json()
    assert same["receipt"]["position"] is None
    listed = (await ann.get(path)).json()
    assert listed["seen"] == made["seen"]
    authors = (await ann.get(f"/v1/documents/{page['document']}/versions")).json()["items"][0]["authors"]
    assert authors == [f"user:{ann.user['id']}"]


async def test_one_caller_needs_one_client_id(ann: Api, services: Services, path: str, page: Json):
    for n in range(5):
        made = await text_block(ann, path, str(n))
        await ann.patch(
            f"/v1/blocks/{made['id']}", {"content": {"doc": rich("x")}, "base": made["seen"]["base"]}
        )
    async with open_as(services, ann, page["document"]) as replica:
        clocks = read_state_vector(replica.doc.get_state())
    assert len(clocks) == 2  # and the marker of the epoch


async def test_blocks_come_in_document_order_page_by_page(ann: Api, path: str):
    made = [(await text_block(ann, path, str(n)))["id"] for n in range(5)]
    await ann.patch(f"/v1/blocks/{made[4]}", {"after": None})
    await ann.patch(f"/v1/blocks/{made[0]}", {"after": made[2]})
    expected = [made[n] for n in (4, 1, 2, 0, 3)]
    assert await ids(ann, path) == expected
    found: list[str] = []
    query: Json = {"limit": 2}
    while True:
        answer = (await ann.get(path, params=query)).json()
        found += [block["id"] for block in answer["items"]]
        if answer["next_cursor"] is None:
            break
        query["cursor"] = answer["next_cursor"]
    assert found == expected
    refused = await ann.patch(f"/v1/blocks/{made[0]}", {"after": "nothing"})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "body.after")


async def test_a_content_that_does_not_fit_is_refused_with_its_places(ann: Api, path: str):
    refused = await ann.post(path, {"type": "image", "content": {"url": "x", "size": 1}})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_content")
    places = [fault["path"] for fault in refused.json()["errors"]]
    assert places == ["body.content.size", "body.content.url", "body.content"]
    assert (await ann.post(path, {"type": "spaceship"})).status_code == 422
    assert await ids(ann, path) == []


async def test_what_a_client_wrote_wrongly_is_shown_told_and_changed(
    ann: Api, services: Services, path: str, page: Json
):
    made = await ann.made(path, {"type": "image", "content": CONTENTS["image"]})
    async with open_as(services, ann, page["document"]) as replica:
        blocks_of(replica.doc)[made["id"]]["content"]["alt"] = pycrdt.Map[Any]({"x": 1})
        blocks_of(replica.doc)["junk"] = 5
        await replica.saved()
    listed = {block["id"]: block for block in (await ann.get(path)).json()["items"]}
    assert listed[made["id"]]["condition"] == "repaired"
    assert [fault["path"] for fault in listed[made["id"]]["faults"]] == ["content.alt"]
    assert (listed["junk"]["condition"], listed["junk"]["content"]) == ("unreadable", {"value": 5})
    changed = (await ann.patch(f"/v1/blocks/{made['id']}", {"content": {"alt": "A cup"}})).json()
    assert (changed["condition"], changed["content"]["alt"]) == ("fine", "A cup")


async def test_what_is_no_block_is_left_alone_or_taken_out(
    ann: Api, services: Services, workspace: str, path: str, page: Json
):
    async with open_as(services, ann, page["document"]) as replica:
        blocks_of(replica.doc)["junk"] = 5
        await replica.saved()
    await services.chat.catch_up(page["document"])
    other = await ann.made(f"{workspace}/pages", {"title": "Other"})
    for method, where, body in (
        ("PATCH", "", {"position_x": 1}),
        ("POST", "/duplicate", {}),
        ("POST", "/move", {"page_id": other["id"]}),
    ):
        refused = await ann.request(method, f"/v1/blocks/junk{where}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "unreadable_block")
        assert await ids(ann, path) == ["junk"]
    deleted = await ann.delete("/v1/blocks/junk")
    assert deleted.status_code == 200, deleted.text
    assert (deleted.json()["content"], deleted.json()["deleted_by"]) == (
        {"value": 5},
        f"user:{ann.user['id']}",
    )
    assert deleted.json()["receipt"]["position"] == 2
    assert await ids(ann, path) == []
    assert (await ann.delete("/v1/blocks/junk")).status_code == 404


async def test_rows_and_cards_are_patched_by_their_ids(ann: Api, path: str):
    made = await ann.made(path, {"type": "kanban_board", "content": CONTENTS["kanban_board"]})
    block = f"/v1/blocks/{made['id']}"
    patch = {"cards": {"k2": {"column": "todo", "title": "Milk", "after": None}, "k1": {"column": "done"}}}
    content = (await ann.patch(block, {"content": patch})).json()["content"]
    assert (content["cards"]["k1"]["column"], content["cards"]["k2"]["title"]) == ("done", "Milk")
    content = (await ann.patch(block, {"content": {"cards": {"k1": None}}})).json()["content"]
    assert [*content["cards"]] == ["k2"]


async def test_a_stale_base_merges_and_tells_where_both_changed(ann: Api, path: str):
    made = await text_block(ann, path, "first", "second", "third")
    block, seen = f"/v1/blocks/{made['id']}", made["seen"]["base"]
    one = (
        await ann.patch(block, {"content": {"doc": rich("FIRST", "second", "third")}, "base": seen})
    ).json()
    assert one["overlaps"] == []
    two = (
        await ann.patch(block, {"content": {"doc": rich("first", "second", "THIRD")}, "base": seen})
    ).json()
    assert two["overlaps"] == []
    assert two["content"]["doc"] == rich("FIRST", "second", "THIRD")
    body = {"content": {"doc": rich("first", "second", "third!")}, "position_x": 4, "base": seen}
    three = (await ann.patch(block, body)).json()
    assert three["overlaps"] == ["content.doc"]
    assert three["position_x"] == 4


@pytest.mark.parametrize(
    ("base", "status", "code"),
    [
        ("x", 422, "validation_failed"),
        ("00000000.1", 409, "base_gone"),
        ("{epoch}.99", 422, "invalid_reference"),
    ],
)
async def test_a_base_that_is_none_is_refused(
    ann: Api, path: str, page: Json, base: str, status: int, code: str
):
    made = await text_block(ann, path, "x")
    base = base.format(epoch=page["epoch"])
    refused = await ann.patch(f"/v1/blocks/{made['id']}", {"position_x": 1, "base": base})
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    refused = await ann.delete(f"/v1/blocks/{made['id']}?base={base}")
    as_parameter = (400, "invalid_parameter") if code == "validation_failed" else (status, code)
    assert (refused.status_code, refused.json()["code"]) == as_parameter
    assert {fault["path"] for fault in refused.json()["errors"]} <= {"query.base"}
    assert await ids(ann, path) == [made["id"]]


async def test_a_stale_deletion_tells_what_others_changed_and_loses_nothing(
    ann: Api, bob: Api, workspace: str, path: str, page: Json
):
    await join(ann, workspace, bob)
    made = await text_block(ann, path, "first", "second")
    untouched = await text_block(ann, path, "mine")
    block = f"/v1/blocks/{made['id']}"
    seen = untouched["seen"]["base"]
    theirs = rich("first", "second", "late words")
    assert (await bob.patch(block, {"content": {"doc": theirs}, "position_x": 4})).status_code == 200
    alone = (await ann.delete(f"/v1/blocks/{untouched['id']}?base={seen}")).json()
    assert (alone["deleted_at"] is not None, alone["overlaps"]) == (True, [])
    deleted = (await ann.delete(f"{block}?base={seen}")).json()
    assert deleted["deleted_by"] == f"user:{ann.user['id']}"
    assert deleted["overlaps"] == ["place", "content.doc"]
    assert await ids(ann, path) == []
    again = (await bob.delete(f"{block}?base={seen}")).json()
    assert (again["deleted_by"], again["receipt"]["position"]) == (deleted["deleted_by"], None)
    assert again["overlaps"] == ["place", "deleted_at", "content.doc"]
    restored = (await bob.post(f"{block}/restore")).json()
    assert restored["content"]["doc"] == theirs
    # Whoever saw it in the trash hears that it was taken out of there.
    once_more = (await ann.delete(f"{block}?base={again['seen']['base']}")).json()
    assert (once_more["deleted_at"] is not None, once_more["overlaps"]) == (True, ["deleted_at"])
    unseen = await ann.delete(f"{block}?base={page['epoch']}.0")
    assert (unseen.status_code, unseen.json()["code"]) == (404, "not_found")


async def test_a_stale_deletion_purges_nothing_that_was_restored_since(ann: Api, path: str, clock: Clock):
    old, new = [await text_block(ann, path, "x") for _ in range(2)]
    seen = (await ann.delete(f"/v1/blocks/{old['id']}")).json()["seen"]["base"]
    clock.forward(days=31)
    ann = ann.signed_in((await ann.post("/v1/auth/login", LOGIN)).json())
    await ann.post(f"/v1/blocks/{old['id']}/restore")
    await ann.delete(f"/v1/blocks/{new['id']}?base={seen}")
    assert await ids(ann, path) == [old["id"]]


async def test_a_deleted_block_takes_what_was_written_on_an_older_base(ann: Api, path: str):
    made = await text_block(ann, path, "first")
    block = f"/v1/blocks/{made['id']}"
    await ann.delete(block)
    refused = await ann.patch(block, {"position_x": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "block_trashed")
    late = {"content": {"doc": rich("first", "late words")}, "base": made["seen"]["base"]}
    answer = (await ann.patch(block, late)).json()
    assert (answer["deleted_at"] is not None, answer["overlaps"]) == (True, ["deleted_at"])
    assert (await ann.post(f"{block}/restore")).json()["content"]["doc"] == rich("first", "late words")


async def test_a_block_long_in_the_trash_goes_with_the_next_deletion(ann: Api, path: str, clock: Clock):
    old, new = [await text_block(ann, path, "x") for _ in range(2)]
    await ann.delete(f"/v1/blocks/{old['id']}")
    clock.forward(days=31)
    ann = ann.signed_in((await ann.post("/v1/auth/login", LOGIN)).json())
    await ann.delete(f"/v1/blocks/{new['id']}")
    assert await ids(ann, path, is_deleted="true") == [new["id"]]
    assert (await ann.get(f"/v1/blocks/{old['id']}")).status_code == 404


LOGIN = {"email": "ann@example.com", "password": "correct horse"}


async def test_a_block_is_duplicated_and_moved_between_pages(ann: Api, workspace: str, path: str):
    made = await text_block(ann, path, "words")
    block = f"/v1/blocks/{made['id']}"
    copy = (await ann.post(f"{block}/duplicate")).json()
    assert (copy["content"], copy["id"] != made["id"]) == (made["content"], True)
    other = await ann.made(f"{workspace}/pages", {"title": "Other"})
    there = f"/v1/pages/{other['id']}/blocks"
    last = await text_block(ann, there, "last")
    moved = (await ann.post(f"{block}/move", {"page_id": other["id"], "after": None})).json()
    assert (moved["page_id"], moved["content"], moved["deleted_at"]) == (other["id"], made["content"], None)
    assert (await ann.get(block)).json()["page_id"] == other["id"]
    assert (await ids(ann, path), await ids(ann, there)) == ([copy["id"]], [made["id"], last["id"]])
    reordered = (await ann.post(f"{block}/move", {"page_id": other["id"]})).json()
    assert (await ids(ann, there))[1] == reordered["id"] == made["id"]


async def test_a_block_moves_only_to_where_one_may_write(ann: Api, bob: Api, workspace: str, path: str):
    made = await text_block(ann, path, "words")
    elsewhere = (await bob.made("/v1/workspaces", {"name": "Bob's"}))["id"]
    page = await bob.made(f"/v1/workspaces/{elsewhere}/pages", {"title": "Bob's"})
    refused = await ann.post(f"/v1/blocks/{made['id']}/move", {"page_id": page["id"]})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "body.page_id")
    own = (await ann.made("/v1/workspaces", {"name": "More"}))["id"]
    page = await ann.made(f"/v1/workspaces/{own}/pages", {"title": "More"})
    assert (await ann.post(f"/v1/blocks/{made['id']}/move", {"page_id": page["id"]})).status_code == 422
    assert await ids(ann, path) == [made["id"]]


async def test_readers_read_and_strangers_learn_nothing(ann: Api, bob: Api, workspace: str, path: str):
    made = await text_block(ann, path, "words")
    block = f"/v1/blocks/{made['id']}"
    assert (await bob.get(block)).status_code == (await bob.get(path)).status_code == 404
    await join(ann, workspace, bob, "guest")
    assert (await bob.get(block)).status_code == (await bob.get(path)).status_code == 200
    for refused in (
        await bob.patch(block, {"position_x": 1}),
        await bob.delete(block),
        await bob.post(path, {"type": "text"}),
    ):
        assert refused.status_code == 403


async def test_two_pages_with_one_block_id_do_not_open_each_other(
    ann: Api, bob: Api, services: Services, path: str
):
    """Whoever puts another's block id into a page of their own sees their own block."""
    made = await text_block(ann, path, "secret")
    elsewhere = (await bob.made("/v1/workspaces", {"name": "Bob's"}))["id"]
    page = await bob.made(f"/v1/workspaces/{elsewhere}/pages", {"title": "Bob's"})
    async with open_as(services, bob, page["document"]) as replica:
        add_text_block(replica.doc, made["id"], ["forged"], stamp=Stamp("2026-01-01T00:00:00Z", "user:bob"))
        await replica.saved()
    assert (await bob.get(f"/v1/blocks/{made['id']}")).status_code in (200, 404)
    assert "secret" in (await ann.get(f"/v1/blocks/{made['id']}")).text
    assert "secret" not in (await bob.get(f"/v1/blocks/{made['id']}")).text


async def test_of_two_blocks_with_one_id_nobody_guesses_which_is_meant(
    ann: Api, bob: Api, services: Services, workspace: str, page: Json, path: str
):
    await join(ann, workspace, bob)
    theirs = await bob.made(f"{workspace}/pages", {"title": "Bob's"})
    made = await text_block(ann, path, "mine")
    block = f"/v1/blocks/{made['id']}"
    async with open_as(services, bob, theirs["document"]) as replica:
        add_text_block(replica.doc, made["id"], ["theirs"], stamp=Stamp("2026-01-01T00:00:00Z", "user:bob"))
        await replica.saved()
    for document in (page["document"], theirs["document"]):
        await services.chat.catch_up(document)
    requests: list[tuple[str, str, Json | None]] = [
        ("GET", "", None),
        ("PATCH", "", {"content": {"doc": rich("secret")}}),
        ("DELETE", "", None),
        ("POST", "/restore", None),
        ("POST", "/duplicate", None),
        ("POST", "/move", {"page_id": page["id"]}),
    ]
    for method, where, body in requests:
        refused = await ann.request(method, f"{block}{where}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "ambiguous_block")
        assert "page_id" in refused.json()["detail"]
    body = {"content": {"doc": rich("secret")}}
    changed = (await ann.patch(f"{block}?page_id={page['id']}", body)).json()
    assert (changed["page_id"], changed["content"]["doc"]) == (page["id"], rich("secret"))
    there = (await ann.get(f"{block}?page_id={theirs['id']}")).json()
    assert (there["page_id"], "theirs" in str(there["content"])) == (theirs["id"], True)
    await bob.delete(f"/v1/pages/{theirs['id']}")
    assert (await ann.patch(block, {"position_x": 1})).json()["page_id"] == page["id"]


async def test_a_page_in_the_trash_is_read_only(ann: Api, page: Json, path: str):
    made = await text_block(ann, path, "words")
    await ann.delete(f"/v1/pages/{page['id']}")
    assert (await ann.get(f"/v1/blocks/{made['id']}")).status_code == 200
    refused = await ann.patch(f"/v1/blocks/{made['id']}", {"position_x": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "page_trashed")
    assert (await ann.post(path, {"type": "text"})).status_code == 409


async def test_a_repeated_creation_is_done_once(ann: Api, path: str):
    key = {"Idempotency-Key": "k"}
    first = await ann.post(path, {"type": "text"}, headers=key)
    again = await ann.post(path, {"type": "text"}, headers=key)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert len(await ids(ann, path)) == 1


async def test_ten_writers_with_stale_bases_lose_nobodys_words(
    ann: Api, services: Services, path: str, page: Json
):
    """Each rewrites the whole text as they saw it before all others, while a peer types into it."""
    lines = [f"line {n}" for n in range(10)]
    made = await text_block(ann, path, *lines)
    block, seen = f"/v1/blocks/{made['id']}", made["seen"]["base"]

    async def write(n: int) -> None:
        mine = [*lines[: n + 1], f"added by {n}", *lines[n + 1 :]]
        answer = await ann.patch(block, {"content": {"doc": rich(*mine)}, "base": seen})
        assert answer.status_code == 200, answer.text

    async def type_(replica: Any) -> None:
        paragraph = blocks_of(replica.doc)[made["id"]]["content"]["doc"].children[9].children[0]
        for character in " typed":
            paragraph.insert(len(paragraph), character)
            await replica.saved()

    async with open_as(services, ann, page["document"]) as replica:
        await asyncio.gather(type_(replica), *(write(n) for n in range(10)))
    found = await lines_of(services, ann, page["document"], made["id"])
    assert sorted(found) == sorted([*lines[:9], "line 9 typed", *(f"added by {n}" for n in range(10))])
