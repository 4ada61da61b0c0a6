"""Ranges of a block's text that survive edits: Yjs relative positions, made and found again.

A relative position names a character by its Yjs id (client, clock), or a node of the rich text, and which
side of it is meant (`assoc`). Its encoding is that of Yjs (`encodeRelativePosition`), so an editor makes them
from its selection and shows ours:

    varUint 0, client, clock    an item: a character, or a node
    varUint 1, name             the end of a root type, which no block's text is
    varUint 2, client, clock    the end of a type, for instance of an XmlText
    varInt assoc                below 0: sticks to what is before it

pycrdt knows relative positions in plain texts only, and tells an offset, not in which text. So positions are
found by probing: a copy of the document takes a mark right beside each of them, by the rules of merging, and
where the marks then are is where the positions are. A mark beside text that was deleted stays where that
stood; one in a node that is gone is gone too.

The text of a block is that of all texts in it, line by line; offsets count characters, and what stands in a
line that is no text (a mention, an image) counts as one, U+FFFC.

Source: yjs 13.6 `RelativePosition.js`, `Item.integrate`; yrs 0.28. Pure: the documents given are not changed.
"""

import base64
import binascii
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Literal, TypeAlias, cast

import msgspec
import pycrdt

from blocks.comments import MAX_POSITION_CHARACTERS
from blocks.errors import UnknownBlockError
from blocks.page import CONTENT, blocks_of, find

_ITEM, _ROOT, _TYPE = 0, 1, 2

_LAST_CLIENT = 2**53 - 1

_MOST_ROUNDS = 8
"""In which marks are left out that hide something, before all are that are not found."""

# Of a struct in an update: what it is told, and what it is.
_HAS_ORIGIN, _HAS_RIGHT_ORIGIN = 0x80, 0x40
_CONTENT_STRING, _CONTENT_TYPE, _XML_TEXT = 4, 7, 6

Id = tuple[int, int]


class Position(msgspec.Struct, frozen=True):
    """A relative position."""

    kind: Literal["item", "type"]
    id: Id
    is_behind: bool
    """Whether it sticks to what is before it (`assoc` < 0), or to what follows."""


class Range(msgspec.Struct, frozen=True):
    """A part of a block's text as it is now."""

    start: int
    end: int
    text: str


# Encoding


def is_position(value: object) -> bool:
    """Tell whether a value is an encoded position in a text of a block."""
    return isinstance(value, str) and decode(value) is not None


def decode(text: str) -> Position | None:
    """Return an encoded position; None for what is none, or not in a text of a block."""
    if len(text) > MAX_POSITION_CHARACTERS:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        data = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        kind, at = _read_number(data, 0)
        if kind not in (_ITEM, _TYPE):
            return None
        client, at = _read_number(data, at)
        clock, at = _read_number(data, at)
        # Yjs before 13.5 wrote no association.
        is_behind = at < len(data) and bool(data[at] & 0x40)
        if at < len(data) - 1 or (at < len(data) and data[at] & 0x80):
            return None
    except (binascii.Error, UnicodeError, ValueError, IndexError):
        return None
    return Position("item" if kind == _ITEM else "type", (client, clock), is_behind)


def encode(position: Position) -> str:
    """Return a position as Yjs encodes it, in base64url."""
    kind = _ITEM if position.kind == "item" else _TYPE
    data = b"".join(map(_number, (kind, *position.id))) + (b"\x41" if position.is_behind else b"\x00")
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# Texts


def read_text(doc: pycrdt.Doc[Any], block_id: str) -> str:
    """Return the text of a block. Raises UnknownBlockError."""
    return "".join(piece.text for piece in _pieces(doc, block_id, frozenset()))


def make_range(doc: pycrdt.Doc[Any], block_id: str, start: int, end: int) -> tuple[str, str]:
    """Return the encoded positions of a part of a block's text, which is not empty.

    What is written at its edges later is not in it. Raises UnknownBlockError; ValueError for offsets that are
    not in the text, or between which there is none.
    """
    copy = copy_of(doc)
    first: _Place | None = None
    last: _Place | None = None
    at = 0
    for piece in list(_pieces(copy, block_id, frozenset())):
        low, high = max(start - at, 0), min(end - at, len(piece.text))
        if piece.node is not None and low < high:
            first = first or _place(piece, low)
            last = _place(piece, high - 1)
        at += len(piece.text)
    if not 0 <= start < end <= at:
        raise ValueError("There is no such part of the text.")
    if first is None or last is None:
        raise ValueError("There is no text in this part.")
    # The last one first: writing behind it moves nothing that comes before.
    behind = encode(Position("item", _id_of(copy, last, is_whole=True), True))
    return encode(Position("item", _id_of(copy, first, is_whole=False), False)), behind


