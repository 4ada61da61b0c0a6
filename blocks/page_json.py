"""A page's blocks in JSON, with all that the document has of them that JSON can say, and back. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import msgspec
import pycrdt

from blocks.errors import InvalidContentError
from blocks.kind import Fields
from blocks.page import PLACE_FIELDS, Block, Place, read_blocks
from blocks.page_edits import Queue, Stamp, add_block
from blocks.page_text import page_trees
from blocks.tree import Element


class Shown(msgspec.Struct, frozen=True):
    """What is shown of a page, as one reads it and in JSON: block by block, in its order."""

    trees: list[Element]
    blocks: list[dict[str, Any]]


def read_shown(doc: pycrdt.Doc[Any]) -> Shown:
    """Return what is shown of a page."""
    return Shown(page_trees(doc), blocks_to_json(doc))


def blocks_to_json(doc: pycrdt.Doc[Any]) -> list[dict[str, Any]]:
    """Return what is shown of a page, in its order."""
    return [_to_json(block) for block in read_blocks(doc)]


def _to_json(block: Block) -> dict[str, Any]:
    return {
        "id": block.id,
        "type": block.type,
        "schema_version": block.schema_version,
        **{key: getattr(block.place, name) for name, key in PLACE_FIELDS.items()},
        "created_at": block.created_at,
        "created_by": block.created_by,
        "content": block.content,
    }


def add_from_json(
    doc: pycrdt.Doc[Any], entries: list[Mapping[str, Any]], *, new_id: Callable[[], str], stamp: Stamp
) -> Iterator[str]:
    """Add blocks behind those that are there; give what could not be added, in words.

    What only the server writes is left out, and with a content of a newer version the block.
    """
    queue = Queue(doc)
    for number, entry in enumerate(entries, 1):
        type_, content = entry.get("type"), entry.get("content")
        if not isinstance(type_, str) or not isinstance(content, dict):
            yield f"block {number} is none"
            continue
        fields = cast("Fields", content)
        try:
            place = _place(entry)
            add_block(doc, new_id(), type_, fields, stamp=stamp, place=place, queue=queue, by_server=True)
        except InvalidContentError as error:
            yield f"block {number} ({type_}): {error}"


def _place(entry: Mapping[str, Any]) -> Place:
    found: dict[str, int] = {}
    for name, key in PLACE_FIELDS.items():
        value = entry.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 10**9:
            found[name] = value if name not in ("width", "height") else max(value, 0)
    return Place(**found)
