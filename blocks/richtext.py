"""Rich texts in documents: an XmlFragment with ProseMirror's nodes, as y-prosemirror and y-tiptap bind it.

    element    an XmlElement whose tag is the node's type; attributes that are null are not written
    text       an XmlText; marks are formatting attributes, the mark's type -> its attrs, `{}` if it has none;
               marks that overlap with others of their type are called `{type}--{8 characters of a hash}`

Readers are total: a document may contain anything at all. What is no node is read as one of the type
`unreadable`. Pure.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import msgspec
import pycrdt

from blocks.tree import (
    MAX_DEPTH,
    UNREADABLE,
    Attributes,
    Element,
    Json,
    Mark,
    Node,
    Text,
    clean,
    document,
    join_texts,
    to_plain,
    unreadable,
)

XmlParent: TypeAlias = pycrdt.XmlFragment | pycrdt.XmlElement
XmlChild: TypeAlias = pycrdt.XmlElement | pycrdt.XmlText | pycrdt.XmlFragment

MAX_ALIENS = 100
"""So many things that are no nodes are looked at in one parent; the rest of it is not read."""

_MARK_ORDER = ("link", "bold", "code", "italic", "strike", "underline", "highlight")
_HASH_BYTES = 6
_OVERLAPPING = re.compile(r"(?s)(.*)(--[a-zA-Z0-9+/=]{8})")


class Mention(msgspec.Struct, frozen=True):
    """Who or what is mentioned in a rich text."""

    id: str
    kind: str | None
    """user, agent or page; None where an editor does not tell."""
    label: str | None


def read_fragment(fragment: pycrdt.XmlFragment) -> Element:
    """Return the tree of a fragment that is in a document."""
    with doc_of(fragment).transaction():
        return document(_read_children(fragment, MAX_DEPTH - 1))


def doc_of(node: XmlParent) -> "pycrdt.Doc[Any]":
    """Return the document that an XML node is in."""
    return cast("pycrdt.Doc[Any]", node.doc)  # pyright: ignore[reportUnknownMemberType] - of roots of any type


def _read_children(parent: XmlParent, levels: int) -> tuple[Node, ...]:
    found: list[Node] = []
    for child in children_of(parent):
        found += read_child(child, levels)
    return join_texts(found)


def read_child(child: XmlChild | None, levels: int) -> Sequence[Node]:
    """Return what a child of an XML node is: a text is as many nodes as it has ways of being marked."""
    match child:
        case pycrdt.XmlText():
            return read_text(child)
        case pycrdt.XmlElement() if levels > 0 and child.tag and child.tag != "text":
            node = Element(clean(child.tag), read_attributes(child), _read_children(child, levels - 1))
            return (unreadable("name", _text_below(child)) if is_in_text(node) else node,)
        case pycrdt.XmlElement():
            return (unreadable("name" if levels > 0 else "depth", _text_below(child)),)
        case pycrdt.XmlFragment():
            return (unreadable("fragment", _text_below(child)),)
        case _:
            return (unreadable("kind"),)


def is_in_text(node: Node) -> bool:
    """Whether a node lies in an XmlText: a text, or what is embedded in one."""
    return isinstance(node, Text) or (node.type == UNREADABLE and node.attrs.get("reason") == "embed")


def children_of(parent: XmlParent, start: int = 0) -> list[XmlChild | None]:
    """Return the children of an XML node, from one of them on; None for what is no XML."""
    children: list[XmlChild | None] = [] if start else list(parent.children)
    aliens = 0
    # pycrdt's iterator ends at the first child that is no XML, and getting that one panics.
    for index in range(start + len(children), len(parent.children)):
        child = child_at(parent, index) if aliens < MAX_ALIENS else None
        aliens += child is None
        children.append(child)
    return children


def child_at(parent: XmlParent, index: int) -> XmlChild | None:
    """Return one of the children of an XML node, None for what is no XML."""
    try:
        return parent.children[index]
    except BaseException as error:
        # A Rust panic arrives as pyo3's PanicException, a BaseException that no module exports.
        if type(error).__name__ != "PanicException":
            raise
        return None


def _text_below(parent: XmlParent) -> str:
    """Return the text under a node at any depth."""
    found: list[str] = []
    waiting: list[XmlChild | None] = list(reversed(children_of(parent)))
    while waiting:
        child = waiting.pop()
        if isinstance(child, pycrdt.XmlText):
            found += [chunk for chunk, _ in child.diff() if isinstance(chunk, str)]
        elif child is not None:
            waiting += reversed(children_of(child))
    return clean("".join(found))


def read_attributes(node: pycrdt.XmlElement | pycrdt.XmlText) -> dict[str, Json]:
    """Return the attributes of an XML node, in the order of their names."""
    return {
        clean(name): _attribute(value)
        for name, value in sorted(attributes_of(node), key=lambda item: item[0])
    }


def attributes_of(node: pycrdt.XmlElement | pycrdt.XmlText) -> list[tuple[str, Any]]:
    """Return the attributes of an XML node as they lie there."""
    # pycrdt's views are iterable and do not say so.
    return [*cast("Iterable[tuple[str, Any]]", node.attributes)]


def _attribute(value: object) -> Json:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return to_plain(value)


def read_text(text: pycrdt.XmlText) -> tuple[Node, ...]:
    """Return what is in an XmlText."""
    return join_texts([read_chunk(chunk, attributes) for chunk, attributes in text.diff()])


def read_chunk(chunk: object, attributes: Mapping[str, object] | None) -> Node:
    """Return a piece of an XmlText that is formatted one way, or something embedded in it.

    Of bytes or a shared type that is embedded nothing is read. An empty text is none, so it is embedded.
    """
    if isinstance(chunk, str) and chunk:
        return Text(clean(chunk), read_marks(attributes))
    return Element(UNREADABLE, {"reason": "embed", "value": to_plain(chunk)})


def read_marks(attributes: Mapping[str, object] | None) -> tuple[Mark, ...]:
    """Return the marks that formatting attributes stand for, in Tiptap's order."""
    if not attributes:
        return ()
    marks: list[Mark] = []
    for mark in named_marks(attributes).values():
        if mark not in marks:
            marks.append(mark)
    return tuple(sorted(marks, key=_mark_order))