def locate(doc: pycrdt.Doc[Any], wanted: Mapping[str, tuple[str, str, str]]) -> dict[str, Range | None]:
    """Return where ranges are now: by a key, a block's id and the two encoded positions.

    None for a range of which nothing is left: its text, or its block, is gone.
    """
    clocks = clocks_of(doc)
    # Nobody can have written texts that look like these marks.
    nonce = blake2b(doc.get_update(), digest_size=16).hexdigest()
    marks: dict[Position, str] = {}
    ends: dict[str, list[str]] = {}
    for key, (_, *texts) in wanted.items():
        positions = [position for text in texts if (position := decode(text)) is not None]
        # What is not in the document might be one of the marks.
        if len(positions) == 2 and all(one.id[1] < clocks.get(one.id[0], 0) for one in positions):
            ends[key] = [marks.setdefault(one, f"{nonce}:{len(marks)}") for one in positions]
    found: dict[str, Range] = {}
    for _ in range(_MOST_ROUNDS):
        found, hiding = _find_marked(doc, marks, {key: (wanted[key][0], ends[key]) for key in ends})
        if not hiding:
            break
        marks = {position: name for position, name in marks.items() if name not in hiding}
        ends = {key: names for key, names in ends.items() if hiding.isdisjoint(names)}
    else:
        # Only who means to hide something has so many of them in each other.
        ends = {key: names for key, names in ends.items() if key in found}
        kept = {name for names in ends.values() for name in names}
        marks = {position: name for position, name in marks.items() if name in kept}
        found, _ = _find_marked(doc, marks, {key: (wanted[key][0], ends[key]) for key in ends})
    return {key: found.get(key) for key in wanted}


def _find_marked(
    doc: pycrdt.Doc[Any], marks: Mapping[Position, str], wanted: Mapping[str, tuple[str, list[str]]]
) -> tuple[dict[str, Range], set[str]]:
    """Return the ranges that marks leave to be found, and the marks that are in the place of something else.

    What a position names may be the value of a key: then its mark is that key's value now.
    """
    copy = copy_of(doc)
    taken = set(clocks_of(doc))
    for position, name in marks.items():
        # yrs refuses an item whose parent is no type.
        with contextlib.suppress(RuntimeError):
            copy.apply_update(probe(position, name, taken))
    names = frozenset(marks.values())
    blocks: dict[str, list[str]] = {}
    for key, (block_id, _) in wanted.items():
        blocks.setdefault(block_id, []).append(key)
    found: dict[str, Range] = {}
    for block_id, keys in blocks.items():
        text, places = _read_marked(copy, block_id, names)
        for key in keys:
            start, end = (places.get(name) for name in wanted[key][1])
            if start is not None and end is not None and start < end:
                found[key] = Range(start, end, text[start:end])
    is_whole = len(found) == len(wanted)
    return found, set() if is_whole else _hiding(copy, blocks, names)


def _hiding(doc: pycrdt.Doc[Any], block_ids: Iterable[str], names: frozenset[str]) -> set[str]:
    """Return the marks that are values of keys: of all blocks, or in one of these."""
    blocks = blocks_of(doc)
    waiting: list[object] = [blocks.get(block_id) for block_id in block_ids]
    values: list[object] = [blocks[key] for key in blocks.keys()]  # noqa: SIM118 (a pycrdt map)
    while waiting:
        node = waiting.pop()
        match node:
            case pycrdt.Map():
                fields = cast("pycrdt.Map[Any]", node)
                inside = [fields[key] for key in fields.keys()]  # noqa: SIM118
                values += inside
                waiting += inside
            case pycrdt.Array():
                items = cast("pycrdt.Array[Any]", node)
                waiting += [items[index] for index in range(len(items))]
            case _:
                pass
    texts = {str(value) for value in values if isinstance(value, pycrdt.XmlText)}
    return {name for name in names if name in texts}


def _read_marked(doc: pycrdt.Doc[Any], block_id: str, names: frozenset[str]) -> tuple[str, dict[str, int]]:
    """Return the text of a block, and where in it the marks are."""
    text, places = "", dict[str, int]()
    try:
        for piece in _pieces(doc, block_id, names):
            if piece.mark:
                places[piece.mark] = len(text)
            text += piece.text
    except UnknownBlockError:
        return "", {}
    return text, places


# Reading what is in a block

_Text: TypeAlias = pycrdt.XmlText | pycrdt.Text


class _Piece(msgspec.Struct, frozen=True):
    """A piece of a block's text; or a mark, where it is."""

    text: str = ""
    mark: str = ""
    node: Any = None
    """The text that it is in, and how many units of it are before; None for what is in no text."""
    before: int = 0


_Place = tuple[Any, int, str]
"""A text, how many units of it are before a character, and the character."""


def _place(piece: _Piece, index: int) -> _Place:
    """Return where a character of a piece is, which is in a text."""
    return piece.node, piece.before + _size(piece.text[:index]), piece.text[index]


