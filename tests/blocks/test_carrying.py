"""What Markdown cannot say is carried over: only what somebody changed is changed."""

from typing import Any

import pycrdt
import pytest
from hypothesis import example, given

from blocks.carrying import carry
from blocks.edits import change_fragment
from blocks.markdown_reader import from_markdown
from blocks.markdown_writer import to_markdown
from blocks.page import blocks_of
from blocks.page_edits import Stamp, add_block
from blocks.page_text import page_to_markdown, parse_page, write_page
from blocks.richtext import read_fragment
from blocks.tiptap import cell, paragraph
from blocks.tree import Element, Mark, Node, Text, document
from tests.blocks.rich_texts import build, odd_fragments, odd_nodes, patiently, trees

STAMP = Stamp("2026-01-01T00:00:00+00:00", "user:1")

comment = Mark("comment", {"id": 7})
red = Mark("highlight", {"color": "red"})
chart = Element("chart", {"data": [1, 2]})


def changed(base: Element, *replacements: tuple[str, str]) -> Element:
    """Return a document whose Markdown somebody has changed."""
    markdown = to_markdown(base)
    for old, new in replacements:
        assert old in markdown, markdown
        markdown = markdown.replace(old, new)
    return carry(base, from_markdown(markdown))


def bullets(*items: Element) -> Element:
    return Element("bulletList", {}, items)


def item(*content: Node, **attrs: Any) -> Element:
    return Element("listItem", attrs, content)


def test_an_unknown_node_stays_beside_what_changes():
    base = document((paragraph(Text("one")), chart, paragraph(Text("two"))))
    assert changed(base, ("one", "one more")) == document(
        (paragraph(Text("one more")), chart, paragraph(Text("two")))
    )


def test_an_unknown_node_stays_within_what_changes():
    base = document((bullets(item(paragraph(Text("one")), chart), item(paragraph(Text("two")), dir="rtl")),))
    assert changed(base, ("one", "one more"), ("two", "two 2\n- three")) == document(
        (
            bullets(
                item(paragraph(Text("one more")), chart),
                item(paragraph(Text("two 2")), dir="rtl"),
                item(paragraph(Text("three"))),
            ),
        )
    )


def test_words_that_stay_keep_marks_that_markdown_cannot_say():
    base = document((paragraph(Text("one two ", (comment,)), Text("three four", (red, comment))),))
    (line,) = changed(base, ("two", "2"), ("four", "4")).content
    assert isinstance(line, Element)
    assert line.content == (
        Text("one ", (comment,)),
        Text("2"),
        Text(" ", (comment,)),
        Text("three ", (red, comment)),
        Text("4", (Mark("highlight"),)),
    )


def test_a_mark_that_is_taken_away_takes_no_other_with_it():
    base = document((paragraph(Text("one "), Text("two", (Mark("bold"), comment)), Text(" three")),))
    (line,) = changed(base, ("**two**", "*two*")).content
    assert isinstance(line, Element)
    assert line.content[1] == Text("two", (comment, Mark("italic")))


def test_an_unknown_node_in_a_line_stays_beside_words_that_change():
    emoji = Element("emoji", {"name": "tea"}, (Text("TEA"),))
    base = document((paragraph(Text("one "), emoji, Text(" two")),))
    assert changed(base, ("one", "1")) == document((paragraph(Text("1 "), emoji, Text(" two")),))


def test_attributes_stay_but_those_that_markdown_says():
    base = document((Element("heading", {"level": 2, "textAlign": "right"}, (Text("one"),)),))
    assert changed(base, ("## one", "### one 1")) == document(
        (Element("heading", {"level": 3, "textAlign": "right"}, (Text("one 1"),)),)
    )
    assert changed(base, ("## one", "one 1")) == document(
        (Element("paragraph", {"textAlign": "right"}, (Text("one 1"),)),)
    )


@pytest.mark.parametrize("is_grid", [True, False])
def test_columns_keep_their_widths(is_grid: bool):
    def row(*texts: str) -> Element:
        return Element(
            "tableRow",
            {"height": 9},
            tuple(
                cell((paragraph(Text(text)),), is_header=is_grid and texts[0] == "a", colwidth=[n])
                for n, text in enumerate(texts)
            ),
        )

    base = document((Element("table", {"id": 1}, (row("a", "b"), row("c", "d"))),))
    assert changed(base, ("d", "D")) == document(
        (Element("table", {"id": 1}, (row("a", "b"), row("c", "D"))),)
    )


