"""Pages as Markdown and HTML over the API: written back word by word, merged with what others do."""

import asyncio
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import pycrdt
import pytest

from blocks import page_text
from blocks.errors import BlocksError, TooManyElementsError
from blocks.page import blocks_of
from blocks.page_text import parse_page
from server.bootstrap import Services
from server.documents.writing import change_state
from server.offload import SMALL_BYTES
from server.settings import Settings
from tests.blocks.test_page import CONTENTS
from tests.server.api import Api
from tests.server.test_blocks import Json, ids, lines_of, rich, text_block
from tests.server.test_versions import open_as


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, max_body_bytes=1024 * 1024)


@pytest.fixture
async def page(ann: Api, workspace: str) -> Json:
    return await ann.made(f"{workspace}/pages", {"title": "Plan"})


@pytest.fixture
def path(page: Json) -> str:
    return f"/v1/pages/{page['id']}"


async def put(api: Api, path: str, markdown: str, base: str | None = None) -> Json:
    answer = await api.request("PUT", f"{path}/markdown", json={"markdown": markdown, "base": base})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_page_of_one_text_is_that_text(ann: Api, path: str):
    made = await put(ann, path, "# Plan\n\nBuy **tea**.\n")
    assert (made["markdown"], made["receipt"]["position"], made["overlaps"]) == (
        "# Plan\n\nBuy **tea**.\n",
        1,
        [],
    )
    read = (await ann.get(f"{path}/markdown")).json()
    assert read == {"markdown": made["markdown"], "seen": made["seen"]}
    html = (await ann.get(f"{path}/html")).json()["html"]
    assert html == "<h1>Plan</h1><p>Buy <strong>tea</strong>.</p>"
    (block_id,) = await ids(ann, f"{path}/blocks")
    again = await put(ann, path, read["markdown"])
    assert again["receipt"]["position"] is None
    assert (await ann.get(f"/v1/blocks/{block_id}")).status_code == 200


async def test_blocks_are_told_apart_and_what_is_no_text_stays(ann: Api, path: str):
    blocks = f"{path}/blocks"
    first = await text_block(ann, blocks, "first")
    table = await ann.made(blocks, {"type": "table_view", "content": CONTENTS["table_view"]})
    last = await text_block(ann, blocks, "last")
    markdown = (await ann.get(f"{path}/markdown")).json()["markdown"]
    assert [line for line in markdown.split("\n") if line.startswith("<!--")] == [
        f"<!-- block:{block['id']} -->" for block in (first, table, last)
    ]
    assert "| Tea | yes |" in markdown
    changed = markdown.replace("first", "first, changed").replace("Tea", "Coffee")
    changed = changed.replace(f"<!-- block:{last['id']} -->\n\nlast", "<!-- block:new -->\n\nnew")
    await put(ann, path, changed)
    found = await ids(ann, blocks)
    assert (found[:2], len(found)) == ([first["id"], table["id"]], 3)
    texts = [(await ann.get(f"/v1/blocks/{block_id}")).json()["content"] for block_id in found]
    assert texts[0]["doc"] == rich("first, changed")
    assert texts[1] == table["content"]
    assert texts[2]["doc"] == rich("new")
    assert await ids(ann, blocks, is_deleted="true") == [last["id"]]


async def test_markdown_changes_nothing_that_it_cannot_say(
    ann: Api, services: Services, path: str, page: Json
):
    made = await text_block(ann, f"{path}/blocks", "one", "two")
    async with open_as(services, ann, page["document"]) as replica:
        doc = blocks_of(replica.doc)[made["id"]]["content"]["doc"]
        doc.children[0].attributes["textAlign"] = "right"
        await replica.saved()
    await put(ann, path, "one\n\ntwo, changed\n")
    content = (await ann.get(f"/v1/blocks/{made['id']}")).json()["content"]["doc"]["content"]
    assert content[0]["attrs"] == {"textAlign": "right"}
    assert content[1] == rich("two, changed")["content"][0]


