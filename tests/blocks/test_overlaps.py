"""Where two have changed the same of a block, and what one has changed."""

import pytest

from blocks.overlaps import find_changes
from blocks.tree import Json
from tests.blocks.test_page import CONTENTS

LETTER: Json = {"type": "doc", "content": [{"type": "paragraph"}]}
NOTE: Json = {"type": "doc", "content": []}


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ({"alt": "x"}, {"alt": "x"}, []),
        ({"alt": "x", "url": "a"}, {"alt": "y", "url": "a"}, ["content.alt"]),
        ({"alt": "x"}, {}, ["content.alt"]),
        ({}, {"alt": "x"}, ["content.alt"]),
        ({"doc": LETTER}, {"doc": NOTE}, ["content.doc"]),
        ({"doc": LETTER}, {"doc": {}}, ["content.doc"]),
        ({"cards": {"a": {"title": "x"}}}, {"cards": {"a": {"title": "y"}}}, ["content.cards.a.title"]),
        ({"cards": {"a": {}}}, {"cards": {"a": {}, "b": {}}}, ["content.cards.b"]),
        ({"list": [1, 2]}, {"list": [2, 1]}, ["content.list"]),
    ],
)
def test_each_field_that_was_changed_is_named(before: Json, after: Json, paths: list[str]):
    assert find_changes(before, after) == paths


@pytest.mark.parametrize("type_", CONTENTS)
def test_what_is_the_same_is_not_changed(type_: str):
    assert find_changes(CONTENTS[type_], CONTENTS[type_]) == []
