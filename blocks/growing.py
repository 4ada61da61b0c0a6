"""A text that is written into a block while it comes, piece by piece, as rich text.

It is made of Markdown, in a copy of the document in which nobody else writes; what comes of each piece is an
update, which merges with what others do meanwhile, as an editor's edits do that was offline. The text goes
behind what the block has. Markdown that ends in the middle of something is held back until that is clear, so
that what is shown seldom has to be taken back; where it has to, nothing of others is taken along.

Pure.
"""

import re
from collections.abc import Sequence
from typing import Any

import pycrdt

from blocks.edits import change_tail
from blocks.errors import UnknownBlockError
from blocks.markdown_reader import from_markdown
from blocks.merging import merge_change
from blocks.page import blocks_of
from blocks.page_text import fragment_of
from blocks.recording import record
from blocks.tree import Element, Mark, Node, Text, document

HELD_CHARACTERS = 120
"""So much of a line waits for the end of what it has begun: a mark, a link."""

LONG_CHARACTERS = 4000
"""A paragraph, list or code that is longer is read anew only when it has grown by a part."""

LONGEST_CHARACTERS = 16_000
"""One that is longer yet goes on as another one: reading it again and again would hold everybody up."""

_FENCE = re.compile(r" {0,3}(```|~~~)")
_SIGNS = re.compile(r"[\s>#=|:*+\-_`~]*|\s*\d{1,9}[.)]?\s*")
"""What a line can begin with and still become anything."""

_LIST = re.compile(r" {0,3}([*+\-]|\d{1,9}[.)])(\s|$)")
_MARKS = ("**", "__", "~~", "`")


class GrowingText:
    """What is written into one block."""

    def __init__(self, state: bytes, block_id: str, client_id: int) -> None:
        """Begin with a page as it is. Raises UnknownBlockError for a block that has no rich text."""
        self._doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
        self._doc.apply_update(state)
        self._block_id = block_id
        fragment = find_rich_text(self._doc, block_id)
        if fragment is None:
            raise UnknownBlockError(block_id)
        self._places = len(fragment.children)
        self._settled: tuple[Node, ...] = ()  # what comes of the beginning of the text, which has its form
        self._settled_at = 0
        self._nodes: tuple[Node, ...] = ()
        self._read_length = 0

    @property
    def count(self) -> int:
        """How many nodes stand behind one another by now."""
        return len(self._nodes)

    def write(self, markdown: str, present: "pycrdt.Doc[Any]", *, is_whole: bool = True) -> bytes | None:
        """Let the text be what a Markdown says, which begins like the last one.

        Returns the update that brings it into the present document; None where nothing changes, or where it
        is not worth it before there is more.
        """
        length = len(markdown) - self._settled_at
        if not is_whole and length > LONG_CHARACTERS and length < self._read_length * 5 // 4:
            return None
        nodes = self._read(markdown)
        if nodes == self._nodes:
            return None
        if _is_continued(self._nodes, nodes):
            fragment = find_rich_text(self._doc, self._block_id)
            assert fragment is not None, "nobody else writes here"
            same = _same_length(self._nodes, nodes)
            update = record(self._doc, lambda: change_tail(fragment, self._places + same, nodes[same:]))
        else:
            update = self._merge(nodes, present, self._doc.client_id)
            self._doc.apply_update(update)
        self._nodes = nodes
        return update

    def write_rest(self, markdown: str, present: "pycrdt.Doc[Any]") -> None:
        """Bring the whole text into another document, which has what was written so far."""
        present.apply_update(self._merge(self._read(markdown), present, None))

    def _merge(self, nodes: tuple[Node, ...], present: "pycrdt.Doc[Any]", client_id: int | None) -> bytes:
        same = _same_length(self._nodes, nodes)
        return merge_change(
            self._doc,
            present,
            lambda doc: find_rich_text(doc, self._block_id),
            document(nodes[same:]),
            start=self._places + same,
            client_id=client_id,
        ).update

    def _read(self, markdown: str) -> tuple[Node, ...]:
        while end := _settled_length(markdown[self._settled_at :]):
            part = markdown[self._settled_at : self._settled_at + end]
            self._settled += _nodes_of(part)
            self._settled_at += end
        rest = markdown[self._settled_at :]
        self._read_length = len(rest)
        return self._settled + _nodes_of(rest)


