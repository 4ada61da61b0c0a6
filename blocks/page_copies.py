"""Copies of whole pages: the same content in a new document, as somebody's own.

Blocks get ids of their own and keep their places, their order and whatever is in them. What a template leaves
open, `{{title}}` and the like, is filled in on the way. Pure.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import pycrdt

from blocks.copying import Words, copy_entry
from blocks.errors import UnreadableBlockError
from blocks.page import BLOCKS, CONTENT, META, blocks_of, read_entries
from blocks.page_edits import MARKS, Stamp

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FIELD = re.compile(r"{{\s*([a-z]+)\s*}}")

_OF_A_RUN = ("run_id", "status")
"""What a block of an agent has of a run, which is its original's."""


def copy_page(
    source: pycrdt.Doc[Any],
    target: pycrdt.Doc[Any],
    *,
    new_id: Callable[[], str],
    stamp: Stamp,
    ids: Mapping[str, str],
    fields: Mapping[str, str],
    title: str,
) -> list[str]:
    """Put all that is shown of a page into an empty document; return the ids of its blocks.

    `ids` are those of pages that are copied together: what leads from one to another leads to the copies.
    `fields` are what placeholders stand for. A block that is none, or nested too deep, stays behind.
    """
    with source.transaction(), target.transaction():
        living = [entry.id for entry in read_entries(source) if not entry.is_deleted]
        fresh = {block_id: new_id() for block_id in living}
        words = words_of({**fresh, **ids}, fields)
        meta = source.get(META, type=pycrdt.Map[Any])
        for key in sorted(meta.keys()):
            copy_entry(target.get(META, type=pycrdt.Map[Any]), key, meta[key], words=words)
        if "title" in meta:
            target.get(META, type=pycrdt.Map[Any])["title"] = title
        return [
            fresh[block_id]
            for block_id in living
            if _copy_block(blocks_of(source)[block_id], target, fresh[block_id], stamp, words)
        ]


def words_of(ids: Mapping[str, str], fields: Mapping[str, str]) -> Words:
    """Return what has a text say other ids, and what placeholders stand for."""

    def say(text: str) -> str:
        if fields and "{{" in text:
            text = _FIELD.sub(lambda found: fields.get(found[1], found[0]), text)
        return _ID.sub(lambda found: ids.get(found[0], found[0]), text)

    return say


def _copy_block(block: object, target: pycrdt.Doc[Any], block_id: str, stamp: Stamp, words: Words) -> bool:
    if not isinstance(block, pycrdt.Map):
        return False
    source = cast("pycrdt.Map[Any]", block)
    blocks = target.get(BLOCKS, type=pycrdt.Map[Any])
    blocks[block_id] = pycrdt.Map[Any]()
    copy: pycrdt.Map[Any] = blocks[block_id]
    try:
        for key in sorted({*source.keys()} - MARKS):
            copy_entry(copy, key, source[key], words=words)
    except UnreadableBlockError:
        del blocks[block_id]
        return False
    copy["id"] = block_id
    copy["created_at"], copy["created_by"] = stamp.at, stamp.by
    content: object = copy.get(CONTENT)
    if copy.get("type") == "agent_snippet" and isinstance(content, pycrdt.Map):
        snippet = cast("pycrdt.Map[Any]", content)
        for key in _OF_A_RUN:
            if key in snippet:
                del snippet[key]
    return True
