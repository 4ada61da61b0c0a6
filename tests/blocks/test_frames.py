"""Frames of other sites: the one form that is shown, and nothing that only looks like it."""

from typing import Any

import pycrdt
import pytest

from blocks.frames import is_frame, write_frame
from blocks.kind import Fields
from blocks.page import blocks_of, read_block
from blocks.page_edits import Stamp, add_block

GOOD = write_frame('https://player.example/1?a=1&b="<', 'A "title" <b>', 640, 360)


def test_what_is_written_is_one_sandboxed_frame():
    assert is_frame(GOOD)
    assert GOOD.count("<") == 2
    assert 'title="A &quot;title&quot; &lt;b&gt;"' in GOOD


@pytest.mark.parametrize(
    "html",
    [
        "<b>x</b>",
        "<script>x</script>",
        GOOD + "<script>x</script>",
        GOOD.replace(' sandbox="allow-scripts', ' sandbox="allow-top-navigation allow-scripts'),
        GOOD.replace("https:", "javascript:"),
        GOOD.replace("<iframe ", '<iframe onload="x" '),
        GOOD.replace('title="', 'title="" onload="'),
        GOOD + "\n",
    ],
)
def test_other_markup_is_no_frame_whoever_wrote_it(html: str):
    assert not is_frame(html)
    doc = pycrdt.Doc[Any]()
    add_block(
        doc, "one", "embed_panel", {"url": "https://example.com/"}, stamp=Stamp("2026-05-04T12:00:00Z", "x")
    )
    blocks_of(doc)["one"]["content"]["html"] = html
    block = read_block(doc, "one")
    shown = block.content["html"]
    assert isinstance(shown, str)
    assert block.condition == "fine"
    assert "<iframe" not in shown
    assert "<script" not in shown


def test_a_frame_is_shown():
    doc = pycrdt.Doc[Any]()
    content: Fields = {"url": "https://example.com/", "html": GOOD}
    stamp = Stamp("2026-05-04T12:00:00Z", "x")
    add_block(doc, "one", "embed_panel", content, stamp=stamp, by_server=True)
    assert read_block(doc, "one").content["html"] == GOOD
