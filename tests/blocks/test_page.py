"""A page's document: what is written into it, and what is read in whatever others have written."""

from typing import Any, cast

import pycrdt
import pytest

from blocks.errors import InvalidContentError, UnknownBlockError, UnreadableBlockError
from blocks.kinds import KINDS
from blocks.page import BLOCKS, Place, blocks_of, read_block, read_blocks, read_entries, read_title
from blocks.page_edits import (
    Stamp,
    add_block,
    add_text_block,
    change_block,
    copy_block,
    delete_block,
    duplicate_block,
    purge,
    restore_block,
    write_meta,
)
from blocks.schema import merge_patch
from blocks.tree import MAX_DEPTH, MAX_VALUE_LEVELS, to_json

ANN = Stamp("2026-01-01T00:00:00Z", "user:ann")
BOB = Stamp("2026-01-02T00:00:00Z", "user:bob")

Doc = pycrdt.Doc[Any]

CONTENTS: dict[str, dict[str, Any]] = {
    "text": {
        "doc": {
            "type": "doc",
            "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Hi"}]}],
        }
    },
    "chat_bubble": {"channel_id": "c", "message_id": "m"},
    "agent_snippet": {"agent_configuration_id": "a", "input": {"topic": "tea", "n": 3}},
    "embed_panel": {"url": "https://example.com/x", "title": "Example"},
    "table_view": {
        "columns": {"c1": {"name": "Name"}, "c2": {"name": "Done", "type": "checkbox", "width": 80}},
        "rows": {"r1": {"cells": {"c1": "Tea", "c2": True}}, "r2": {"cells": {"c1": "Milk"}}},
        "view": {
            "sort": [{"column": "c1", "direction": "descending"}],
            "filter": [{"column": "c2", "operator": "equals", "value": True}],
        },
    },
    "kanban_board": {
        "columns": {"todo": {"name": "To do", "limit": 3}, "done": {"name": "Done"}},
        "cards": {"k1": {"column": "todo", "title": "Buy tea", "due": "2026-02-03", "assignee": "user:ann"}},
    },
    "image": {"url": "https://example.com/x.png", "alt": "A cup"},
    "video": {"file_id": "f", "caption": "Tea", "poster": "https://example.com/x.png"},
    "shopify_product": {"brand_id": "b", "query": "tea", "fields": ["title", "price"]},
    "tiktok_post": {"creator_id": "z", "video_id": "v"},
}
"""One content of each type, as a caller gives it."""

CHANGES: dict[str, dict[str, Any]] = {
    "text": {
        "doc": {
            "type": "doc",
            "content": [
                {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "Hi"}]},
                {"type": "paragraph", "content": [{"type": "text", "text": "there"}]},
            ],
        }
    },
    "chat_bubble": {"message_id": "m2"},
    "agent_snippet": {"input": {"topic": "coffee", "n": None}},
    "embed_panel": {"title": "Another", "provider": "Example"},
    "table_view": {
        "columns": {"c3": {"name": "Price", "type": "number", "order": "n5"}},
        "rows": {
            "r1": {"cells": {"c3": 4.5, "c2": None}},
            "r2": None,
            "r3": {"order": "n9", "cells": {"c1": "x"}},
        },
        "view": {"sort": [], "filter": None},
    },
    "kanban_board": {
        "columns": {"todo": {"limit": None, "name": "Later"}},
        "cards": {
            "k1": {"column": "done", "due": None},
            "k2": {"column": "todo", "title": "New", "order": "n0"},
        },
    },
    "image": {"alt": "", "caption": "Two cups", "url": None, "file_id": "f"},
    "video": {"poster": None},
    "shopify_product": {"fields": ["title"], "product_id": "p", "query": None},
    "tiktok_post": {"brand_id": "b", "creator_id": None},
}
"""A merge patch for each of them."""


def add(doc: Doc, block_id: str, *lines: str, **options: Any) -> None:
    add_text_block(doc, block_id, lines, stamp=ANN, **options)


