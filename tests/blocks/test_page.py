"""A page's document, as its schema says."""

from typing import Any

import pycrdt

from blocks.page import BLOCKS, Place, add_text_block, read_title, write_meta


def add(doc: pycrdt.Doc[Any], block_id: str, *lines: str) -> None:
    add_text_block(
        doc,
        block_id,
        lines,
        place=Place(x=3, z_index=2),
        created_at="2026-01-01T00:00:00Z",
        created_by="user:1",
    )


def test_a_page_has_a_title_once_it_is_written() -> None:
    doc = pycrdt.Doc[Any]()
    assert read_title(doc) is None
    write_meta(doc, title="Plans")
    assert read_title(doc) == "Plans"
    assert doc.get("meta", type=pycrdt.Map[Any]).to_py() == {"title": "Plans", "icon_url": None}


def test_a_text_block_is_what_a_tiptap_editor_binds_to() -> None:
    doc = pycrdt.Doc[Any]()
    add(doc, "b1", "Heading", "First", "Sécond 🙂")
    block = doc.get(BLOCKS, type=pycrdt.Map[Any])["b1"]
    assert str(block["content"]["doc"]) == (
        '<heading level="1">Heading</heading><paragraph>First</paragraph><paragraph>Sécond 🙂</paragraph>'
    )
    fields = {name: block[name] for name in block if name != "content"}
    assert fields == {
        "id": "b1",
        "type": "text",
        "position_x": 3,
        "position_y": 0,
        "width": 640,
        "height": 240,
        "z_index": 2,
        "order": "n0",
        "created_at": "2026-01-01T00:00:00Z",
        "created_by": "user:1",
    }


def test_blocks_follow_each_other() -> None:
    doc = pycrdt.Doc[Any]()
    for block_id in ("a", "b", "c"):
        add(doc, block_id, "x")
    blocks = doc.get(BLOCKS, type=pycrdt.Map[Any])
    assert sorted(blocks, key=lambda block_id: blocks[block_id]["order"]) == ["a", "b", "c"]


def test_a_block_arrives_whole_or_not_at_all() -> None:
    doc, updates = pycrdt.Doc[Any](), list[bytes]()
    subscription = doc.observe(lambda event: updates.append(event.update))
    add(doc, "b1", "one", "two")
    subscription.drop()
    assert len(updates) == 1