def test_a_code_block_keeps_what_is_known_of_it():
    base = document((Element("codeBlock", {"language": "py", "theme": "dark"}, (Text("a = 1\nb = 2"),)),))
    assert changed(base, ("b = 2", "b = 3")) == document(
        (Element("codeBlock", {"language": "py", "theme": "dark"}, (Text("a = 1\nb = 3"),)),)
    )


def in_item(*content: Node) -> Element:
    return document((bullets(item(*content)),))


one = paragraph(Text("one"))
rule = Element("horizontalRule")


@patiently
@given(trees(), trees())
@example(in_item(one), in_item(paragraph(), paragraph()))
@example(in_item(rule), in_item(paragraph(), paragraph()))
@example(in_item(rule), in_item(paragraph()))
@example(in_item(one, rule), in_item(paragraph(), rule))
@example(in_item(one, rule), in_item(paragraph(), paragraph(), rule))
def test_a_document_becomes_what_is_wanted(base: Element, wanted: Element):
    wanted = from_markdown(to_markdown(wanted))
    assert from_markdown(to_markdown(carry(base, wanted))) == wanted


@patiently
@given(odd_fragments())
def test_whatever_was_there_stays_beside_a_new_paragraph(fragment: pycrdt.XmlFragment):
    base = read_fragment(fragment)
    new = Element("heading", {"level": 1}, (Text("NEW"),))
    wanted = from_markdown(to_markdown(base))
    carried = carry(base, document((*wanted.content, new)))
    assert carried == document((*base.content, new))
    change_fragment(fragment, carried)
    assert read_fragment(fragment) == carried


def page_of(*contents: list[Any], ids: str = "abc") -> "pycrdt.Doc[Any]":
    doc = pycrdt.Doc[Any]()
    for block_id, nodes in zip(ids, contents, strict=False):
        add_block(doc, block_id, "text", {}, stamp=STAMP)
        for node in nodes:
            build(blocks_of(doc)[block_id]["content"]["doc"], node)
    return doc


def put(doc: "pycrdt.Doc[Any]", markdown: str) -> None:
    write_page(doc, parse_page(markdown), stamp=STAMP, new_id=lambda: "new")


@patiently
@given(odd_nodes, odd_nodes)
def test_what_was_given_and_comes_back_is_no_edit(one: list[Any], other: list[Any]):
    for doc in (page_of(), page_of(one), page_of(one, other), page_of(one, other, ids="\n-->é")):
        state = doc.get_update()
        put(doc, page_to_markdown(doc))
        assert doc.get_update() == state


def test_code_that_has_a_line_like_those_that_part_a_page_is_no_such_line():
    doc = pycrdt.Doc[Any]()
    code = Element("codeBlock", {}, (Text("one\n\n <!-- block:b -->\n<!-- block:a -->"),))
    add_block(doc, "a", "text", {}, stamp=STAMP)
    fragment = blocks_of(doc)["a"]["content"]["doc"]
    change_fragment(fragment, document((code,)))
    markdown = page_to_markdown(doc)
    assert from_markdown(markdown) == document((code,))
    put(doc, markdown + "\ntwo")
    assert read_fragment(fragment) == document((code, paragraph(Text("two"))))


def test_nodes_too_deep_for_any_reader_stay():
    doc = page_of([])
    fragment = blocks_of(doc)["a"]["content"]["doc"]
    parent: Any = fragment
    for _ in range(200):
        parent = parent.children.append(pycrdt.XmlElement("blockquote"))
    parent.children.append(pycrdt.XmlText("deep"))
    fragment.children.append(pycrdt.XmlElement("paragraph")).children.append(pycrdt.XmlText("one"))
    deep = str(fragment.children[0])
    put(doc, page_to_markdown(doc).replace("one", "two"))
    assert str(fragment.children[0]) == deep
    assert "two" in page_to_markdown(doc)