def ids(doc: Doc) -> list[str]:
    return [block.id for block in read_blocks(doc)]


def synced(*docs: Doc) -> None:
    """Let documents know all that the others have."""
    for doc in docs:
        for other in docs:
            doc.apply_update(other.get_update())


def merged_content(before: Any, patch: Any, type_: str) -> Any:
    """Return what the server's own reader makes of a merge patch."""
    kind = KINDS[type_]
    faults: list[Any] = []
    content = to_json(kind.read(merge_patch(before, patch), 1, faults))
    assert faults == []
    return content


def copy_of(doc: Doc) -> Doc:
    copy: Doc = pycrdt.Doc()
    copy.apply_update(doc.get_update())
    return copy


def test_a_page_has_a_title_once_it_is_written() -> None:
    doc: Doc = pycrdt.Doc()
    assert read_title(doc) is None
    write_meta(doc, title="Plans")
    assert read_title(doc) == "Plans"
    assert doc.get("meta", type=pycrdt.Map[Any]).to_py() == {"title": "Plans", "icon_url": None}
    doc.get("meta", type=pycrdt.Map[Any])["title"] = 5
    assert read_title(doc) is None


def test_a_text_block_is_what_a_tiptap_editor_binds_to() -> None:
    doc: Doc = pycrdt.Doc()
    add(doc, "b1", "Heading", "First", "Sécond 🙂", place=Place(x=3, z_index=2))
    block = doc.get(BLOCKS, type=pycrdt.Map[Any])["b1"]
    assert str(block["content"]["doc"]) == (
        '<heading level="1">Heading</heading><paragraph>First</paragraph><paragraph>Sécond 🙂</paragraph>'
    )
    assert {name: block[name] for name in block if name != "content"} == {
        "id": "b1",
        "type": "text",
        "position_x": 3,
        "position_y": 0,
        "width": 640,
        "height": 240,
        "z_index": 2,
        "order": "n0",
        "created_at": ANN.at,
        "created_by": ANN.by,
    }
    assert read_block(doc, "b1").text == "Heading\nFirst\nSécond 🙂"


def test_a_block_arrives_whole_or_not_at_all() -> None:
    doc: Doc = pycrdt.Doc()
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    add(doc, "b1", "one", "two")
    duplicate_block(doc, "b1", "b2", stamp=BOB)
    change_block(doc, "b1", place={"x": 1, "width": 2}, after="b2", patch={"doc": None})
    subscription.drop()
    assert len(updates) == 3


@pytest.mark.parametrize("type_", KINDS)
def test_every_type_is_created_read_and_changed(type_: str) -> None:
    doc: Doc = pycrdt.Doc()
    add_block(doc, "b", type_, CONTENTS[type_], stamp=ANN, place=Place(1, 2, 3, 4, 5))
    block = read_block(copy_of(doc), "b")
    assert (block.condition, block.faults, block.type, block.schema_version) == ("fine", (), type_, 1)
    assert (block.place, block.created_by) == (Place(1, 2, 3, 4, 5), ANN.by)
    assert contains(block.content, CONTENTS[type_])
    change_block(doc, "b", place={"x": 10}, patch={})
    assert read_block(doc, "b").place == Place(10, 2, 3, 4, 5)
    assert read_block(doc, "b").content == block.content


def contains(value: Any, part: Any) -> bool:
    """Tell whether a value has all that a part of it has."""
    if not isinstance(part, dict):
        return value == part
    members = cast("dict[str, Any]", part)
    return all(key in value and contains(value[key], members[key]) for key in members)


def nested(levels: int) -> dict[str, Any]:
    """Return a rich text of so many nodes in each other."""
    node: dict[str, Any] = {"type": "paragraph", "attrs": {"x": [[1]]}}
    for _ in range(levels - 2):
        node = {"type": "blockquote", "content": [node]}
    return {"type": "doc", "content": [node]}


