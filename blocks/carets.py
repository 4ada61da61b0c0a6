"""Where in a page people are, and what of it a change concerns: as paths, which can be held together.

A path is that of an event in a document: a block's id, keys, and the numbers of children; it leads to the
node that a text is in, for instance a paragraph. Carets are the relative positions that editors show of
themselves in their presence (`cursor`, as y-prosemirror has it); `blocks.positions` says how they are found.

Pure, and total: any presence at all may come.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

import pycrdt

from blocks.page import blocks_of
from blocks.positions import Position, clocks_of, copy_of, probe

Path: TypeAlias = tuple[str | int, ...]

_NONCE = "\0caret:"
_SHOWS = ("anchor", "head")
_LAST = 2**53 - 1


def read_carets(state: Mapping[str, object]) -> list[Position]:
    """Return the ends of the selection that somebody's presence shows."""
    cursor = _object(state.get("cursor"))
    found = [_read_position(_object(cursor.get(name))) for name in _SHOWS]
    return [position for position in dict.fromkeys(found) if position is not None]


def caret_at(client_id: int, clock: int) -> dict[str, object]:
    """Return what presence shows of somebody who has just written an item, and is behind it."""
    end = {"type": None, "tname": None, "item": {"client": client_id, "clock": clock}, "assoc": -1}
    return dict.fromkeys(_SHOWS, end)


def find_carets(doc: "pycrdt.Doc[Any]", carets: Sequence[Position]) -> list[Path]:
    """Return the nodes that carets are in; those that are nowhere any more are left out."""
    if not carets:
        return []
    copy, taken = copy_of(doc), set(clocks_of(doc))
    for number, caret in enumerate(carets):
        # yrs refuses an item whose parent is no type.
        with contextlib.suppress(RuntimeError):
            copy.apply_update(probe(caret, f"{_NONCE}{number}", taken))
    return list(_marked(blocks_of(copy)))


def touched_by(doc: "pycrdt.Doc[Any]", change: Callable[[], object]) -> set[Path]:
    """Make a change in a page, and return what of it others may be in who are there: nodes and blocks.

    What is new is nothing that anybody can be in. Called within no transaction.
    """
    touched: set[Path] = set()

    def note(events: list[Any]) -> None:
        for event in events:
            touched.update(paths_of(event))

    subscription = blocks_of(doc).observe_deep(note)
    try:
        change()
    finally:
        subscription.drop()
    return touched


def paths_of(event: Any) -> Iterator[Path]:
    """Give what an event in the blocks of a page says to have changed."""
    path: Path = tuple(event.path)
    if isinstance(event.target, pycrdt.XmlText | pycrdt.Text):
        yield path[:-1]
    elif isinstance(event.target, pycrdt.Map):
        # A block that goes into the trash, or comes out of it, is all that is in it.
        yield from (path if key == "deleted_at" else (*path, key) for key in event.keys)
    else:
        if getattr(event, "keys", None):
            yield path
        at = 0
        for change in event.delta:
            at += change.get("retain", 0)
            for _ in range(change.get("delete", 0)):
                yield (*path, at)
                at += 1


def is_met(touched: set[Path], carets: Sequence[Path]) -> bool:
    """Tell whether anybody is in something that is touched."""
    return any(caret[: len(path)] == path for path in touched for caret in carets)


def _marked(root: object) -> Iterator[Path]:
    """Give the nodes with a mark in them, once for each."""
    waiting: list[tuple[object, Path]] = [(root, ())]
    while waiting:
        node, path = waiting.pop()
        match node:
            case pycrdt.XmlText() | pycrdt.Text():
                texts = [node, *(chunk for chunk, _ in node.diff() if not isinstance(chunk, str))]
                if any(isinstance(text, pycrdt.XmlText) and _is_mark(text) for text in texts):
                    yield path[:-1]
            case pycrdt.XmlElement() | pycrdt.XmlFragment():
                waiting += [(child, (*path, index)) for index, child in enumerate(node.children)]
            case pycrdt.Map():
                fields = cast("pycrdt.Map[Any]", node)
                waiting += [(fields[key], (*path, key)) for key in [*fields.keys()]]
            case _:
                pass


def _is_mark(text: pycrdt.XmlText) -> bool:
    return str(text).startswith(_NONCE)


def _read_position(end: Mapping[str, object]) -> Position | None:
    behind = end.get("assoc")
    for kind in ("item", "type"):
        id_ = _object(end.get(kind))
        client, clock = id_.get("client"), id_.get("clock")
        if _is_number(client) and _is_number(clock):
            is_behind = isinstance(behind, int) and behind < 0
            return Position(cast("Any", kind), (cast("int", client), cast("int", clock)), is_behind)
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LAST


def _object(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
