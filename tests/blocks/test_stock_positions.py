"""Ranges as a stock Yjs client has them: it finds what we make, and we find what it makes."""

import base64
import json
import subprocess
from typing import Any

import pycrdt
import pytest

from blocks.positions import Range, locate, make_range, read_text
from tests.blocks.test_positions import B, edit, page_of
from tests.clients.driver import FOLDER, NODE

pytestmark = pytest.mark.node

LINE = "Hällo 😀 world"
RANGES = [(0, 5), (6, 7), (8, 13), (12, 13), (0, 13)]


def ask_yjs(
    doc: pycrdt.Doc[Any], made: list[tuple[str, str]], wanted: list[tuple[int, int]]
) -> dict[str, Any]:
    question = {"update": base64.b64encode(doc.get_update()).decode(), "made": made, "wanted": wanted}
    answer = subprocess.run(
        [NODE, FOLDER / "positions.mjs"],
        input=json.dumps(question).encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr.decode()
    return json.loads(answer.stdout)


def units(text: str) -> int:
    """Return how long a text is as JavaScript counts."""
    return len(text.encode("utf-16-le")) // 2


def test_a_stock_client_finds_our_ranges_before_and_after_edits():
    doc = page_of(LINE)
    made = [make_range(doc, B, *one) for one in RANGES]
    for at, taken, given in ((0, 0, ""), (0, 0, "Say "), (10, 1, "🎉"), (4, 2, ""), (8, 3, "x")):
        edit(doc, 0, at, taken, given)
        text = read_text(doc, B)
        ours = locate(doc, {str(number): (B, *ends) for number, ends in enumerate(made)})
        theirs = ask_yjs(doc, made, [])["found"]
        for one, (start, end) in zip(ours.values(), theirs, strict=True):
            if one is None:
                assert start == end
            else:
                assert (units(text[: one.start]), units(text[: one.end])) == (start, end)


def test_we_find_the_ranges_of_a_stock_client():
    doc = page_of(LINE)
    length = units(LINE)
    # What editors make of a selection sticks to what follows on both sides, at the end to the text itself.
    wanted = [(0, 0), (units(LINE[:5]), 0), (units(LINE[:8]), 0), (length, 0), (0, -1), (length, -1)]
    encoded = ask_yjs(doc, [], wanted)["encoded"]
    pairs = {"first": (0, 1), "last": (2, 3), "all": (0, 3), "closed": (4, 5)}
    found = locate(doc, {name: (B, encoded[a], encoded[b]) for name, (a, b) in pairs.items()})
    assert found == {
        "first": Range(0, 5, LINE[:5]),
        "last": Range(8, 13, "world"),
        "all": Range(0, 13, LINE),
        "closed": Range(0, 13, LINE),
    }
    edit(doc, 0, 13, 0, "!")
    edit(doc, 0, 0, 0, "> ")
    found = locate(doc, {name: (B, encoded[a], encoded[b]) for name, (a, b) in pairs.items()})
    assert found["first"] == Range(2, 7, "Hällo")
    assert found["last"] == Range(10, 16, "world!")
    assert found["closed"] == Range(0, 15, "> Hällo 😀 world")
