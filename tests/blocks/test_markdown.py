"""Rich texts as Markdown."""

import time

import pytest
from hypothesis import given

from blocks import tiptap
from blocks.markdown_reader import from_markdown
from blocks.markdown_writer import to_markdown
from blocks.richtext import plain_text, read_fragment
from blocks.tiptap import paragraph
from blocks.tree import Element, Mark, Text, document
from tests.blocks.rich_texts import fragment_of, patiently, trees


@patiently
@given(trees())
def test_a_tree_is_the_same_after_markdown(tree: Element):
    assert from_markdown(to_markdown(tree)) == tree


def test_every_node_and_mark_is_read():
    source = """\
# One **bold** *italic* ~~strike~~ `code` <u>under</u> <mark>high</mark>

@[Zoë](user:u1) and [a link](https://x.y "title")\\
next

- a
  1. b
- c

3. three

- [ ] to do
- [x] done

```python
print("π")
```

> quote

| a | b |
| :-- | --: |
| 1 | 2 |

___

![alt](pic.png "title")
"""
    tree = from_markdown(source)
    assert [node.type for node in tree.content if isinstance(node, Element)] == [
        "heading",
        "paragraph",
        "bulletList",
        "orderedList",
        "taskList",
        "codeBlock",
        "blockquote",
        "table",
        "horizontalRule",
        "image",
    ]
    assert to_markdown(tree) == source
    assert read_fragment(fragment_of(tree)) == tree


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("a\nb", "a b\n"),
        ("use Vec<String> here", "use Vec\\<String> here\n"),
        ("<!-- a note -->\n\ntext <!-- another --> here", "text  here\n"),
        ("<script>alert(1)</script>\n\nx", "x\n"),
        ("[x](javascript:alert(1))", "\\[x\\](javascript:alert(1))\n"),
        ("<p>one</p><p>two", "one\n\ntwo\n"),
        ("<my-tag>\nx", "\\<my-tag> x\n"),
        ("a <b>c</b> <i>d", "a **c** \\<i>d\n"),
        ("text ![i](j) more", "text\n\n![i](j)\n\nmore\n"),
        ("[![badge](b.svg)](https://x.y)", "[![badge](b.svg)](https://x.y)\n"),
        ("[](https://x.y)", "[https://x.y](https://x.y)\n"),
        ("- a\n- [ ] b", "- a\n\n* [ ] b\n"),
        ("mail ann@x.y", "mail ann@x.y\n"),
    ],
)
def test_what_is_read_is_written_plainly(source: str, shown: str):
    assert to_markdown(from_markdown(source)) == shown
    assert from_markdown(shown) == from_markdown(source)


def test_signs_that_would_not_be_read_are_tags():
    tree = document((paragraph(Text("a"), Text(" b ", (Mark("bold"),)), Text("c")),))
    assert to_markdown(tree) == "a<strong> b </strong>c\n"


def test_a_mention_without_a_kind_is_of_a_user():
    tree = document((paragraph(Element("mention", {"id": "u1", "label": "Zoë"})),))
    assert to_markdown(tree) == "@[Zoë](user:u1)\n"


def test_tables_that_are_no_grid_are_html():
    cells = (
        tiptap.cell((paragraph(Text("wide")),), is_header=False, colspan=2),
        tiptap.cell((paragraph(Text("a\n\nb")), Element("horizontalRule")), is_header=True),
    )
    tree = document((Element("table", {}, (Element("tableRow", {}, cells),)), paragraph(Text("after"))))
    source = to_markdown(tree)
    assert source.startswith('<table><tbody><tr><td colspan="2"><p>wide</p></td><th><p>a')
    table, after = from_markdown(source).content
    assert isinstance(table, Element)
    assert table.type == "table"
    assert after == paragraph(Text("after"))


@pytest.mark.parametrize(
    "source",
    [
        "[" * 1_000_000,
        "![" * 300_000 + "](x)" * 100_000,
        ">" * 1_000_000,
        "> " * 500_000 + "x",
        "- " * 500_000 + "x",
        "1. " * 300_000 + "x",
        "<!--" * 250_000,
        "<u>" * 100_000,
        "*a " * 300_000,
        "**a _b " * 100_000,
        "`" * 500_000 + "a",
        "`a``b```c" * 50_000,
        "|" * 500_000 + "\n" + "|-" * 250_000,
        "a" * 1_000_000,
        "word " * 200_000,
        "&" * 1_000_000,
        "<" * 1_000_000,
        "<a " * 300_000,
        "[a](" * 200_000,
        "[a](<b" * 150_000,
        "\\" * 1_000_000,
        "<div>" * 200_000,
        "\n" * 1_000_000,
    ],
    ids=lambda source: repr(source[:12]),
)
def test_hostile_markdown_takes_bounded_time(source: str):
    start = time.process_time()
    tree = from_markdown(source)
    plain_text(tree)
    to_markdown(tree)
    assert time.process_time() - start < 30


def test_what_is_nested_too_deep_is_text():
    tree = from_markdown("> " * 200 + "the bottom")
    assert "the bottom" in plain_text(tree)
    assert read_fragment(fragment_of(tree)) == tree
