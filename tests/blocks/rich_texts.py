"""Rich texts made by chance: trees that an editor could have made, and fragments with anything in them."""

from collections.abc import Sequence
from typing import Any

import pycrdt
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from blocks import tiptap
from blocks.richtext import append_nodes, read_fragment
from blocks.tree import Element, Json, Mark, Node, Text, document, from_json, join_texts, to_json

_characters = st.sampled_from(list("ab1 *_`~[]()<>#+-=.!|\\&;:\"'\n\té😀\u00a0@/xX")) | st.characters(
    exclude_categories=("Cs", "Cc")
)
_words = st.text(_characters, min_size=1, max_size=12)
_addresses = st.sampled_from(
    [
        "http://x.y/a b",
        "/u(r)l",
        "x",
        "https://é.com/?a=b&amp;c",
        "a\\b",
        "<>",
        "#",
        "mailto:a@b",
        "a|b",
        "a`b",
        "*x*",
    ]
)
_signs = st.sampled_from(["bold", "italic", "strike", "underline", "highlight"])


@st.composite
def _texts(draw: st.DrawFn) -> Text:
    marks = [Mark(kind) for kind in draw(st.lists(_signs, max_size=3, unique=True))]
    if draw(st.integers(0, 4)) == 0:
        marks.append(tiptap.link(draw(_addresses), draw(st.none() | _words)))
    if not marks and draw(st.integers(0, 3)) == 0:
        marks = [Mark("code")]
    return Text(draw(_words), tuple(sorted(marks, key=lambda mark: tiptap.MARKS.index(mark.type))))


_mentions = st.builds(
    tiptap.mention,
    st.sampled_from(tiptap.MENTION_KINDS),
    st.text(_characters.filter(lambda character: character != "\n"), min_size=1, max_size=5),
    _words,
    st.sampled_from("@#"),
)


def _is_told_apart(line: Sequence[Node]) -> bool:
    """Whether a line is none that means something else: an empty paragraph, a mention made of a link."""
    return tuple(line) != (Text("\u00a0"),)


_break: st.SearchStrategy[Node] = st.just(Element("hardBreak"))
_inline: st.SearchStrategy[Node] = _texts() | _texts() | _break | _mentions
_lines: st.SearchStrategy[tuple[Node, ...]] = (
    st.lists(_inline, max_size=5).map(join_texts).filter(_is_told_apart)
)
_paragraphs = _lines.map(lambda line: Element("paragraph", {}, line))


def _heading(level: int, line: tuple[Node, ...]) -> Element:
    return Element("heading", {"level": level}, line)


_headings = st.builds(_heading, st.integers(1, 6), _lines)


def _code_block(language: str, code: str) -> Element:
    return Element("codeBlock", {"language": language} if language else {}, (Text(code),) if code else ())


_code_blocks = st.builds(
    _code_block,
    st.sampled_from(["", "py", "c++", "a`b", "~", "&amp;", "a\\b"]),
    st.text(_characters, max_size=20),
)


def _image(src: str, alt: str, title: str, width: int | None) -> Element:
    return tiptap.image(src, alt, title, width=width)


_images = st.builds(
    _image, _addresses, st.just("") | _words, st.just("") | _words, st.none() | st.integers(1, 99)
)
_leaves = _paragraphs | _paragraphs | _headings | _code_blocks | _images | st.just(Element("horizontalRule"))


@st.composite
def _tables(draw: st.DrawFn) -> Element:
    columns = draw(st.lists(st.none() | st.sampled_from(tiptap.ALIGNMENTS), min_size=1, max_size=3))
    rows = [
        Element(
            "tableRow",
            {},
            tuple(tiptap.cell((draw(_paragraphs),), is_header=row == 0, align=align) for align in columns),
        )
        for row in range(draw(st.integers(1, 3)))
    ]
    return Element("table", {}, tuple(rows))


def _list(
    kind: str, attrs: dict[str, Json], items: Sequence[tuple[dict[str, Json], Sequence[Node]]]
) -> Element:
    item = tiptap.LISTS[kind]
    return Element(kind, attrs, tuple(Element(item, given, tuple(content)) for given, content in items))


