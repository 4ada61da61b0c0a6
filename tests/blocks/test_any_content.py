"""Whatever clients have written into a page: it is read, told, kept, and can be worked with."""

import contextlib
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, cast

import msgspec
import pycrdt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.copying import MAX_LEVELS, copy_entry
from blocks.errors import BlocksError, UnreadableBlockError
from blocks.html_policy import sanitize
from blocks.html_writer import to_html
from blocks.kinds import KINDS
from blocks.page import blocks_of, read_block, read_blocks, read_content, read_entries, read_title
from blocks.page_copies import copy_page
from blocks.page_edits import (
    Stamp,
    add_text_block,
    change_block,
    delete_block,
    duplicate_block,
    restore_block,
)
from blocks.page_json import add_from_json, blocks_to_json
from blocks.page_text import block_tree, page_to_html, page_to_markdown, parse_page, write_page
from blocks.retargeting import addresses_in, retarget
from tests.blocks.contents import any_page
from tests.blocks.test_page import CONTENTS

ANN = Stamp("2026-01-01T00:00:00Z", "user:ann")
Doc = pycrdt.Doc[Any]

slowly = settings(
    max_examples=settings().max_examples * 3 // 5,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@slowly
@given(any_page())
def test_any_page_is_read_and_nothing_is_dropped_or_changed(doc: Doc) -> None:
    changes: list[pycrdt.TransactionEvent] = []
    subscription = doc.observe(changes.append)
    title = read_title(doc)
    assert title is None or isinstance(title, str)
    entries = read_entries(doc)
    assert {entry.id for entry in entries} == {*blocks_of(doc).keys()}
    blocks = [read_block(doc, entry.id) for entry in entries]
    for entry, block in zip(entries, blocks, strict=True):
        assert entry.is_deleted == block.is_deleted
        assert (block.condition == "fine") == (not block.faults)
        msgspec.json.decode(msgspec.json.encode(block))
    assert [block.id for block in read_blocks(doc)] == [block.id for block in blocks if not block.is_deleted]
    subscription.drop()
    assert changes == []


@slowly
@given(any_page(), st.sampled_from([*KINDS]))
def test_any_page_can_be_worked_with(doc: Doc, type_: str) -> None:
    steps: list[Callable[[str], object]] = [
        lambda block_id: change_block(doc, block_id, place={"x": 1, "width": 5}),
        lambda block_id: change_block(doc, block_id, after=None),
        lambda block_id: change_block(doc, block_id, patch=CONTENTS[type_]),
        lambda block_id: duplicate_block(doc, block_id, f"{block_id}2", stamp=ANN),
        lambda block_id: delete_block(doc, block_id, stamp=ANN),
        lambda block_id: restore_block(doc, block_id),
    ]
    for entry in read_entries(doc):
        before = read_block(doc, entry.id)
        for step in steps:
            with contextlib.suppress(BlocksError):
                step(entry.id)
        is_fitting = before.type in KINDS and CONTENTS[type_].keys() <= KINDS[before.type].fields
        if entry.id in blocks_of(doc) and not is_fitting:
            assert read_block(doc, entry.id).content == before.content
        add_text_block(doc, f"{entry.id}3", ["still here"], stamp=ANN)
        assert read_block(doc, f"{entry.id}3").text == "still here"


@slowly
@given(any_page())
def test_a_copy_of_anything_reads_as_the_thing_itself(doc: Doc) -> None:
    target: Doc = pycrdt.Doc()
    for entry in read_entries(doc):
        copy_entry(blocks_of(target), entry.id, blocks_of(doc)[entry.id])
        copy, block = read_block(target, entry.id), read_block(doc, entry.id)
        assert (copy.type, copy.content, copy.text) == (block.type, block.content, block.text)


@slowly
@given(any_page())
def test_a_change_that_is_taken_is_there(doc: Doc) -> None:
    for entry in read_entries(doc):
        block = blocks_of(doc)[entry.id]
        kind = read_content(cast("pycrdt.Map[Any]", block)).kind if isinstance(block, pycrdt.Map) else None
        if kind is None:
            continue
        with contextlib.suppress(BlocksError):
            change_block(doc, entry.id, patch=CONTENTS[kind.name])
            content = read_block(doc, entry.id).content
            for key, value in CONTENTS[kind.name].items():
                assert isinstance(value, dict) or content[key] == value


@slowly
@given(any_page())
def test_any_page_is_given_as_text_and_what_is_brought_back_as_it_was_changes_nothing(doc: Doc) -> None:
    changes: list[pycrdt.TransactionEvent] = []
    subscription = doc.observe(changes.append)
    markdown, html = page_to_markdown(doc), page_to_html(doc)
    assert html == sanitize(html)
    (markdown + html + words(doc)).encode()
    write_page(doc, parse_page(markdown), stamp=ANN, new_id=lambda: "new")
    subscription.drop()
    assert changes == []


@slowly
@given(any_page())
def test_any_page_is_exported_imported_copied_and_shown(doc: Doc) -> None:
    shown = [block for block in read_blocks(doc) if block.condition != "unreadable"]
    entries = cast("list[Mapping[str, Any]]", msgspec.json.decode(msgspec.json.encode(blocks_to_json(doc))))
    imported, copied = pycrdt.Doc[Any](), pycrdt.Doc[Any]()
    ids = map(str, count())
    notes = [*add_from_json(imported, entries, new_id=ids.__next__, stamp=ANN)]
    assert len(blocks_of(imported)) + len(notes) == len(entries)
    made = copy_page(doc, copied, new_id=ids.__next__, stamp=ANN, ids={}, fields={}, title="Copy")
    assert len(made) == len([*read_blocks(copied)]) >= len(shown)
    assert words(copied) == "\n".join(block.text for block in read_blocks(doc) if block.text)
    for block in read_blocks(doc):
        tree = block_tree(doc, block)
        html = to_html(retarget(tree, link=lambda address: None, image=lambda address: None))
        assert html == sanitize(html)
        assert all(isinstance(address, str) for address in addresses_in(tree))


def words(doc: Doc) -> str:
    return "\n".join(block.text for block in read_blocks(doc) if block.text)


def test_what_is_nested_without_end_is_read_as_far_as_anybody_looks() -> None:
    doc: Doc = pycrdt.Doc()
    add_text_block(doc, "a", ["x"], stamp=ANN)
    place: pycrdt.Map[Any] = blocks_of(doc)["a"]["content"]
    for _ in range(3 * MAX_LEVELS):
        place["columns"] = pycrdt.Map[Any]()
        place = place["columns"]
    assert read_block(doc, "a").text == "x"
    with pytest.raises(UnreadableBlockError):
        duplicate_block(doc, "a", "b", stamp=ANN)
    assert [entry.id for entry in read_entries(doc)] == ["a"]
