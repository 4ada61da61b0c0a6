"""What a file of an import becomes: the content of a page. Pure, and made to run in a child process.

Whatever is in a file gives a page or a refusal in words. Texts are taken as they are where nothing better can
be made of them.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, cast

import msgspec
import pycrdt
import yaml

from blocks.errors import InvalidContentError, TooManyElementsError
from blocks.html_reader import from_html
from blocks.kind import Fields
from blocks.links import file_of
from blocks.markdown_reader import count_elements, from_markdown
from blocks.order import key_between
from blocks.page_copies import words_of
from blocks.page_edits import Queue, Stamp, add_block, write_meta
from blocks.page_json import add_from_json
from blocks.page_text import MAX_ELEMENTS
from blocks.retargeting import retarget
from blocks.tiptap import paragraph
from blocks.tree import Element, Json, Node, Text, to_json
from server.page_imports.plan import Kind, resolve
from server.pages.making import Content
from storage.ids import Uuid7

MOST_BYTES = 2 * 1024 * 1024
"""Of a text."""
MOST_NODES = 40_000
"""Of one text in JSON, which people wrote in an editor: writing so many takes some ten seconds, and twice as
many four times as long."""
MOST_STYLES = 5000
"""Texts in one paragraph, likewise."""
MOST_ROWS = 10_000
MOST_CELL = 5000

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^title:(.*)(?:\n[ \t]+.*)*", re.MULTILINE)
# Bounded: of a text of nothing but beginnings each would be looked through to the end.
_HTML_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{0,5000})</title>", re.IGNORECASE)
_NOTION_TITLE = re.compile(r"<h1[^<>]{0,200}class=\"page-title\"[^<>]{0,200}>")
_NOTION_ICON = re.compile(r"<div class=\"page-header-icon[^<>]{0,200}>")
_NOTION_NO_WORDS = re.compile(r"<p class=\"page-description\"[^<>]{0,200}></p>")
_NOTION_NEXT_ITEM = re.compile(
    r"</ul>(?:</div><div style=\"display:contents\"[^<>]{0,50}>)?<ul [^<>]{0,200}>"
    r"|</ol>(?:</div><div style=\"display:contents\"[^<>]{0,50}>)?<ol [^<>]{0,200}start=\"(?!1\")\d{1,9}\">"
)
"""Notion writes each item as a list of its own."""


class RefusedError(Exception):
    """Nothing can be made of a file; the message says why, for people."""


class Built(msgspec.Struct, frozen=True):
    """A page's content, what it is called, which files it shows, and what did not come along."""

    content: Content
    title: str
    file_ids: list[str]
    notes: list[str]


class _Page:
    """A page that is being built."""

    def __init__(self, path: str, addresses: Mapping[str, str], stamp: Stamp) -> None:
        self.doc = pycrdt.Doc[Any]()
        self.block_ids: list[str] = []
        self.file_ids: dict[str, None] = {}
        self.notes: list[str] = []
        self.stamp = stamp
        self.addresses = addresses
        self._path = path
        self._queue = Queue(self.doc)
        self._new_id = Uuid7()

    def lead(self, address: str) -> str | None:
        """Return where an address leads; note the file if it is one of the import's."""
        target = resolve(address, self._path, self.addresses)
        if target is not None and target.startswith("/v1/files/") and (file_id := file_of(target)):
            self.file_ids[str(file_id)] = None
        return target

    def new_id(self) -> str:
        block_id = str(self._new_id())
        self.block_ids.append(block_id)
        return block_id

    def add(self, type_: str, content: Fields) -> None:
        add_block(self.doc, self.new_id(), type_, content, stamp=self.stamp, queue=self._queue)

    def add_tree(self, tree: Element) -> None:
        """Add a rich text; pictures that stand alone in it become blocks of their own."""
        text: list[Node] = []
        for node in retarget(tree, link=self.lead, image=self.lead).content:
            if isinstance(node, Element) and node.type == "image":
                self._add_text(text)
                text = []
                self._add_image(node)
            else:
                text.append(node)
        self._add_text(text)

    def _add_text(self, nodes: list[Node]) -> None:
        if not nodes:
            return
        try:
            self.add("text", _doc(nodes))
        except InvalidContentError:
            self.notes.append("what is nested too deep is kept as plain lines")
            self.add("text", _doc([paragraph(Text(words)) for node in nodes if (words := _words(node))]))

    def _add_image(self, node: Element) -> None:
        source = str(node.attrs.get("src"))
        file_id = file_of(source)
        content: Fields = {"file_id": str(file_id)} if file_id else {"url": source}
        if isinstance(alt := node.attrs.get("alt"), str):
            content["alt"] = alt[:5000]
        try:
            self.add("image", content)
        except InvalidContentError:
            self._add_text([node])  # an address that a block does not take