def _nodes_of(markdown: str) -> tuple[Node, ...]:
    """Return what a Markdown says, with links in place of pictures.

    Whoever sees a picture asks its address. The text is a model's, and nobody has looked at it yet.
    """
    return tuple(_without_pictures(node, is_in_line=False) for node in from_markdown(markdown).content)


def _without_pictures(node: Node, *, is_in_line: bool) -> Node:
    if isinstance(node, Text):
        return node
    if node.type == "image":
        src = str(node.attrs.get("src") or "")
        link = Text(str(node.attrs.get("alt") or "") or src or "?", (Mark("link", {"href": src}),))
        return link if is_in_line else Element("paragraph", {}, (link,))
    is_line = node.type in ("paragraph", "heading")
    content = tuple(_without_pictures(one, is_in_line=is_line) for one in node.content)
    return Element(node.type, node.attrs, content)


def find_rich_text(doc: "pycrdt.Doc[Any]", block_id: str) -> pycrdt.XmlFragment | None:
    """Return the rich text of a block that is there and not in the trash."""
    block: object = blocks_of(doc).get(block_id)
    if not isinstance(block, pycrdt.Map) or block.get("deleted_at") is not None:
        return None
    return fragment_of(doc, block_id)


def clear_length(markdown: str) -> int:
    """Return how much of a Markdown that goes on can be shown already."""
    start = markdown.rfind("\n") + 1
    line = markdown[start:]
    if _SIGNS.fullmatch(line):
        return start
    end = len(line.rstrip("*_~`[]()!<&\\"))
    for mark in _MARKS:
        if line.count(mark) % 2:
            end = min(end, line.rindex(mark))
    opened = line.rfind("[")
    if opened > line.rfind(")"):
        end = min(end, opened)
    return start + (end if len(line) - end < HELD_CHARACTERS else len(line))


def _settled_length(markdown: str) -> int:
    """Return how much of a Markdown has its form, whatever comes behind it."""
    end = position = 0
    fence = ""
    is_after_blank = is_in_list = False
    for line in markdown.splitlines(keepends=True):
        is_blank = not line.strip()
        if is_after_blank and not fence and not is_blank and not line.startswith((" ", "\t", "<")):
            is_item = _LIST.match(line) is not None
            # What comes behind a list may be one more item of it.
            if not (is_item and is_in_list) and not _SIGNS.fullmatch(line):
                end = position
            is_in_list = is_item
        elif _LIST.match(line):
            is_in_list = True
        if found := _FENCE.match(line):
            fence = "" if fence == found[1] else fence or found[1]
        is_after_blank = is_blank
        position += len(line)
        if position > LONGEST_CHARACTERS:
            return end or markdown.rfind(" ", 0, LONGEST_CHARACTERS) + 1 or LONGEST_CHARACTERS
    return end


def _same_length(before: Sequence[Node], after: Sequence[Node]) -> int:
    count = 0
    for old, new in zip(before, after, strict=False):
        if old is not new and old != new:
            break
        count += 1
    return count


def _is_continued(before: Sequence[Node], after: Sequence[Node]) -> bool:
    """Tell whether nodes are others with more at their end, so that nothing has to be taken away."""
    if len(after) < len(before):
        return False
    same = _same_length(before, after)
    if same == len(before):
        return True
    old, new = before[same], after[same]
    if same < len(before) - 1:
        return False
    if isinstance(old, Text) and isinstance(new, Text):
        return old.marks == new.marks and new.text.startswith(old.text)
    if not isinstance(old, Element) or not isinstance(new, Element):
        return False
    return (old.type, old.attrs) == (new.type, new.attrs) and _is_continued(old.content, new.content)
