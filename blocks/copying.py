"""Copies what is in one document into another one, or elsewhere in it, whatever it is.

Unlike `blocks.plain` nothing is made to fit: fields that are not known here, formatting and embedded things
come along as they are. All texts, attributes and values pass through `words`, which may have them say
something else: that is how the links among pages that are copied together lead to the copies.
"""

from collections.abc import Callable
from typing import Any, cast

import pycrdt

from blocks.errors import UnreadableBlockError
from blocks.richtext import attributes_of
from blocks.tree import MAX_DEPTH

MAX_LEVELS = MAX_DEPTH + 10
"""Of what lies in each other: a rich text, and what it may lie in."""

Words = Callable[[str], str]


def as_it_is(text: str) -> str:
    """Say the same."""
    return text


def copy_entry(
    place: pycrdt.Map[Any], key: str, value: object, *, words: Words = as_it_is, levels: int = MAX_LEVELS
) -> None:
    """Put a copy of a value under a key of a Map. Raises UnreadableBlockError for what is nested too deep."""
    place[key] = _blank(value, words)
    _fill(place[key], value, words, _one_less(levels))


def _fill(target: object, source: object, words: Words, levels: int) -> None:
    match target, source:
        case pycrdt.Map(), pycrdt.Map():
            fields = cast("pycrdt.Map[Any]", source)
            for key in [*fields.keys()]:
                copy_entry(cast("pycrdt.Map[Any]", target), key, fields[key], words=words, levels=levels)
        case pycrdt.Array(), pycrdt.Array():
            items = cast("pycrdt.Array[Any]", target)
            for item in cast("pycrdt.Array[Any]", source):
                items.append(_blank(item, words))
                _fill(items[len(items) - 1], item, words, _one_less(levels))
        case (pycrdt.Text(), pycrdt.Text()) | (pycrdt.XmlText(), pycrdt.XmlText()):
            _fill_text(target, source, words)
        case (pycrdt.XmlFragment(), pycrdt.XmlFragment()) | (pycrdt.XmlElement(), pycrdt.XmlElement()):
            for child in source.children:
                target.children.append(cast("pycrdt.XmlElement", _blank(child, words)))
                _fill(target.children[len(target.children) - 1], child, words, _one_less(levels))
        case _:
            pass  # a plain value is copied by being put there
    if isinstance(target, pycrdt.XmlElement | pycrdt.XmlText):
        assert isinstance(source, pycrdt.XmlElement | pycrdt.XmlText)
        for name, value in attributes_of(source):
            target.attributes[name] = _say(value, words)


def _fill_text(
    target: pycrdt.Text | pycrdt.XmlText, source: pycrdt.Text | pycrdt.XmlText, words: Words
) -> None:
    for chunk, formatting in source.diff():
        place = len(target)
        formatting = cast("dict[str, Any]", _say(formatting or {}, words))
        if isinstance(chunk, str):
            if said := words(chunk):
                target.insert(place, said, formatting)
        elif not isinstance(chunk, pycrdt.Map | pycrdt.Array | pycrdt.Text | pycrdt.Doc):
            target.insert_embed(place, chunk, formatting)


def _say(value: object, words: Words, levels: int = MAX_LEVELS) -> object:
    """Return a plain value whose texts have passed through `words`, down to some level; names stay."""
    if words is as_it_is or not levels:
        return value
    match value:
        case str():
            return words(value)
        case list():
            return [_say(item, words, levels - 1) for item in cast("list[object]", value)]
        case dict():
            members = cast("dict[str, object]", value)
            return {name: _say(member, words, levels - 1) for name, member in members.items()}
        case _:
            return value


def _blank(value: object, words: Words) -> object:
    """Return an empty shared type of a value's kind; anything else as it is."""
    match value:
        case pycrdt.Map():
            return pycrdt.Map[Any]()
        case pycrdt.Array():
            return pycrdt.Array[Any]()
        case pycrdt.Text():
            return pycrdt.Text()
        case pycrdt.XmlFragment():
            return pycrdt.XmlFragment()
        case pycrdt.XmlElement():
            return pycrdt.XmlElement(value.tag or "paragraph")
        case pycrdt.XmlText():
            return pycrdt.XmlText()
        case bytearray():
            return bytes(value)
        case pycrdt.Doc():
            return None  # a document of its own, of which this one has but the name
        case _:
            return _say(value, words)


def _one_less(levels: int) -> int:
    if not levels:
        raise UnreadableBlockError("The block is nested too deep to be copied.")
    return levels - 1