def named_marks(attributes: Mapping[str, object]) -> dict[str, Mark]:
    """Return the marks that formatting attributes stand for, by the attributes' names."""
    return {
        name: Mark(clean(mark_type(name)) or UNREADABLE, _mark_attributes(value))
        for name, value in attributes.items()
        if value is not None
    }


def mark_type(name: str) -> str:
    """Return which mark a formatting attribute stands for."""
    match = _OVERLAPPING.fullmatch(name)
    return match[1] if match else name


def _mark_attributes(value: object) -> Attributes:
    plain = _attribute(value)
    if isinstance(plain, dict):
        return plain
    return {} if plain is True else {"value": plain}


def _mark_order(mark: Mark) -> tuple[int, str, str]:
    known = _MARK_ORDER.index(mark.type) if mark.type in _MARK_ORDER else len(_MARK_ORDER)
    return known, mark.type, repr(sorted(mark.attrs.items()))


def plain_text(node: Element) -> str:
    """Return what people read in a rich text, a line a block."""
    lines: list[str] = []
    _collect_text(node, lines, [])
    return "\n".join(lines)


def _collect_text(node: Element, lines: list[str], line: list[str]) -> None:
    """Add the lines under a node; `line` is what has been written of one that goes on."""

    def end_line() -> None:
        if line:
            lines.extend(part for part in "".join(line).split("\n") if part.strip())
            line.clear()

    for child in node.content:
        match child:
            case Text():
                line.append(child.text)
            case Element(type="hardBreak"):
                line.append("\n")
            case Element(type="mention"):
                line.append(mention_text(child.attrs))
            case Element(type="image"):
                end_line()
                line.append(text_attribute(child.attrs, "alt"))
                end_line()
            case _:
                end_line()
                _collect_text(child, lines, line)
                end_line()
    end_line()


def find_mentions(node: Element) -> list[Mention]:
    """Return the mentions in a rich text, in their order; one without an id is none."""
    found: list[Mention] = []
    for child in node.content:
        if not isinstance(child, Element):
            continue
        if child.type == "mention":
            id, kind, label = (text_attribute(child.attrs, name) for name in ("id", "kind", "label"))
            if id:
                found.append(Mention(id, kind or None, label or None))
        found += find_mentions(child)
    return found


def text_attribute(attributes: Attributes, name: str) -> str:
    """Return an attribute that is a text; the empty one for anything else but numbers."""
    value = attributes.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def mention_text(attributes: Attributes) -> str:
    """Return a mention as people read it."""
    sign = text_attribute(attributes, "mentionSuggestionChar") or "@"
    return sign + (text_attribute(attributes, "label") or text_attribute(attributes, "id"))


def append_nodes(parent: XmlParent, nodes: Sequence[Node]) -> None:
    """Write nodes behind the children of an XML node that is in a document."""
    with doc_of(parent).transaction():
        insert_nodes(parent, len(parent.children), nodes)


def insert_nodes(parent: XmlParent, index: int, nodes: Sequence[Node]) -> int:
    """Write nodes before a child of an XML node in a transaction; return how many children they are."""
    start = index
    for node in nodes:
        if isinstance(node, Element) and not is_in_text(node):
            _insert_element(parent, index, node)
            index += 1
        elif index > start and isinstance(last := parent.children[index - 1], pycrdt.XmlText):
            _append_text(last, node)
        else:
            _append_text(parent.children.insert(index, pycrdt.XmlText("")), node)
            index += 1
    return index - start


def _insert_element(parent: XmlParent, index: int, node: Element) -> None:
    element = parent.children.insert(index, pycrdt.XmlElement(node.type))
    for name, value in node.attrs.items():
        if value is not None:
            set_attribute(element, name, value)
    insert_nodes(element, 0, node.content)


def set_attribute(element: pycrdt.XmlElement, name: str, value: Json) -> None:
    """Write an attribute of any type."""
    element.attributes[name] = value  # pyright: ignore[reportArgumentType] - any value works


def _append_text(text: pycrdt.XmlText, node: Node) -> None:
    if isinstance(node, Text):
        text.insert(len(text), node.text, mark_attributes(node.marks))
    else:
        text.insert_embed(len(text), node.attrs.get("value"), {})


def mark_attributes(marks: Sequence[Mark]) -> dict[str, Any]:
    """Return the formatting attributes that stand for marks."""
    return {mark_name(mark, marks): dict(mark.attrs) for mark in marks}


def mark_name(mark: Mark, beside: Sequence[Mark]) -> str:
    """Return what a mark is called among others: its type, with a hash where that does not tell it apart."""
    if sum(other.type == mark.type for other in beside) == 1 and mark_type(mark.type) == mark.type:
        return mark.type
    digest = hashlib.sha256(f"{mark.type} {sorted(mark.attrs.items())}".encode()).digest()
    return f"{mark.type}--{base64.b64encode(digest[:_HASH_BYTES]).decode()}"
