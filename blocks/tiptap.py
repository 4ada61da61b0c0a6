"""The nodes and marks of a stock Tiptap 3 editor: StarterKit, TaskList, TableKit, Mention, Image, Highlight.

An editor deletes from the document what does not fit its schema, so whatever is made of Markdown, HTML or
anybody's JSON is made to fit first (`fit`). Nodes of types that are not known here are left as they are: they
belong to an editor with more extensions.
"""

from collections.abc import Sequence

from blocks.tree import Attributes, Element, Json, Mark, Node, Text, join_texts

MARKS = ("link", "bold", "code", "italic", "strike", "underline", "highlight")
"""In the order in which an editor has them."""

LISTS = {"bulletList": "listItem", "orderedList": "listItem", "taskList": "taskItem"}
"""Kinds of lists -> what they consist of."""

ITEMS = frozenset(LISTS.values())
CELLS = frozenset(("tableCell", "tableHeader"))
TEXT_BLOCKS = frozenset(("paragraph", "heading"))
INLINE = frozenset(("hardBreak", "mention"))
BLOCKS = frozenset((*TEXT_BLOCKS, *LISTS, "codeBlock", "blockquote", "horizontalRule", "table", "image"))
KNOWN = frozenset((*BLOCKS, *INLINE, *ITEMS, *CELLS, "tableRow", "doc"))

MENTION_KINDS = ("user", "agent", "page")
ALIGNMENTS = ("left", "center", "right")


def paragraph(*content: Node) -> Element:
    """Return a paragraph."""
    return Element("paragraph", {}, content)


def link(href: str, title: str | None = None) -> Mark:
    """Return the mark of a link with all the attributes that an editor gives it."""
    attrs: dict[str, Json] = {"href": href, "target": "_blank", "rel": "noopener noreferrer nofollow"}
    return Mark("link", {**attrs, "class": None, "title": title or None})


def mention(kind: str, id: str, label: str, sign: str = "@") -> Element:
    """Return a mention of a user, an agent or a page."""
    return Element("mention", {"id": id, "kind": kind, "label": label, "mentionSuggestionChar": sign})


def image(src: str, alt: str = "", title: str = "", **more: Json) -> Element:
    """Return an image."""
    attrs: dict[str, Json] = {"src": src, "alt": alt or None, "title": title or None, **more}
    return Element("image", {name: value for name, value in attrs.items() if value is not None})


def cell(content: Sequence[Node], *, is_header: bool, align: str | None = None, **more: Json) -> Element:
    """Return a cell of a table."""
    attrs: dict[str, Json] = {"colspan": 1, "rowspan": 1, **more}
    if align in ALIGNMENTS:
        attrs["align"] = align
    return Element("tableHeader" if is_header else "tableCell", attrs, tuple(content))


def is_inline(node: Node) -> bool:
    """Whether a node stands in a line of text."""
    return isinstance(node, Text) or node.type in INLINE


def fit(node: Element) -> Element:
    """Return a document that an editor takes whole."""
    return Element("doc", node.attrs, tuple(_fit_blocks(node.content)))


def _fit_blocks(nodes: Sequence[Node]) -> list[Node]:
    """Return nodes as blocks: texts that stand among them become paragraphs."""
    blocks: list[Node] = []
    line: list[Node] = []
    for node in nodes:
        if isinstance(node, Text) or node.type in INLINE:
            line.append(node)
            continue
        blocks += _fit_line(Element("paragraph"), line)
        line = []
        blocks += _fit_block(node)
    return blocks + _fit_line(Element("paragraph"), line)


def _fit_block(node: Element) -> list[Node]:
    match node.type:
        case "paragraph" | "heading":
            return _fit_line(node, node.content) or [Element(node.type, node.attrs)]
        case "codeBlock":
            return [Element(node.type, node.attrs, _as_code(node))]
        case "blockquote":
            return [_filled(node, _fit_blocks(node.content))]
        case "bulletList" | "orderedList" | "taskList":
            items = _fit_items(node, LISTS[node.type])
            return [Element(node.type, node.attrs, items)] if items else []
        case "table":
            rows = tuple(_fit_row(child) for child in node.content)
            return [Element(node.type, node.attrs, rows)] if rows else []
        case "image" | "horizontalRule":
            return [Element(node.type, node.attrs)]
        case "doc" | "listItem" | "taskItem" | "tableRow" | "tableCell" | "tableHeader":
            return _fit_blocks(node.content)
        case _:
            return [node]