def test_a_rich_text_is_as_deep_as_one_can_be_wherever_it_lies() -> None:
    doc: Doc = pycrdt.Doc()
    add_block(doc, "a", "text", {"doc": nested(MAX_DEPTH)}, stamp=ANN)
    board: dict[str, Any] = {"columns": {"c": {}}, "cards": {"k": {"column": "c", "doc": nested(MAX_DEPTH)}}}
    add_block(doc, "b", "kanban_board", board, stamp=ANN)
    duplicate_block(doc, "b", "c", stamp=ANN)
    assert read_block(doc, "a").content["doc"] == nested(MAX_DEPTH)
    assert cast("Any", read_block(doc, "c").content)["cards"]["k"]["doc"] == nested(MAX_DEPTH)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    change_block(doc, "a", patch={"doc": nested(MAX_DEPTH)})
    subscription.drop()
    assert updates == []
    for levels in (MAX_DEPTH + 1, 400):
        with pytest.raises(InvalidContentError):
            change_block(doc, "a", patch={"doc": nested(levels)})
    deep: Any = 1
    for _ in range(MAX_VALUE_LEVELS + 1):
        deep = [deep]
    node: dict[str, Any] = {"type": "x", "attrs": {"a": deep}}
    with pytest.raises(InvalidContentError):
        change_block(doc, "a", patch={"doc": {"type": "doc", "content": [node]}})


@pytest.mark.parametrize(
    ("type_", "content", "path"),
    [
        ("text", {"dock": {}}, "content.dock"),
        ("text", {"doc": "plain"}, "content.doc"),
        ("text", {"doc": {"content": [{"type": "text", "text": 5}]}}, "content.doc.content.0.text"),
        ("text", {"doc": {"content": [{"type": "x", "attrs": 5}]}}, "content.doc.content.0.attrs"),
        ("text", {"doc": {"content": [{"type": "x", "content": "y"}]}}, "content.doc.content.0.content"),
        (
            "text",
            {"doc": {"content": [{"type": "text", "text": "x", "marks": [5]}]}},
            "content.doc.content.0.marks.0",
        ),
        ("chat_bubble", {"channel_id": "c"}, "content"),
        ("agent_snippet", {"agent_configuration_id": "a", "status": "running"}, "content.status"),
        ("embed_panel", {"url": "javascript:alert(1)"}, "content.url"),
        ("embed_panel", {"url": "https://example.com", "html": "<b>"}, "content.html"),
        ("table_view", {"columns": {"c": {"nam": 1}}}, "content.columns.c.nam"),
        ("table_view", {"rows": {"r": {"cells": {"c": 1}}}}, "content.rows.r.cells.c"),
        (
            "table_view",
            {"columns": {"c": {"type": "number"}}, "rows": {"r": {"cells": {"c": "x"}}}},
            "content.rows.r.cells.c",
        ),
        ("table_view", {"columns": {"": {}}}, "content.columns"),
        ("kanban_board", {"cards": {"k": {"column": "c"}}}, "content.cards.k.column"),
        ("kanban_board", {"cards": {"k": {"after": "j"}}}, "content.cards.k.after"),
        ("image", {"alt": "x"}, "content"),
        ("video", {"url": 5}, "content.url"),
        ("shopify_product", {"brand_id": "b"}, "content"),
        ("shopify_product", {"brand_id": "b", "query": "q", "cache": {}}, "content.cache"),
        ("tiktok_post", {"video_id": "v"}, "content"),
        ("agent_snippet", {"agent_configuration_id": "a", "input": {"n": 2**60}}, "content.input.n"),
        ("image", {"url": "https://example.com", "alt": "\0"}, "content.alt"),
        ("spaceship", {}, "type"),
    ],
)
def test_what_does_not_fit_its_type_is_refused_with_the_place(
    type_: str, content: dict[str, Any], path: str
) -> None:
    doc: Doc = pycrdt.Doc()
    with pytest.raises(InvalidContentError) as refusal:
        add_block(doc, "b", type_, content, stamp=ANN)
    assert refusal.value.faults[0].path == path
    assert len(blocks_of(doc)) == 0