def _size(text: str) -> int:
    """Return how long a text is as pycrdt counts: in bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


def _pieces(doc: pycrdt.Doc[Any], block_id: str, names: frozenset[str]) -> Iterator[_Piece]:
    """Give the text of a block, and the marks of these names in it. Raises UnknownBlockError."""
    block = find(doc, block_id)
    if not isinstance(block, pycrdt.Map):
        raise UnknownBlockError(block_id)
    fields = cast("pycrdt.Map[Any]", block)
    if fields.get("deleted_at") is not None:
        raise UnknownBlockError(block_id)
    is_first = True
    for line in _lines(fields.get(CONTENT), names):
        pieces = [piece for node in line for piece in _read_node(node, names)]
        if any(piece.text or piece.node is not None for piece in pieces):
            if not is_first:
                yield _Piece("\n")
            is_first = False
        yield from pieces


def _read_node(node: object, names: frozenset[str]) -> Iterator[_Piece]:
    """Give what a node in a line has to say."""
    if not isinstance(node, _Text):
        is_break = isinstance(node, pycrdt.XmlElement) and node.tag == "hardBreak"
        yield _Piece("\n" if is_break else "\ufffc")
        return
    if names and (name := str(node)) in names:
        yield _Piece(mark=name)
        return
    before = 0
    yield _Piece(node=node)
    for chunk, _ in node.diff():
        if isinstance(chunk, str):
            yield _Piece(chunk, node=node, before=before)
            before += _size(chunk)
        else:
            # pycrdt shows an embedded text as what it is.
            name = str(cast("object", chunk)) if isinstance(chunk, pycrdt.XmlText) else ""
            yield _Piece(mark=name) if name in names else _Piece("\ufffc")
            before += 1


def _lines(content: object, names: frozenset[str]) -> Iterator[list[object]]:
    """Give all lines of text in a content: the texts of each, with what stands between them, and marks."""
    waiting: list[object] = [content]
    while waiting:
        node = waiting.pop()
        match node:
            case pycrdt.XmlText() | pycrdt.Text():
                yield [node]
            case pycrdt.XmlElement() | pycrdt.XmlFragment():
                children: list[object] = list(node.children)
                if any(_is_text(child, names) for child in children):
                    yield children
                else:
                    waiting += reversed(children)
            case pycrdt.Map():
                fields = cast("pycrdt.Map[Any]", node)
                waiting += [fields[key] for key in sorted(fields.keys(), reverse=True)]
            case pycrdt.Array():
                items = cast("pycrdt.Array[Any]", node)
                waiting += [items[index] for index in reversed(range(len(items)))]
            case _:
                pass


def _is_text(node: object, names: frozenset[str]) -> bool:
    """Tell whether a node makes its parent a line. A mark does not."""
    return isinstance(node, pycrdt.XmlText) and not (names and str(node) in names)


# Probing


def copy_of(doc: pycrdt.Doc[Any]) -> pycrdt.Doc[Any]:
    """Return a document that has what another has."""
    copy = pycrdt.Doc[Any]()
    copy.apply_update(doc.get_update())
    return copy


def clocks_of(doc: pycrdt.Doc[Any]) -> dict[int, int]:
    """Return who has written a document, and how much: its state vector."""
    state = doc.get_state()
    count, at = _read_number(state, 0)
    clocks: dict[int, int] = {}
    for _ in range(count):
        client, at = _read_number(state, at)
        clocks[client], at = _read_number(state, at)
    return clocks


def probe(position: Position, name: str, taken: set[int]) -> bytes:
    """Return an update that puts a mark at a position: a text that says its name.

    Right behind something comes the item of the least client id there is, right before it that of the
    greatest; so nothing that others have written at the same place comes between.
    """
    clients = range(1, _LAST_CLIENT) if position.is_behind else range(_LAST_CLIENT, 0, -1)
    client = next(one for one in clients if one not in taken)
    taken.add(client)
    place = b"".join(map(_number, position.id))
    if position.kind == "type":
        head = bytes([_CONTENT_TYPE]) + _number(0) + place
    else:
        head = bytes([_CONTENT_TYPE | (_HAS_ORIGIN if position.is_behind else _HAS_RIGHT_ORIGIN)]) + place
    inside = bytes([_CONTENT_STRING]) + b"".join(map(_number, (0, client, 0, len(name)))) + name.encode()
    structs = head + _number(_XML_TEXT) + inside
    return b"".join(map(_number, (1, 2, client, 0))) + structs + _number(0)


def _id_of(doc: pycrdt.Doc[Any], place: _Place, *, is_whole: bool) -> Id:
    """Return the id of a character, or of the second half of one of 32 bits where that is whole.

    Found by writing behind it: what is written says what it was written behind.
    """
    node, before, character = place
    state = doc.get_state()
    node.insert(before + _size(character), "\ufffc")
    update = doc.get_update(state)
    # One client, its structs, its id, its clock; then the first struct begins.
    at = 0
    for _ in range(4):
        _, at = _read_number(update, at)
    assert update[at] & _HAS_ORIGIN, "it was written behind a character"
    client, at = _read_number(update, at + 1)
    clock, _ = _read_number(update, at)
    return client, clock if is_whole or character <= "\uffff" else clock - 1


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    """Return a varUint and where it ends. Raises IndexError, ValueError for one of more than 53 bits."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if value >= 2**53 or shift > 56:
            raise ValueError("The number is too large.")
        if byte < 0x80:
            return value, at
        shift += 7


def _number(value: int) -> bytes:
    """Return a varUint."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])