def _fit_line(block: Element, nodes: Sequence[Node]) -> list[Node]:
    """Return the blocks that a line of text is: images and other blocks in it part it."""
    blocks: list[Node] = []
    line: list[Node] = []
    for index, node in enumerate((*nodes, None)):
        if node is not None and (isinstance(node, Text) or node.type not in BLOCKS):
            line.append(Text(node.text, _fit_marks(node.marks)) if isinstance(node, Text) else node)
            continue
        is_parted = index - len(line) > 0
        content = _trimmed(line, start=is_parted, end=node is not None)
        if content:
            blocks.append(Element(block.type, block.attrs, join_texts(content)))
        line = []
        if node is not None:
            blocks += _fit_block(node)
    return blocks


def _trimmed(line: list[Node], *, start: bool, end: bool) -> list[Node]:
    """Return a line without the spaces and breaks where another block has parted it."""
    nodes = list(line)
    while start and nodes and (first := _stripped(nodes[0], at=0)) is not nodes[0]:
        nodes[:1] = [first] if first is not None else []
    while end and nodes and (last := _stripped(nodes[-1], at=-1)) is not nodes[-1]:
        nodes[-1:] = [last] if last is not None else []
    return nodes


def _stripped(node: Node, *, at: int) -> Node | None:
    if isinstance(node, Element):
        return None if node.type == "hardBreak" else node
    text = node.text.lstrip() if at == 0 else node.text.rstrip()
    if text == node.text:
        return node
    return Text(text, node.marks) if text else None


def _fit_marks(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Return marks that may be together: code has no others, and gives way to a link, which says more."""
    types = {mark.type for mark in marks}
    if "code" not in types or len(types) == 1:
        return marks
    if "link" in types:
        return tuple(mark for mark in marks if mark.type != "code")
    return tuple(mark for mark in marks if mark.type == "code")


def _as_code(node: Element) -> tuple[Node, ...]:
    """Return what is in a code block: one text without marks."""
    return join_texts([Text(text) for text in _texts(node) if text])


def _texts(node: Element) -> list[str]:
    found: list[str] = []
    for child in node.content:
        if isinstance(child, Text):
            found.append(child.text)
        elif child.type == "hardBreak":
            found.append("\n")
        else:
            found += _texts(child)
    return found


def _fit_items(node: Element, item_type: str) -> tuple[Node, ...]:
    items: list[Node] = []
    for child in node.content:
        is_item = isinstance(child, Element) and child.type in ITEMS
        content = _fit_blocks(child.content if is_item and isinstance(child, Element) else (child,))
        if not content or not isinstance(first := content[0], Element) or first.type != "paragraph":
            content.insert(0, paragraph())
        attrs: Attributes = child.attrs if is_item and isinstance(child, Element) else {}
        if item_type == "taskItem" and "checked" not in attrs:
            attrs = {**attrs, "checked": False}
        items.append(Element(item_type, attrs, tuple(content)))
    return tuple(items)


def _fit_row(node: Node) -> Element:
    cells = node.content if isinstance(node, Element) and node.type == "tableRow" else (node,)
    attrs: Attributes = node.attrs if isinstance(node, Element) and node.type == "tableRow" else {}
    return Element("tableRow", attrs, tuple(_fit_cell(child) for child in cells))


def _fit_cell(node: Node) -> Element:
    if isinstance(node, Element) and node.type in CELLS:
        return _filled(node, _fit_blocks(node.content))
    return cell(_fit_blocks((node,)) or (paragraph(),), is_header=False)


def _filled(node: Element, blocks: list[Node]) -> Element:
    return Element(node.type, node.attrs, tuple(blocks) or (paragraph(),))