def test_blocks_stand_where_they_are_put() -> None:
    doc: Doc = pycrdt.Doc()
    for block_id in "abc":
        add(doc, block_id, "x")
    add(doc, "d", "x", after="a")
    add(doc, "e", "x", after=None)
    assert ids(doc) == [*"eadbc"]
    change_block(doc, "c", after="e")
    change_block(doc, "e", after="b")
    assert ids(doc) == [*"cadbe"]
    with pytest.raises(UnknownBlockError):
        change_block(doc, "c", after="nothing")
    with pytest.raises(UnknownBlockError):
        change_block(doc, "c", after="c")


def test_two_who_insert_at_one_place_both_find_their_block_there() -> None:
    ann: Doc = pycrdt.Doc()
    for block_id in "ab":
        add(ann, block_id, "x")
    bob = copy_of(ann)
    add(ann, "c", "x", after="a")
    add(bob, "d", "x", after="a")
    synced(ann, bob)
    assert ids(ann) == ids(bob) == [*"acdb"]
    add(ann, "e", "x", after="c")
    assert ids(ann) == [*"acdeb"]  # c and d share a key: what comes behind either is behind both


def test_a_deleted_block_is_restored_with_what_others_wrote_meanwhile() -> None:
    ann: Doc = pycrdt.Doc()
    add(ann, "a", "Title")
    bob = copy_of(ann)
    delete_block(ann, "a", stamp=BOB)
    blocks_of(bob)["a"]["content"]["doc"].children[0].children[0].insert(5, " typed meanwhile")
    synced(ann, bob)
    assert ids(ann) == []
    gone = read_block(ann, "a")
    assert (gone.is_deleted, gone.deleted_at, gone.deleted_by) == (True, BOB.at, BOB.by)
    for change in (
        lambda: change_block(ann, "a", place={"x": 1}),
        lambda: delete_block(ann, "a", stamp=BOB),
        lambda: duplicate_block(ann, "a", "b", stamp=BOB),
        lambda: add(ann, "b", "x", after="a"),
    ):
        with pytest.raises(UnknownBlockError):
            change()
    restore_block(ann, "a")
    restore_block(ann, "a")
    assert read_block(ann, "a").text == "Title typed meanwhile"
    assert not read_block(ann, "a").is_deleted


def test_what_has_been_in_the_trash_for_long_is_taken_out() -> None:
    doc: Doc = pycrdt.Doc()
    for block_id in "abc":
        add(doc, block_id, "x")
    delete_block(doc, "a", stamp=ANN)
    delete_block(doc, "b", stamp=BOB)
    assert purge(doc, deleted_before=BOB.at) == 1
    assert [entry.id for entry in read_entries(doc)] == ["b", "c"]


def test_a_copy_has_all_that_the_block_has_and_is_another() -> None:
    doc: Doc = pycrdt.Doc()
    add(doc, "a", "one")
    add(doc, "z", "x")
    block = blocks_of(doc)["a"]
    text = block["content"]["doc"].children[0].children[0]
    text.insert(3, "bold", {"bold": {}})
    text.insert_embed(0, {"image": 1})
    block["content"]["later"] = pycrdt.Map[Any]({"list": pycrdt.Array[Any]([1, b"x", {"a": None}])})
    duplicate_block(doc, "a", "b", stamp=BOB)
    copy = blocks_of(doc)["b"]
    assert ids(doc) == [*"abz"]
    assert str(copy["content"]["doc"]) == str(block["content"]["doc"])
    assert copy["content"]["doc"].children[0].children[0].diff() == text.diff()
    assert copy["content"]["later"].to_py() == block["content"]["later"].to_py()
    assert (copy["id"], copy["created_by"], copy["position_x"]) == ("b", BOB.by, 24)
    text.insert(0, "changed ")
    assert "changed" not in read_block(doc, "b").text