async def test_what_markdown_has_no_words_for_stays_where_others_are_changed(
    ann: Api, services: Services, path: str, page: Json
):
    made = await text_block(ann, f"{path}/blocks", "one two", "three")
    async with open_as(services, ann, page["document"]) as replica:
        doc = blocks_of(replica.doc)[made["id"]]["content"]["doc"]
        doc.children[0].children[0].format(
            0, 3, {"highlight": {"color": "red"}, "comment--AbCd12+/": {"id": 7}}
        )
        chart = doc.children[0].children.append(pycrdt.XmlElement("chart"))
        chart.attributes["data"] = [1, 2]
        parent = doc.children.append(pycrdt.XmlElement("callout"))
        for _ in range(150):
            parent = parent.children.append(pycrdt.XmlElement("blockquote"))
        parent.children.append(pycrdt.XmlText("deep"))
        await replica.saved()
    seen = (await ann.get(f"{path}/markdown")).json()
    same = await put(ann, path, seen["markdown"], seen["seen"]["base"])
    assert (same["markdown"], same["receipt"]["position"]) == (seen["markdown"], None)
    changed = await put(ann, path, seen["markdown"].replace("two", "2").replace("three", "3"))
    assert changed["markdown"] == seen["markdown"].replace("two", "2").replace("three", "3")
    async with open_as(services, ann, page["document"]) as replica:
        doc = blocks_of(replica.doc)[made["id"]]["content"]["doc"]
        words = doc.children[0].children[0].diff()
        assert words[0] == ("one", {"highlight": {"color": "red"}, "comment--AbCd12+/": {"id": 7}})
        assert words[1:] == [(" 2", None)]
        assert dict(doc.children[0].children[1].attributes) == {"data": [1, 2]}
        assert "deep" in str(doc.children[2])


async def test_ten_who_bring_back_a_whole_page_lose_nobodys_words(
    ann: Api, services: Services, path: str, page: Json
):
    lines = [f"line {n}" for n in range(10)]
    seen = (await put(ann, path, "\n\n".join(lines)))["seen"]["base"]
    (block_id,) = await ids(ann, f"{path}/blocks")

    async def write(n: int) -> None:
        mine = [*lines[:n], f"{lines[n]} by {n}", f"added by {n}", *lines[n + 1 :]]
        await put(ann, path, "\n\n".join(mine), seen)

    async def type_() -> None:
        async with open_as(services, ann, page["document"]) as replica:
            words: Any = blocks_of(replica.doc)[block_id]["content"]["doc"].children[4].children[0]
            for character in "typed ":
                words.insert(words.diff()[0][0].index("line"), character)
                await replica.saved()

    await asyncio.gather(type_(), *(write(n) for n in range(10)))
    found = (await ann.get(f"{path}/markdown")).json()["markdown"].strip("\n").split("\n\n")
    expected = [f"{'typed ' if n == 4 else ''}line {n} by {n}" for n in range(10)]
    assert sorted(found) == sorted(expected + [f"added by {n}" for n in range(10)])
    late = await put(ann, path, "\n\n".join(["other words", *lines[1:]]), seen)
    assert late["overlaps"] == [block_id]


async def test_a_visitor_reads_a_page_as_text(ann: Api, api: Api, path: str):
    await put(ann, path, "public words")
    link = await ann.made(f"{path}/share-links", {"level": "read"})
    visit = await api.post("/v1/share-links/open", {"token": link["token"]})
    visitor = Api(api.client, api.description, visit.json()["access_token"])
    assert (await visitor.get(f"{path}/markdown")).json()["markdown"] == "public words\n"
    assert (await visitor.get(f"{path}/html")).json()["html"] == "<p>public words</p>"
    assert (await visitor.get(f"{path}/blocks")).status_code == 200


async def test_a_text_that_is_slow_to_read_holds_nobody_up(ann: Api, path: str):
    slow = asyncio.create_task(put(ann, path, "* a\n" * 4_000))
    for _ in range(5):
        assert (await ann.get(path)).status_code == 200
    assert not slow.done()
    assert (await slow)["markdown"].count("- a\n") == 4_000


def process_of(doc: "pycrdt.Doc[Any]") -> int:
    return os.getpid() if len(blocks_of(doc)) else 0