def _containers(blocks: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    content = st.tuples(_paragraphs, st.lists(blocks, max_size=2)).map(lambda parts: (parts[0], *parts[1]))
    no_attrs: st.SearchStrategy[dict[str, Json]] = st.just({})
    items = st.lists(st.tuples(no_attrs, content), min_size=1, max_size=3)
    checked: st.SearchStrategy[dict[str, Json]] = st.booleans().map(lambda is_done: {"checked": is_done})
    tasks = st.lists(st.tuples(checked, content), min_size=1, max_size=3)
    starts: st.SearchStrategy[dict[str, Json]] = st.integers(0, 12).map(lambda start: {"start": start})
    return (
        st.lists(blocks, min_size=1, max_size=3).map(lambda nodes: Element("blockquote", {}, tuple(nodes)))
        | items.map(lambda given: _list("bulletList", {}, given))
        | st.builds(_list, st.just("orderedList"), starts, items)
        | tasks.map(lambda given: _list("taskList", {}, given))
        | _tables()
    )


_blocks = st.recursive(_leaves, _containers, max_leaves=6)


def trees() -> st.SearchStrategy[Element]:
    """Give documents as a stock editor makes them."""
    return st.lists(_blocks, max_size=4).map(lambda nodes: tiptap.fit(document(tuple(nodes))))


_names = st.sampled_from(
    [
        *sorted(tiptap.KNOWN),
        *tiptap.MARKS,
        "text",
        "widget",
        "",
        "level",
        "start",
        "href",
        "src",
        "checked",
        "align",
    ]
) | st.text(max_size=4)
_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=5)
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=5,
)
_attributes: st.SearchStrategy[dict[str, Any]] = st.dictionaries(_names, _values, max_size=3)
_bold: st.SearchStrategy[dict[str, Any]] = st.just({"bold": {}})
_odd_texts: st.SearchStrategy[Any] = st.tuples(
    st.just("text"),
    st.lists(
        st.tuples(st.text(max_size=6) | _values, _attributes | _bold, st.booleans()),
        max_size=4,
    ),
)
_odd_nodes: st.SearchStrategy[Any] = st.recursive(
    _odd_texts,
    lambda inner: st.tuples(st.just("element"), _names, _attributes, st.lists(inner, max_size=4)),
    max_leaves=12,
)


odd_nodes = st.lists(_odd_nodes, max_size=4)
"""What no editor would make, for `build`: any names, attributes of any types, things embedded in texts."""


@st.composite
def odd_fragments(draw: st.DrawFn) -> pycrdt.XmlFragment:
    """Give a fragment that no editor made."""
    doc = pycrdt.Doc[Any]()
    fragment = doc.get("body", type=pycrdt.XmlFragment)
    for node in draw(odd_nodes):
        build(fragment, node)
    return fragment


def odd_trees() -> st.SearchStrategy[Element]:
    """Give what somebody may bring in JSON: what such a fragment reads as."""
    return odd_fragments().map(lambda fragment: from_json(to_json(read_fragment(fragment))))


def build(parent: pycrdt.XmlFragment | pycrdt.XmlElement, node: Any) -> None:
    """Append one of `odd_nodes`."""
    if node[0] == "element":
        _, name, attributes, children = node
        element = parent.children.append(pycrdt.XmlElement(name))
        for key, value in attributes.items():
            element.attributes[key] = value
        for child in children:
            build(element, child)
        return
    text = parent.children.append(pycrdt.XmlText(""))
    for value, attributes, is_embedded in node[1]:
        if isinstance(value, str) and value and not is_embedded:
            text.insert(len(text), value, attributes)
        else:
            text.insert_embed(len(text), pycrdt.Map[Any]({"a": 1}) if value is None else value)


def fragment_of(
    tree: Element, doc: "pycrdt.Doc[Any] | None" = None, name: str = "body"
) -> pycrdt.XmlFragment:
    """Return a tree as a fragment of a document."""
    fragment = (doc or pycrdt.Doc[Any]()).get(name, type=pycrdt.XmlFragment)
    append_nodes(fragment, tree.content)
    return fragment


patiently = settings(
    max_examples=settings().max_examples * 2 // 5, suppress_health_check=[HealthCheck.too_slow]
)
"""Making a rich text takes a while, and more so on a busy machine."""