def build_page(
    data: bytes, kind: Kind, path: str, title: str, addresses: Mapping[str, str], stamp: Stamp
) -> Built:
    """Return what a file becomes; `addresses` are those of all that is imported. Raises RefusedError."""
    page = _Page(path, addresses, stamp)
    match kind:
        case "markdown":
            title = _add_markdown(page, _text(data), title)
        case "html":
            title = _add_html(page, _text(data), title)
        case "json":
            title = _add_json(page, data, title)
        case "csv":
            _add_table(page, _text(data, most=8 * MOST_BYTES))
        case "folder":
            pass
    title = title.replace("\0", "\ufffd")[:500]
    write_meta(page.doc, title=title)
    content = Content(page.doc.get_update(), page.doc.client_id, page.block_ids)
    return Built(content, title, [*page.file_ids], page.notes)


def id_in_json(data: bytes) -> str | None:
    """Return the id that a page in JSON had, None for JSON that is no page."""
    try:
        return msgspec.json.decode(data, type=_JsonHead).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _text(data: bytes, most: int = MOST_BYTES) -> str:
    if len(data) > most:
        raise RefusedError(f"It has more than {most} bytes.")
    for encoding in ("utf-8-sig", "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"):
        try:
            return data.decode(encoding).replace("\0", "\ufffd")
        except UnicodeDecodeError:
            continue
    if b"\0" in data:
        raise RefusedError("It is no text.")
    return data.decode("cp1252", "replace")


def _add_markdown(page: _Page, text: str, title: str) -> str:
    front = _FRONT.match(text)
    said = None
    if front is not None:
        text = text[front.end() :]
        said = _said_title(front[1]) or None
    try:
        tree = from_markdown(text, most=MAX_ELEMENTS)
    except TooManyElementsError as error:
        raise RefusedError(str(error)) from error
    first = tree.content[0] if tree.content else None
    if isinstance(first, Element) and first.type == "heading" and first.attrs.get("level") == 1:
        heading = _words(first).strip()
        if said is None or " ".join(said.split()) == heading:
            # Exporters write the title as the first line.
            said = said or heading or title
            tree = Element("doc", {}, tree.content[1:])
    page.add_tree(tree)
    return said or title


def _add_html(page: _Page, text: str, title: str) -> str:
    found = _HTML_TITLE.search(text)
    tree = from_html(_without_frame(text))
    if count_elements(tree) > MAX_ELEMENTS:
        raise RefusedError(str(TooManyElementsError(MAX_ELEMENTS)))
    page.add_tree(tree)
    return (_words(from_html(found[1])).strip() if found else "") or title


def _without_frame(text: str) -> str:
    """Leave out what Notion writes around the texts of a page: its title and icon, and the ends of items."""
    begin = _NOTION_TITLE.search(text)
    if begin is None:
        return text
    head = _without(text[: begin.start()], _NOTION_ICON, "</div>")
    body = _NOTION_NO_WORDS.sub("", _without(text[begin.start() :], _NOTION_TITLE, "</h1>"), count=1)
    return head + _NOTION_NEXT_ITEM.sub("", body)


def _without(text: str, begin: re.Pattern[str], end: str) -> str:
    found = begin.search(text)
    at = text.find(end, found.end()) if found else -1
    return text if found is None or at < 0 else text[: found.start()] + text[at + len(end) :]


class _JsonHead(msgspec.Struct, frozen=True):
    format: str
    id: str

    def __post_init__(self) -> None:
        if self.format != "ionflux.page.1" or not re.fullmatch(
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", self.id
        ):
            raise ValueError("no page")


class _JsonPage(_JsonHead, frozen=True):
    title: str = ""
    files: dict[str, str] = {}
    blocks: list[dict[str, Any]] = []


def _add_json(page: _Page, data: bytes, title: str) -> str:
    if len(data) > 16 * MOST_BYTES:
        raise RefusedError(f"It has more than {16 * MOST_BYTES} bytes.")
    try:
        said = msgspec.json.decode(data, type=_JsonPage)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"It is no page in JSON: {error}.") from error
    if any(_has_too_many_nodes(text) for text in _rich_texts(said.blocks)):
        raise RefusedError(
            f"One of its texts has more than {MOST_NODES:,} paragraphs, items and cells,"
            f" or {MOST_STYLES:,} changes of style in one of them."
        )
    ids = {
        old: str(file_id)
        for old, at in said.files.items()
        if (target := page.lead(at)) is not None and (file_id := file_of(target)) is not None
    }
    ids |= _page_ids(page)
    words = words_of(ids, {})
    entries = cast("list[Mapping[str, Any]]", _said_again(said.blocks, words))
    page.notes += add_from_json(page.doc, entries, new_id=page.new_id, stamp=page.stamp)
    return said.title or title


