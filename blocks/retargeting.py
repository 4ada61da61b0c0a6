"""Lets what a rich text leads to and shows lie elsewhere: in an export, in an import, for visitors. Pure."""

from collections.abc import Callable, Iterator

import msgspec

from blocks.links import page_of
from blocks.tiptap import link as link_mark
from blocks.tiptap import paragraph
from blocks.tree import Attributes, Element, Mark, Node, Text, join_texts

Target = Callable[[str], str | None]
"""From an address to the one that stands in its place; None where nothing is to."""


def retarget(tree: Element, *, link: Target, image: Target) -> Element:
    """Return a rich text whose links and pictures have other addresses.

    A link that leads nowhere becomes its words, a picture what it shows in words. A mention of a page is led
    on like a link to it; one of a person becomes a name, without an id.
    """
    return Element(tree.type, tree.attrs, _all(tree.content, link, image))


def addresses_in(tree: Element) -> Iterator[str]:
    """Give the addresses of all links, mentions of pages and pictures, as they are."""
    for node in tree.content:
        if isinstance(node, Text):
            yield from (href for mark in node.marks if (href := _address(mark)) is not None)
            continue
        if node.type == "image" and isinstance(source := node.attrs.get("src"), str):
            yield source
        if node.type == "mention" and (page := _mentioned_page(node.attrs)) is not None:
            yield page
        yield from addresses_in(node)


def _all(nodes: tuple[Node, ...], link: Target, image: Target) -> tuple[Node, ...]:
    return join_texts([_one(node, link, image) for node in nodes])


def _one(node: Node, link: Target, image: Target) -> Node:
    if isinstance(node, Text):
        return Text(node.text, tuple(_marks(node.marks, link)))
    match node.type:
        case "image":
            return _image(node, link, image)
        case "mention":
            return _mention(node, link)
        case _:
            return Element(node.type, node.attrs, _all(node.content, link, image))


def _marks(marks: tuple[Mark, ...], link: Target) -> Iterator[Mark]:
    for mark in marks:
        href = _address(mark)
        if mark.type != "link":
            yield mark
        elif href is not None and (target := link(href)) is not None:
            yield Mark("link", {**mark.attrs, "href": target})


def _image(node: Element, link: Target, image: Target) -> Node:
    source, words = node.attrs.get("src"), node.attrs.get("alt")
    target = image(source) if isinstance(source, str) else None
    if target is None:
        return paragraph(Text(words)) if isinstance(words, str) and words else paragraph()
    attrs: Attributes = {**node.attrs, "src": target}
    if isinstance(href := attrs.get("href"), str):
        attrs = {**attrs, "href": link(href)}
    return msgspec.structs.replace(node, attrs=attrs)


def _mention(node: Element, link: Target) -> Node:
    label = node.attrs.get("label")
    words = label if isinstance(label, str) and label else "somebody"
    page = _mentioned_page(node.attrs)
    if page is None:
        return Text(f"@{words}")
    target = link(page)
    return Text(words, (link_mark(target),)) if target is not None else Text(words)


def _address(mark: Mark) -> str | None:
    href = mark.attrs.get("href") if mark.type == "link" else None
    return href if isinstance(href, str) else None


def _mentioned_page(attrs: Attributes) -> str | None:
    """Return the address of the page that a node mentions."""
    id_, kind = attrs.get("id"), attrs.get("kind")
    if not isinstance(id_, str):
        return None
    address = id_ if id_.startswith("page:") else f"page:{id_}" if kind == "page" else ""
    return address if page_of(address) is not None else None