async def test_a_large_page_is_written_out_beside_the_event_loop(
    ann: Api, services: Services, path: str, page: Json
):
    await put(ann, path, "words " * 10)
    here, base, _ = await services.documents.render(page["document"], process_of)
    assert here == os.getpid()
    await put(ann, path, "words " * (SMALL_BYTES // 6))
    there, grown, _ = await services.documents.render(page["document"], process_of)
    assert there not in (0, os.getpid())
    assert grown.position > base.position
    assert (await ann.get(f"{path}/markdown")).json()["markdown"].startswith("words words")


LONG = "words " * 300
"""Twenty of them are a large text."""


class Beside:
    """Stands in for the child: what is changed there goes through what a child does to it."""

    def __init__(self) -> None:
        self.changes = 0

    async def meanwhile(self) -> None:
        """Do something while a change is made."""

    async def run(self, size: int, function: Any, *args: Any) -> Any:
        if function is not change_state or size <= SMALL_BYTES:
            return function(*args)
        self.changes += 1
        call = pickle.loads(pickle.dumps(partial(function, *args)))
        try:
            made = call()
        except BlocksError as error:
            raise pickle.loads(pickle.dumps(error)) from None
        await self.meanwhile()
        return pickle.loads(pickle.dumps(made))


@pytest.fixture
def beside(services: Services, monkeypatch: pytest.MonkeyPatch) -> Beside:
    beside = Beside()
    monkeypatch.setattr(services.offload, "run", beside.run)
    return beside


async def test_a_large_text_is_changed_beside_the_event_loop(
    ann: Api, services: Services, path: str, page: Json, beside: Beside
):
    await put(ann, path, "few words")
    assert beside.changes == 0
    many = "words " * 400
    await put(ann, path, many)
    await put(ann, path, many + "more")
    assert beside.changes == 2
    (block_id,) = await ids(ann, f"{path}/blocks")
    lines = [f"{LONG}{n}" for n in range(20)]
    changed = await ann.patch(f"/v1/blocks/{block_id}", {"content": {"doc": rich(*lines)}})
    assert (changed.status_code, beside.changes) == (200, 3)
    other = await text_block(ann, f"{path}/blocks", *lines)
    assert (other["condition"], beside.changes) == ("fine", 4)
    moved = await ann.patch(f"/v1/blocks/{block_id}", {"position_x": 7})
    assert (moved.json()["position_x"], beside.changes) == (7, 4)
    for one in (block_id, other["id"]):
        assert await lines_of(services, ann, page["document"], one) == lines


async def test_what_is_changed_beside_is_merged_with_what_others_write_meanwhile(
    ann: Api, services: Services, path: str, page: Json, beside: Beside
):
    lines = [f"{LONG}{n}" for n in range(20)]
    block = await text_block(ann, f"{path}/blocks", *lines)

    async def type_() -> None:
        async with open_as(services, ann, page["document"]) as replica:
            paragraph = blocks_of(replica.doc)[block["id"]]["content"]["doc"].children[0].children[0]
            paragraph.insert(0, "typed ")
            await replica.saved()

    beside.meanwhile = type_
    overlaps: list[list[str]] = []
    for number, base in ((1, None), (2, block["seen"]["base"])):
        body = {"content": {"doc": rich(f"{lines[0]} by {number}", *lines[1:])}, "base": base}
        answer = await ann.patch(f"/v1/blocks/{block['id']}", body)
        assert answer.status_code == 200, answer.text
        overlaps.append(answer.json()["overlaps"])
    first, *others = await lines_of(services, ann, page["document"], block["id"])
    assert sorted(first.split()) == sorted(["typed", "typed", *LONG.split(), "0", "by", "1", "by", "2"])
    assert (others, overlaps) == (lines[1:], [[], ["content.doc"]])
    async with open_as(services, ann, page["document"]) as replica:
        before = replica.doc.get_state()
    body = {"type": "image", "content": {"url": "x", "alt": "a" * 40_000}}
    refused = await ann.post(f"{path}/blocks", body)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "body.content.url")
    async with open_as(services, ann, page["document"]) as replica:
        assert replica.doc.get_state() == before


async def test_a_text_that_is_too_long_is_refused(ann: Api, path: str):
    answer = await ann.request("PUT", f"{path}/markdown", json={"markdown": "~~a" * 70_000, "base": None})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "body.markdown"
    assert "200000" in answer.json()["errors"][0]["detail"]
    assert (await ann.get(f"{path}/markdown")).json()["markdown"] == ""


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions are called by some work, to its end or its refusal."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        with suppress(TooManyElementsError):
            work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("line", ["- x\n", "1. x\n", "> x\n\n", "x\n\n", "* * *\n", "- - - x\n"])
def test_however_much_a_text_has_it_is_not_read_for_long(monkeypatch: pytest.MonkeyPatch, line: str):
    most = 1000
    monkeypatch.setattr(page_text, "MAX_ELEMENTS", most)
    least, many, more = (
        calls_of(partial(parse_page, line * count)) for count in (most // 8, 4 * most, 8 * most)
    )
    assert least > 4 * most  # reading one costs at least thirty calls
    assert more - many <= 4 * most + 100  # a line behind the limit costs one


async def test_a_list_of_forty_thousand_items_is_refused_and_others_are_served(ann: Api, path: str):
    async def refused(markdown: str) -> Json:
        answer = await ann.request("PUT", f"{path}/markdown", json={"markdown": markdown, "base": None})
        assert answer.status_code == 422, answer.text
        return answer.json()

    items = "\n".join(f"- item {number}" for number in range(500))
    answer, written = await asyncio.gather(refused("- x\n" * 40_000), put(ann, path, items))
    assert (answer["code"], answer["errors"][0]["path"]) == ("too_many_elements", "body.markdown")
    assert "10,000" in answer["detail"]
    assert "item 499" in written["markdown"]
    parts = "".join(f"<!-- block:b{part} -->\n\n" + "- x\n" * 4_000 + "\n" for part in range(2))
    assert (await refused(parts))["code"] == "too_many_elements"
    assert (await ann.get(f"{path}/markdown")).json()["markdown"] == written["markdown"]
