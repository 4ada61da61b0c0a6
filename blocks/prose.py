"""Writes ProseMirror nodes into the XmlFragment of a rich text."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any, cast

import pycrdt

from blocks.plain import plain_rich_text

Node = dict[str, Any]


def write_prose(fragment: pycrdt.XmlFragment, nodes: Sequence[Node]) -> None:
    """Append nodes to a fragment or an element that is in a document."""
    for node in nodes:
        _insert(fragment, len(fragment.children), node)


def fill_prose(fragment: pycrdt.XmlFragment, nodes: Sequence[Node]) -> None:
    """Give a fragment other nodes; those that stay the same are not touched."""
    before = [repr(node) for node in cast("list[Node]", plain_rich_text(fragment)["content"])]
    matcher = SequenceMatcher(None, before, [repr(node) for node in nodes], autojunk=False)
    for tag, start, end, new_start, new_end in reversed(matcher.get_opcodes()):
        if tag != "equal":
            for _ in range(start, end):
                del fragment.children[start]
            for offset, node in enumerate(nodes[new_start:new_end]):
                _insert(fragment, start + offset, node)


def _insert(parent: "pycrdt.XmlFragment | pycrdt.XmlElement", index: int, node: Node) -> None:
    if node.get("type") == "text":
        text = parent.children.insert(index, pycrdt.XmlText(""))
        marks = {mark["type"]: mark.get("attrs", {}) for mark in node.get("marks", [])}
        text.insert(0, str(node.get("text", "")), marks)
        return
    element = parent.children.insert(index, pycrdt.XmlElement(str(node.get("type", "paragraph"))))
    for name, value in node.get("attrs", {}).items():
        element.attributes[name] = value
    for child in node.get("content", []):
        _insert(element, len(element.children), child)
