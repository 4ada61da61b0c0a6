"""Rich texts in documents, as trees and as JSON."""

from typing import Any

import msgspec
import pycrdt
import pytest
from hypothesis import given

from blocks import tiptap
from blocks.errors import InvalidRichTextError
from blocks.html_writer import to_html
from blocks.markdown_writer import to_markdown
from blocks.richtext import append_nodes, find_mentions, plain_text, read_fragment
from blocks.tiptap import paragraph
from blocks.tree import MAX_DEPTH, Element, Mark, Text, document, from_json, to_json
from tests.blocks.rich_texts import fragment_of, odd_fragments, patiently, trees


@patiently
@given(trees())
def test_a_tree_is_the_same_after_a_document_and_after_json(tree: Element):
    assert read_fragment(fragment_of(tree)) == tree
    assert from_json(msgspec.json.decode(msgspec.json.encode(to_json(tree)))) == tree


@patiently
@given(odd_fragments())
def test_readers_cope_with_anything(fragment: pycrdt.XmlFragment):
    tree = read_fragment(fragment)
    assert from_json(msgspec.json.decode(msgspec.json.encode(to_json(tree)))) is not None
    plain_text(tree)
    find_mentions(tree)
    to_html(tiptap.fit(tree))
    to_html(tree)
    to_markdown(tree)


def test_what_is_unknown_is_kept_in_json_and_told_in_markdown_and_html():
    widget = Element("widget", {"size": 3, "of": ["a", {"b": None}]})
    chart = Element("chart", {}, (paragraph(Text("seen", (Mark("comment", {"id": "c1"}),))),))
    tree = document((paragraph(Text("before")), widget, chart))
    assert read_fragment(fragment_of(tree)) == tree
    assert to_markdown(tree) == "before\n\n(unreadable: widget)\n\nseen\n"
    assert to_html(tree) == (
        '<p>before</p><span data-unreadable="widget">(unreadable: widget)</span>'
        '<div data-unreadable="chart"><p>seen</p></div>'
    )
    assert plain_text(tree) == "before\nseen"


def test_numbers_come_back_as_they_were_written():
    tree = document((Element("heading", {"level": 2}, (Text("x"),)),))
    assert '"level":2}' in msgspec.json.encode(to_json(read_fragment(fragment_of(tree)))).decode()


def test_overlapping_marks_are_read_by_their_names():
    doc = pycrdt.Doc[Any]()
    fragment = doc.get("body", type=pycrdt.XmlFragment)
    text = fragment.children.append(pycrdt.XmlElement("paragraph")).children.append(pycrdt.XmlText(""))
    text.insert(0, "x", {"comment--AbCd12+/": {"id": 1}, "comment--ZZZZ0000": {"id": 2}, "bold": {}})
    assert read_fragment(fragment).content == (
        paragraph(Text("x", (Mark("bold"), Mark("comment", {"id": 1}), Mark("comment", {"id": 2})))),
    )


def test_what_lies_too_deep_is_told_with_its_text():
    doc = pycrdt.Doc[Any]()
    fragment = doc.get("body", type=pycrdt.XmlFragment)
    parent: Any = fragment
    with doc.transaction():
        for _ in range(5000):
            parent = parent.children.append(pycrdt.XmlElement("blockquote"))
        parent.children.append(pycrdt.XmlText("the bottom"))
    tree = read_fragment(fragment)
    assert from_json(to_json(tree)) == tree
    assert plain_text(tree) == "the bottom"
    assert to_markdown(tree).endswith(" the bottom\n")
    assert "the bottom" in to_html(tree)


def test_mentions_are_found_at_any_depth():
    tree = document(
        (
            Element("blockquote", {}, (paragraph(tiptap.mention("agent", "a1", "Scout")),)),
            paragraph(
                Element("mention", {"id": "u1", "label": "Zoë"}), Element("mention", {"label": "nobody"})
            ),
        )
    )
    assert [(found.kind, found.id, found.label) for found in find_mentions(tree)] == [
        ("agent", "a1", "Scout"),
        (None, "u1", "Zoë"),
    ]


def test_plain_text_is_what_people_read():
    tree = document(
        (
            Element("heading", {"level": 1}, (Text("Plan "), Text("B", (Mark("bold"),)))),
            paragraph(Text("one"), Element("hardBreak"), Text("two "), tiptap.mention("user", "u", "Ann")),
            tiptap.image("x.png", "a picture"),
            Element("bulletList", {}, (Element("listItem", {}, (paragraph(Text("item")),)),)),
        )
    )
    assert plain_text(tree) == "Plan B\none\ntwo @Ann\na picture\nitem"


NO_DOCUMENTS: list[tuple[Any, str]] = [
    (None, ""),
    ([], ""),
    ({"type": "paragraph"}, "type"),
    ({"type": "doc", "content": {}}, "content"),
    ({"type": "doc", "content": [{}]}, "content.0.type"),
    ({"type": "doc", "content": [{"type": "text"}]}, "content.0.text"),
    ({"type": "doc", "content": [{"type": "p", "attrs": 1}]}, "content.0.attrs"),
    ({"type": "doc", "content": [{"type": "text", "text": "x", "marks": [1]}]}, "content.0.marks.0"),
]


@pytest.mark.parametrize(("value", "path"), NO_DOCUMENTS)
def test_what_is_no_document_is_refused_with_the_place(value: Any, path: str):
    with pytest.raises(InvalidRichTextError) as failure:
        from_json(value)
    assert failure.value.path == path


def test_json_that_is_too_deep_is_refused():
    value: dict[str, Any] = {"type": "paragraph"}
    for _ in range(MAX_DEPTH + 1):
        value = {"type": "blockquote", "content": [value]}
    with pytest.raises(InvalidRichTextError, match="lie in each other"):
        from_json({"type": "doc", "content": [value]})


def test_halves_of_characters_become_replacements():
    tree = from_json({"type": "doc", "content": [{"type": "text", "text": "a\ud83d\ude00b\ud83d"}]})
    assert tree.content == (Text("a😀b\ufffd"),)
    append_nodes(pycrdt.Doc[Any]().get("body", type=pycrdt.XmlFragment), tree.content)