def test_a_block_moves_to_another_page_as_it_is() -> None:
    here: Doc = pycrdt.Doc()
    there: Doc = pycrdt.Doc()
    add_block(here, "a", "kanban_board", CONTENTS["kanban_board"], stamp=ANN)
    add(there, "b", "x")
    before = read_block(here, "a")
    delete_block(here, "a", stamp=BOB, moved_to="there")
    copy_block(blocks_of(here)["a"], there, "a", after=None)
    after = read_block(there, "a")
    assert ids(there) == ["a", "b"]
    assert (after.content, after.created_by, after.is_deleted) == (before.content, ANN.by, False)
    assert read_block(here, "a").moved_to == "there"
    restore_block(here, "a")
    assert read_block(here, "a").content == before.content


def test_unknown_types_and_newer_versions_are_kept_and_can_be_put_elsewhere() -> None:
    doc: Doc = pycrdt.Doc()
    fields = {"id": "a", "order": "n0", "created_at": ANN.at, "created_by": ANN.by} | dict.fromkeys(
        ("position_x", "position_y", "width", "height", "z_index"), 1
    )
    blocks_of(doc)["a"] = pycrdt.Map[Any](
        {**fields, "type": "hologram", "content": pycrdt.Map[Any]({"x": 5})}
    )
    blocks_of(doc)["b"] = pycrdt.Map[Any](
        {**fields, "id": "b", "type": "image", "schema_version": 9, "content": {"src": "x"}}
    )
    for block_id, content, path in (("a", {"x": 5}, "type"), ("b", {"src": "x"}, "schema_version")):
        block = read_block(doc, block_id)
        assert (block.condition, block.content) == ("unreadable", content)
        assert [fault.path for fault in block.faults] == [path]
        with pytest.raises(UnreadableBlockError):
            change_block(doc, block_id, place={"x": 7}, patch={"x": 6})
        assert read_block(doc, block_id).place.x == 1
        change_block(doc, block_id, place={"x": 7})
        duplicate_block(doc, block_id, f"{block_id}2", stamp=BOB)
        copy = read_block(doc, f"{block_id}2")
        assert (copy.content, copy.type, copy.place.x) == (content, block.type, 31)


def test_the_seeds_name_for_several_products_is_understood() -> None:
    doc: Doc = pycrdt.Doc()
    add_block(doc, "a", "shopify_product", CONTENTS["shopify_product"], stamp=ANN)
    blocks_of(doc)["a"]["type"] = "shopify_product_lister"
    block = read_block(doc, "a")
    assert (block.type, block.condition, block.content["query"]) == ("shopify_product", "fine", "tea")


def test_what_a_client_wrote_as_plain_objects_is_read_and_repaired_when_it_is_changed() -> None:
    doc: Doc = pycrdt.Doc()
    add_block(doc, "a", "table_view", CONTENTS["table_view"], stamp=ANN)
    content = read_block(doc, "a").content
    blocks_of(doc)["a"]["content"] = {**content, "extra": 1}
    assert read_block(doc, "a").content == content
    change_block(doc, "a", patch={"rows": {"r1": {"cells": {"c1": "Coffee"}}}})
    lying = blocks_of(doc)["a"]["content"]
    assert lying["rows"]["r1"]["cells"]["c1"] == "Coffee"
    assert lying["extra"] == 1


def test_markup_that_anybody_has_written_is_read_without_what_acts() -> None:
    doc: Doc = pycrdt.Doc()
    add_block(doc, "b", "embed_panel", CONTENTS["embed_panel"], stamp=ANN)
    content = cast("pycrdt.Map[Any]", blocks_of(doc)["b"]["content"])
    content["html"] = written = (
        '<b onclick="x()">Hi</b><script>x()</script><a href="javascript:x()">there</a>'
    )
    assert read_block(doc, "b").content["html"] == "<b>Hi</b><a>there</a>"
    content["html"] = written = written + "<" * 40_000
    assert read_block(doc, "b").content["html"] == ""
    change_block(doc, "b", patch={"title": "Other"})
    assert read_block(doc, "b").content["title"] == "Other"
    assert content["html"] == written
