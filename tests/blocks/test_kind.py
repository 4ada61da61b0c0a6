"""Schema versions, and changes that touch no more than they change."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pycrdt
import pytest

from blocks.kind import Fields, Kind
from blocks.kinds import KINDS
from blocks.page import blocks_of, read_block
from blocks.page_edits import Stamp, add_block, change_block

ANN = Stamp("2026-01-01T00:00:00Z", "user:ann")


class Poster(msgspec.Struct, frozen=True):
    """Version 3 of a type that was `name`, then `title`."""

    title: str = ""
    size: int = 1


def _text(poster: Poster) -> Iterable[str]:
    return (poster.title,)


def _rename(content: Fields) -> Fields:
    return {("title" if key == "name" else key): value for key, value in content.items()}


def _measure(content: Fields) -> Fields:
    return {**content, "size": 2}


POSTER = Kind("poster", Poster, text=_text, upgrades={1: _rename, 2: _measure})


@pytest.fixture
def doc(monkeypatch: pytest.MonkeyPatch) -> pycrdt.Doc[Any]:
    monkeypatch.setitem(KINDS, "poster", POSTER)
    return pycrdt.Doc()


def lay(doc: pycrdt.Doc[Any], version: int | None, **content: Any) -> None:
    """Put a poster into a document as an earlier version did."""
    add_block(doc, "b", "poster", {}, stamp=ANN)
    block = blocks_of(doc)["b"]
    block["content"] = pycrdt.Map[Any](content)
    if version is None:
        del block["schema_version"]
    else:
        block["schema_version"] = version


@pytest.mark.parametrize(("version", "key"), [(None, "name"), (1, "name"), (2, "title")])
def test_older_content_is_upgraded_when_it_is_read(
    doc: pycrdt.Doc[Any], version: int | None, key: str
) -> None:
    lay(doc, version, **{key: "Tea"})
    block = read_block(doc, "b")
    assert (block.content, block.condition, block.text) == ({"title": "Tea", "size": 2}, "fine", "Tea")
    assert blocks_of(doc)["b"]["content"].to_py() == {key: "Tea"}  # reading changes nothing


def test_older_content_is_written_as_the_newest_when_it_is_changed(doc: pycrdt.Doc[Any]) -> None:
    lay(doc, 1, name="Tea", other="x")
    change_block(doc, "b", patch={"size": 5})
    assert blocks_of(doc)["b"]["content"].to_py() == {"name": "Tea", "other": "x", "title": "Tea", "size": 5}
    assert read_block(doc, "b").schema_version == 3
    assert read_block(doc, "b").content == {"title": "Tea", "size": 5}


def test_new_content_says_of_which_version_it_is(doc: pycrdt.Doc[Any]) -> None:
    add_block(doc, "b", "poster", {"title": "Tea"}, stamp=ANN)
    assert blocks_of(doc)["b"]["schema_version"] == 3


def test_a_patch_writes_what_it_changes_and_nothing_else() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    add_block(doc, "b", "image", {"url": "https://example.com/a", "alt": "A"}, stamp=ANN)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    change_block(doc, "b", patch={"url": "https://example.com/a", "alt": "A"}, place={"x": 0})
    assert updates == []
    change_block(doc, "b", patch={"caption": "C", "alt": None})
    subscription.drop()
    (update,) = updates
    assert b"example.com" not in update
    assert len(update) < 60
    assert read_block(doc, "b").content["alt"] == ""
