"""A page's document, `page:{page_id}`: its schema and the operations on it.

    meta      Map {title, icon_url}
    blocks    Map of block id -> Map {id, type, position_x, position_y, width, height, z_index, order,
              created_at, created_by, content}

Times are RFC 3339 strings; `order` is a key of `blocks.order`. Pure: ids and times are arguments.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pycrdt

from blocks.order import key_between
from blocks.richtext import write_paragraphs

META = "meta"
BLOCKS = "blocks"


class Place(msgspec.Struct, frozen=True):
    """Where a block lies on the canvas, in canvas units."""

    x: int = 0
    y: int = 0
    width: int = 640
    height: int = 240
    z_index: int = 0


def read_title(doc: pycrdt.Doc[Any]) -> str | None:
    """Return the page's title, None while nobody has written one."""
    return doc.get(META, type=pycrdt.Map[str]).get("title")


def write_meta(doc: pycrdt.Doc[Any], *, title: str, icon_url: str | None = None) -> None:
    """Write what the page is called and looks like."""
    meta = doc.get(META, type=pycrdt.Map[str | None])
    with doc.transaction():
        meta["title"] = title
        meta["icon_url"] = icon_url


def add_text_block(
    doc: pycrdt.Doc[Any],
    block_id: str,
    lines: Sequence[str],
    *,
    place: Place,
    created_at: str,
    created_by: str,
) -> None:
    """Add a block of type `text` behind the others: the first line is its heading, the rest paragraphs."""
    blocks = doc.get(BLOCKS, type=pycrdt.Map[pycrdt.Map[Any]])
    with doc.transaction():
        last = max((str(block["order"]) for block in blocks.values()), default=None)
        blocks[block_id] = pycrdt.Map[Any](
            {
                "id": block_id,
                "type": "text",
                "position_x": place.x,
                "position_y": place.y,
                "width": place.width,
                "height": place.height,
                "z_index": place.z_index,
                "order": key_between(last, None),
                "created_at": created_at,
                "created_by": created_by,
                "content": pycrdt.Map[Any]({"doc": pycrdt.XmlFragment()}),
            }
        )
        write_paragraphs(blocks[block_id]["content"]["doc"], lines)