def _rich_texts(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    waiting: list[object] = [*blocks]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += cast("list[object]", value)
        elif isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            if members.get("type") == "doc":
                yield members
            else:
                waiting += members.values()


def _has_too_many_nodes(text: dict[str, Any]) -> bool:
    waiting, count = [text], 0
    while waiting and count <= MOST_NODES:
        content: object = waiting.pop().get("content")
        nodes = cast("list[object]", content) if isinstance(content, list) else []
        found = [cast("dict[str, Any]", node) for node in nodes if isinstance(node, dict)]
        if sum(node.get("type") == "text" for node in found) > MOST_STYLES:
            return True
        count += len(found)
        waiting += found
    return count > MOST_NODES


def _page_ids(page: _Page) -> dict[str, str]:
    return {
        old.removeprefix("page:"): new.removeprefix("page:")
        for old, new in page.addresses.items()
        if old.startswith("page:")
    }


def _said_again(value: object, words: Callable[[str], str], levels: int = 64) -> object:
    match value:
        case str():
            return words(value)
        case list() if levels:
            return [_said_again(item, words, levels - 1) for item in cast("list[object]", value)]
        case dict() if levels:
            members = cast("dict[str, object]", value)
            return {name: _said_again(member, words, levels - 1) for name, member in members.items()}
        case _:
            return value


def _add_table(page: _Page, text: str) -> None:
    lines = csv.reader(io.StringIO(text))
    try:
        head = next(lines, list[str]())
        rows = list(islice(lines, MOST_ROWS))
        beyond = sum(1 for _ in lines)  # millions, where nothing is in them
    except csv.Error as error:
        raise RefusedError(f"It is no table: {error}.") from error
    if beyond:
        page.notes.append(f"{beyond} rows beyond the first {MOST_ROWS} are left out")
    if len(head) > 500:
        raise RefusedError("It has more than 500 columns.")
    if any(len(cell) > MOST_CELL for row in rows for cell in row):
        page.notes.append(f"cells are cut off behind {MOST_CELL} characters")
    keys = _order_keys(max(len(head), len(rows)))
    types = [_type_of([row[n] for row in rows if n < len(row)]) for n in range(len(head))]
    columns: dict[str, Json] = {
        f"c{n}": {"name": name[:500], "type": types[n], "order": keys[n]} for n, name in enumerate(head)
    }
    filled: dict[str, Json] = {
        f"r{n}": {"order": keys[n], "cells": dict(_cells(row, types))} for n, row in enumerate(rows)
    }
    if columns:
        page.add("table_view", {"columns": columns, "rows": filled})


def _cells(row: list[str], types: list[str]) -> Iterator[tuple[str, Json]]:
    for number, (cell, type_) in enumerate(zip(row, types, strict=False)):
        if not cell:
            continue
        match type_:
            case "checkbox":
                yield f"c{number}", cell == "Yes"
            case "number":
                yield f"c{number}", float(cell) if "." in cell else int(cell)
            case _:
                yield f"c{number}", cell[:MOST_CELL]


def _type_of(cells: list[str]) -> str:
    filled = [cell for cell in cells if cell]
    if filled and all(cell in ("Yes", "No") for cell in filled):
        return "checkbox"
    if filled and all(re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d{1,10})?", cell) for cell in filled):
        return "number"
    return "text"


def _order_keys(count: int) -> list[str]:
    keys: list[str] = []
    for _ in range(count):
        keys.append(key_between(keys[-1] if keys else None, None))
    return keys


def _doc(nodes: list[Node]) -> Fields:
    return cast("Fields", {"doc": to_json(Element("doc", {}, tuple(nodes)))})


def _words(node: Node) -> str:
    return node.text if isinstance(node, Text) else "".join(_words(child) for child in node.content)


def _said_title(front: str) -> str:
    found = _TITLE.search(front)
    if found is None:
        return ""
    try:
        # Composed and not loaded: what is merged of aliases would take for ever.
        head: object = yaml.compose(found[0][:MOST_CELL], Loader=yaml.SafeLoader)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (the stubs say nothing)
        title = head.value[0][1] if isinstance(head, yaml.MappingNode) else None
    except (yaml.YAMLError, RecursionError):
        title = None
    # People write what has colons in it without quotes, too.
    return str(title.value) if isinstance(title, yaml.ScalarNode) else _unquoted(found[1].strip())


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1].replace('\\"', '"')
    return text
