"""The part of an export that is for people: pages as a tree of Markdown files, channels as messages.

Pure. What is read here is never imported again; the documents' states are.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pycrdt
import yaml

from blocks import channel, page
from blocks.markdown_writer import to_markdown
from blocks.page_text import markdown_of
from blocks.tree import Element, Text, document

MOST_NAME = 80
MOST_LEVELS = 40
"""Folders in each other; deeper pages lie side by side."""

Row = Mapping[str, Any]


def page_paths(pages: Sequence[Row]) -> dict[UUID, str]:
    """Return where each page's file is: those below a page in a folder of its name, the trash by itself."""
    children: dict[UUID | None, list[Row]] = {}
    ids = {row["id"] for row in pages}
    for row in sorted(pages, key=lambda row: (row["order_key"], row["id"])):
        parent = row["parent_page_id"]
        is_top = parent not in ids or (row["trashed_at"] is not None and _is_root_of_trash(row, pages))
        children.setdefault(None if is_top else parent, []).append(row)
    paths: dict[UUID, str] = {}
    taken: set[str] = set()
    waiting: list[tuple[Row, str, int]] = [(row, "", 1) for row in reversed(children.get(None, []))]
    while waiting:
        row, folder, level = waiting.pop()
        if not folder:
            folder = "pages" if row["trashed_at"] is None else "pages/.trash"
        path = free_path(f"{folder}/{file_name(row['title'])}", "", taken)
        paths[row["id"]] = f"{path}.md"
        inner, deeper = (path, level + 1) if level < MOST_LEVELS else (folder, level)
        waiting += [(child, inner, deeper) for child in reversed(children.get(row["id"], []))]
    return paths


def write_page(row: Row, doc: pycrdt.Doc[Any], author: str | None) -> bytes:
    """Return a page as Markdown with front matter."""
    head = {
        "id": str(row["id"]),
        "title": row["title"],
        "icon_url": row["icon_url"],
        "parent_page_id": str(row["parent_page_id"]) if row["parent_page_id"] else None,
        "created_at": row["created_at"].isoformat(),
        "updated_at": row["updated_at"].isoformat(),
        "created_by": author,
        "document": f"page:{row['id']}",
    }
    parts = write_head({name: value for name, value in head.items() if value is not None}, row["title"])
    for block in page.read_blocks(doc):
        if text := markdown_of(doc, block).strip("\n"):
            parts.append(f"{text}\n")
    return "\n".join(parts).encode()


def write_head(facts: Mapping[str, Any], title: str) -> list[str]:
    """Return the front matter of a page, each fact on one line, and its title as a heading."""
    front = yaml.safe_dump(dict(facts), allow_unicode=True, width=sys.maxsize)
    line = " ".join(title.split())
    heading = Element("heading", {"level": 1}, (Text(line),) if line else ())
    return [f"---\n{front}---\n", to_markdown(document((heading,)))]


def write_messages(doc: pycrdt.Doc[Any], archived: Sequence[Row]) -> Iterator[bytes]:
    """Yield a channel's messages as JSON lines: those that left its document, then the others."""
    live = channel.read_messages(doc)
    ids = {message.id for message in live}
    for row in sorted(archived, key=lambda row: row["id"]):
        if str(row["id"]) not in ids:
            yield msgspec.json.encode({name: row[name] for name in channel.Message.__struct_fields__}) + b"\n"
    for message in live:
        yield msgspec.json.encode(message) + b"\n"


def file_name(title: str) -> str:
    """Return a name that every file system takes."""
    text = unicodedata.normalize("NFC", title)
    text = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]+', " ", text)
    text = " ".join(text.split()).strip(". ")[:MOST_NAME].strip(". ")
    is_reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", text)
    return f"_{text}" if is_reserved else text or "Untitled"


def channel_path(row: Row, taken: set[str]) -> str:
    """Return where a channel's messages are."""
    return free_path(f"channels/{file_name(row['name'])}", "", taken) + ".jsonl"


def free_path(path: str, suffix: str, taken: set[str]) -> str:
    """Return the path, numbered where it is taken; case does not tell files apart everywhere."""
    name, number = f"{path}{suffix}", 1
    while name.lower() in taken:
        number += 1
        name = f"{path} ({number}){suffix}"
    taken.add(name.lower())
    return name


def _is_root_of_trash(row: Row, pages: Sequence[Row]) -> bool:
    parents = {one["id"]: one for one in pages}
    parent = parents.get(row["parent_page_id"])
    return parent is None or parent["trashed_at"] is None
