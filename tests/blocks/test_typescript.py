"""Pages that the TypeScript SDK writes, read by the server, and the other way round."""

import base64
import json
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pycrdt
import pytest
from hypothesis import HealthCheck, given, settings

from blocks.kinds import KINDS
from blocks.order import key_between
from blocks.page import Place, read_block, read_blocks, read_entries, read_title
from blocks.page_edits import Stamp, add_block
from tests.blocks.contents import any_page
from tests.blocks.test_page import CHANGES, CONTENTS, contains, merged_content
from tests.clients.driver import NODE

SDK = Path(__file__).parents[2] / "client-sdk" / "typescript"
pytestmark = pytest.mark.node

ANN = Stamp("2026-01-01T00:00:00Z", "user:ann")
STAMP = {"at": ANN.at, "by": ANN.by}
Doc = pycrdt.Doc[Any]


class Sdk:
    """The SDK's functions for pages, in a process of Node."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [NODE, SDK / "tests" / "pages.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def call(self, command: str, **arguments: Any) -> Any:
        """Return what a command answers."""
        answer = self.ask(command, **arguments)
        assert "answer" in answer, answer
        return answer["answer"]

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Return a command's answer or error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def edit(self, doc: Doc, *edits: list[Any]) -> list[Any]:
        """Let the SDK edit a copy of a document, and take what it wrote."""
        answer = self.call("edit", update=encoded(doc), edits=edits)
        doc.apply_update(base64.b64decode(answer["update"]))
        assert answer["edited"] == 0, "what is not different is not written"
        return answer["results"]

    def read(self, doc: Doc) -> list[dict[str, Any]]:
        """Return the blocks as the SDK reads them, which changes nothing."""
        answer = self.call("read", update=encoded(doc))
        assert answer["isUntouched"]
        return answer["blocks"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@pytest.fixture(scope="module")
def sdk() -> Iterator[Sdk]:
    """The SDK, for all tests of this file."""
    sdk = Sdk()
    yield sdk
    sdk.close()


def encoded(doc: Doc) -> str:
    return base64.b64encode(doc.get_update()).decode()


def camel(content: dict[str, Any]) -> dict[str, Any]:
    """Return a content with its fields as the SDK names them."""
    return {re.sub("_([a-z])", lambda match: match[1].upper(), name): content[name] for name in content}


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_what_typescript_writes_of_each_type_the_server_reads_as_it_was_meant(sdk: Sdk, type_: str) -> None:
    doc: Doc = pycrdt.Doc()
    place = {"x": 1, "y": 2.4, "width": 3, "height": 4, "zIndex": 5}
    options = {"id": "b", "place": place, "stamp": STAMP}
    sdk.edit(doc, ["addBlock", type_, CONTENTS[type_], options])
    block = read_block(doc, "b")
    assert (block.condition, block.faults, block.type, block.schema_version) == ("fine", (), type_, 1)
    assert (block.place, block.order, block.created_by) == (Place(1, 2, 3, 4, 5), "n0", ANN.by)
    assert contains(block.content, CONTENTS[type_])


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_what_the_server_writes_of_each_type_typescript_reads(sdk: Sdk, type_: str) -> None:
    doc: Doc = pycrdt.Doc()
    add_block(doc, "b", type_, CONTENTS[type_], stamp=ANN, place=Place(1, 2, 3, 4, 5))
    (block,) = sdk.read(doc)
    assert (block["type"], block["isReadable"], block["faults"]) == (type_, True, [])
    assert block["place"] == {"x": 1, "y": 2, "width": 3, "height": 4, "zIndex": 5}
    wanted = dict(CONTENTS[type_])
    wanted |= wanted.pop("view", {})
    assert contains(block["content"], camel(wanted))


@pytest.mark.parametrize("type_", sorted(CHANGES.keys() - {"text"}))
def test_a_patch_changes_what_it_names_and_nothing_else(sdk: Sdk, type_: str) -> None:
    doc: Doc = pycrdt.Doc()
    add_block(doc, "b", type_, CONTENTS[type_], stamp=ANN)
    doc.get("blocks", type=pycrdt.Map[Any])["b"]["content"]["unknown"] = "kept"
    before = read_block(doc, "b").content
    sdk.edit(doc, ["changeBlock", "b", CHANGES[type_]])
    block = read_block(doc, "b")
    assert (block.condition, block.faults) == ("fine", ())
    assert block.content == merged_content(before, CHANGES[type_], type_)
    assert doc.get("blocks", type=pycrdt.Map[Any])["b"]["content"]["unknown"] == "kept"


def test_two_cells_and_two_cards_that_two_people_change_both_stay(sdk: Sdk) -> None:
    doc: Doc = pycrdt.Doc()
    add_block(doc, "t", "table_view", CONTENTS["table_view"], stamp=ANN)
    other: Doc = pycrdt.Doc()
    other.apply_update(doc.get_update())
    sdk.edit(doc, ["changeBlock", "t", {"rows": {"r1": {"cells": {"c1": "Coffee"}}}}])
    sdk.edit(other, ["changeBlock", "t", {"rows": {"r1": {"cells": {"c2": False}}}}])
    doc.apply_update(other.get_update())
    content: Any = read_block(doc, "t").content
    assert content["rows"]["r1"]["cells"] == {"c1": "Coffee", "c2": False}


def test_blocks_are_moved_placed_deleted_restored_and_retitled(sdk: Sdk) -> None:
    doc: Doc = pycrdt.Doc()
    for name in "abcd":
        add_block(doc, name, "text", CONTENTS["text"], stamp=ANN)
    sdk.edit(
        doc,
        ["writeTitle", "Plans"],
        ["moveBlock", "d", None],
        ["moveBlock", "a", "c"],
        ["placeBlock", "b", {"x": -7.6, "zIndex": 3}],
        ["deleteBlock", "c", STAMP],
        ["addBlock", "text", {"doc": "One\n\nTwo"}, {"id": "e", "after": "b", "stamp": STAMP}],
    )
    assert [block.id for block in read_blocks(doc)] == ["d", "b", "e", "a"]
    assert read_block(doc, "b").place == Place(-8, 0, 640, 240, 3)
    assert (read_block(doc, "e").text, read_title(doc)) == ("One\nTwo", "Plans")
    assert (read_block(doc, "c").deleted_at, read_block(doc, "c").deleted_by) == (ANN.at, ANN.by)
    sdk.edit(doc, ["restoreBlock", "c"])
    assert [block.id for block in read_blocks(doc)] == ["d", "b", "e", "c", "a"]
    assert read_block(doc, "c").condition == "fine"


def test_copied_blocks_are_new_ones_with_all_that_is_in_them(sdk: Sdk) -> None:
    doc: Doc = pycrdt.Doc()
    add_block(doc, "k", "kanban_board", CONTENTS["kanban_board"], stamp=ANN)
    add_block(doc, "x", "text", CONTENTS["text"], stamp=ANN)
    doc.get("blocks", type=pycrdt.Map[Any])["x"]["type"] = "hologram"
    copied = sdk.edit(doc, ["copyBlocks", ["k", "x"]])[0]
    stamp = {"at": "2026-02-02T00:00:00Z", "by": "user:bob"}
    first, second = sdk.edit(doc, ["pasteBlocks", copied, {"stamp": stamp}])[0]
    board, unknown = read_block(doc, first), read_block(doc, second)
    assert board.content == read_block(doc, "k").content
    assert (board.condition, board.created_by, board.place) == ("fine", "user:bob", Place(24, 24))
    assert (unknown.type, unknown.condition) == ("hologram", "unreadable")
    assert [block.id for block in read_blocks(doc)] == ["k", "x", first, second]


REFUSED: list[tuple[list[Any], str]] = [
    (["changeBlock", "i", {"url": "javascript:alert(1)"}], "InvalidContentError"),
    (["changeBlock", "e", {"html": "<b>"}], "InvalidContentError"),
    (["changeBlock", "x", {"doc": "over it"}], "InvalidContentError"),
    (["changeBlock", "u", {"a": 1}], "UnreadableBlockError"),
    (["changeBlock", "none", {"a": 1}], "UnknownBlockError"),
    (["addBlock", "image", {"alt": 5}, {"stamp": STAMP}], "InvalidContentError"),
    (["placeBlock", "none", {"x": 1}], "UnknownBlockError"),
]


@pytest.mark.parametrize(("edit", "error"), REFUSED)
def test_what_does_not_fit_is_refused(sdk: Sdk, edit: list[Any], error: str) -> None:
    doc: Doc = pycrdt.Doc()
    for name, type_ in {"i": "image", "e": "embed_panel", "x": "text", "u": "text"}.items():
        add_block(doc, name, type_, CONTENTS[type_], stamp=ANN)
    doc.get("blocks", type=pycrdt.Map[Any])["u"]["type"] = "hologram"
    assert sdk.ask("edit", update=encoded(doc), edits=[edit]).get("error") == error


def test_a_content_that_a_client_wrote_as_a_plain_object_is_made_to_merge_before_it_is_changed(
    sdk: Sdk,
) -> None:
    doc: Doc = pycrdt.Doc()
    add_block(doc, "b", "table_view", {}, stamp=ANN)
    whole = {
        "columns": {"c": {"name": "N", "order": "n0"}},
        "rows": {"r": {"order": "n0", "cells": {"c": "x"}}},
    }
    doc.get("blocks", type=pycrdt.Map[Any])["b"]["content"] = whole
    sdk.edit(doc, ["changeBlock", "b", {"rows": {"r": {"cells": {"c": "y"}}}}])
    content: Any = read_block(doc, "b").content
    assert (content["rows"]["r"]["cells"], content["columns"]["c"]["name"]) == ({"c": "y"}, "N")
    assert isinstance(
        doc.get("blocks", type=pycrdt.Map[Any])["b"]["content"]["rows"]["r"]["cells"], pycrdt.Map
    )


@pytest.mark.parametrize("kind", ["bytes", "rich text", "text", "list"])
def test_a_content_that_is_no_object_is_unreadable_to_both(sdk: Sdk, kind: str) -> None:
    contents = {
        "bytes": b"x",
        "rich text": pycrdt.XmlFragment([]),
        "text": pycrdt.Text("x"),
        "list": pycrdt.Array[Any]([]),
    }
    doc: Doc = pycrdt.Doc()
    add_block(doc, "b", "text", CONTENTS["text"], stamp=ANN)
    doc.get("blocks", type=pycrdt.Map[Any])["b"]["content"] = contents[kind]
    (block,) = sdk.read(doc)
    assert (read_block(doc, "b").condition, block["isReadable"]) == ("unreadable", False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(doc=any_page())
def test_both_read_the_same_of_whatever_lies_in_a_page(sdk: Sdk, doc: Doc) -> None:
    copy: Doc = pycrdt.Doc()
    copy.apply_update(doc.get_update())
    blocks = sdk.read(copy)
    assert [block["id"] for block in blocks] == [entry.id for entry in read_entries(copy)]
    for block in blocks:
        by_server = read_block(copy, block["id"])
        assert block["isReadable"] == (by_server.condition != "unreadable"), block
        assert (block["isDeleted"], block["order"]) == (by_server.is_deleted, by_server.order)


def test_both_make_the_same_order_keys(sdk: Sdk) -> None:
    chance, keys = random.Random(1), ["n0"]
    pairs: list[tuple[str | None, str | None]] = []
    wanted: list[str] = []
    for _ in range(300):
        at = chance.choice((0, len(keys), chance.randint(0, len(keys)), len(keys) // 2))
        pair = (keys[at - 1] if at else None, keys[at] if at < len(keys) else None)
        keys.insert(at, key_between(*pair))
        pairs.append(pair)
        wanted.append(keys[at])
    assert sdk.call("keys", pairs=pairs) == wanted
