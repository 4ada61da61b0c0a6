"""What differs between two versions of a page: hunks, each of which can be taken over by itself.

Blocks are compared by their ids: which were added, removed, moved, resized, and what of their contents is
other. Rich texts are compared node by node (paragraphs, lists, tables), and within two nodes that are alike
word by word. Only what is shown is compared, so two documents without a hunk between them may still differ in
how they came about.

A hunk's id is made of what it says, so it is the same whenever it is found, and another one when somebody
goes on writing in it. `blocks.taking` takes hunks over. Pure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal, TypeAlias, cast

import msgspec
import pycrdt

from blocks.edits import Item, key_of, pair_alike, survey
from blocks.matching import match_items
from blocks.page import BLOCKS, CONTENT, META, PLACE_FIELDS, Block, blocks_of, read_block
from blocks.page_text import RICH, fragment_of
from blocks.plain import plain
from blocks.text_edits import Piece, pieces_of
from blocks.tree import Element, Json, Node, Text, to_json

HunkKind = Literal[
    "page_changed",
    "block_added",
    "block_removed",
    "block_restored",
    "block_replaced",
    "block_moved",
    "block_placed",
    "content_changed",
    "text_changed",
]
Operation = Literal["keep", "insert", "delete", "mark"]

META_FIELDS = ("title", "icon_url")

_LEVELS = 2
"""Contents are compared field by field, and those that are Maps of entries entry by entry."""

_EMBED = "\ufffc"


class Segment(msgspec.Struct, frozen=True):
    """A part of a text: that it stays, comes, goes, or is marked in another way."""

    operation: Operation
    text: str


class Hunk(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: what would become of a place of the page."""

    id: str
    kind: HunkKind
    block_id: str | None
    path: tuple[str, ...] = ()
    """The field that changes, of the page, the block's content, or its rich text."""
    before: Json
    after: Json
    """None where there is nothing."""
    segments: tuple[Segment, ...] = ()
    row: int = -1
    """Of a rich text: which of `Comparison.texts[block_id]` it is."""


Aligned: TypeAlias = list[tuple[Item | None, Item | None]]
"""Which node of a rich text becomes which, in the order of both."""


class Comparison(msgspec.Struct, frozen=True):
    """All hunks between two documents, and how the rich texts that differ lie beside each other."""

    hunks: tuple[Hunk, ...]
    texts: Mapping[str, Aligned]


def compare(old: "pycrdt.Doc[Any]", new: "pycrdt.Doc[Any]") -> Comparison:
    """Return what of one document would have to change for it to be like another."""
    return _Comparing(old, new).run()


def is_shared_text(old: "pycrdt.Doc[Any]", new: "pycrdt.Doc[Any]", block_id: str) -> bool:
    """Tell whether a block's rich text is one in both documents, that can be compared node by node."""
    return all(fragment_of(doc, block_id) is not None for doc in (old, new))


class _Comparing:
    """One comparison under way."""

    def __init__(self, old: "pycrdt.Doc[Any]", new: "pycrdt.Doc[Any]") -> None:
        self._old = old
        self._new = new
        self._hunks: list[Hunk] = []
        self._texts: dict[str, Aligned] = {}

    def run(self) -> Comparison:
        with self._old.transaction(), self._new.transaction():
            self._compare_meta()
            before, after = _read(self._old), _read(self._new)
            shown = sorted({**before, **after}, key=lambda id_: _sort_key(after.get(id_) or before[id_]))
            for block_id in shown:
                self._compare_block(block_id, before.get(block_id), after.get(block_id))
        return Comparison(tuple(_tell_apart(self._hunks)), self._texts)

    def _add(
        self,
        kind: HunkKind,
        block_id: str | None,
        before: Json,
        after: Json,
        path: tuple[str, ...] = (),
        segments: tuple[Segment, ...] = (),
        row: int = -1,
    ) -> None:
        digest = blake2b(msgspec.json.encode((kind, block_id, path, before, after)), digest_size=12)
        self._hunks.append(
            Hunk(
                id=digest.hexdigest(),
                kind=kind,
                block_id=block_id,
                path=path,
                before=before,
                after=after,
                segments=segments,
                row=row,
            )
        )

    def _compare_meta(self) -> None:
        before, after = (plain(doc.get(META, type=pycrdt.Map[Any])) for doc in (self._old, self._new))
        for field in META_FIELDS:
            if before.get(field) != after.get(field):
                self._add("page_changed", None, before.get(field), after.get(field), (field,))

    def _compare_block(self, block_id: str, before: Block | None, after: Block | None) -> None:
        old, new = (
            block if block is not None and not block.is_deleted else None for block in (before, after)
        )
        if old is None and new is None:
            return
        if old is None or new is None:
            assert before is not None or after is not None
            kind: HunkKind = "block_removed"
            if new is not None:
                kind = "block_added" if before is None else "block_restored"
            self._add(kind, block_id, _show(old), _show(new))
            return
        if _is_opaque(old) or _is_opaque(new) or old.type != new.type:
            raws = [_raw(doc, block_id) for doc in (self._old, self._new)]
            if raws[0] != raws[1]:
                self._add("block_replaced", block_id, raws[0], raws[1])
            return
        if old.order != new.order:
            self._add("block_moved", block_id, old.order, new.order)
        if old.place != new.place:
            self._add("block_placed", block_id, *_placed(old, new))
        self._compare_content(block_id, old, new)

    def _compare_content(self, block_id: str, old: Block, new: Block) -> None:
        before, after = dict(old.content), dict(new.content)
        if old.type in RICH and is_shared_text(self._old, self._new, block_id):
            before.pop("doc", None)
            after.pop("doc", None)
            self._compare_text(block_id)
        for path in _changed_paths(before, after, _LEVELS):
            self._add("content_changed", block_id, value_at(before, path), value_at(after, path), path)

    def _compare_text(self, block_id: str) -> None:
        old, new = fragment_of(self._old, block_id), fragment_of(self._new, block_id)
        assert old is not None
        assert new is not None
        aligned = _align(*([place.item for place in survey(fragment)] for fragment in (old, new)))
        changes = [row for row, (left, right) in enumerate(aligned) if not _is_same(left, right)]
        if changes:
            self._texts[block_id] = aligned
        for row in changes:
            left, right = aligned[row]
            segments = tuple(_segments(left, right))
            self._add("text_changed", block_id, _as_json(left), _as_json(right), ("doc",), segments, row)


def _tell_apart(hunks: Sequence[Hunk]) -> Iterator[Hunk]:
    """Number hunks that say the same, out of how many: so none is called like one decided before."""
    totals, seen = Counter(hunk.id for hunk in hunks), Counter[str]()
    for hunk in hunks:
        seen[hunk.id] += 1
        total = totals[hunk.id]
        yield hunk if total == 1 else msgspec.structs.replace(hunk, id=f"{hunk.id}-{seen[hunk.id]}-{total}")


def _read(doc: "pycrdt.Doc[Any]") -> dict[str, Block]:
    return {block_id: read_block(doc, block_id) for block_id in [*blocks_of(doc).keys()]}


def _sort_key(block: Block) -> tuple[bool, str, str]:
    return (block.order is None, block.order or "", block.id)


def _is_opaque(block: Block) -> bool:
    return block.condition == "unreadable"


def _raw(doc: "pycrdt.Doc[Any]", block_id: str) -> Json:
    return plain(doc.get(BLOCKS, type=pycrdt.Map[Any])[block_id])


def _show(block: Block | None) -> Json:
    if block is None:
        return None
    return {"type": block.type, "order": block.order, "place": msgspec.to_builtins(block.place)} | {
        CONTENT: block.content
    }


def _placed(old: Block, new: Block) -> tuple[Json, Json]:
    """Return the fields of the place that differ, before and after."""
    before, after = msgspec.to_builtins(old.place), msgspec.to_builtins(new.place)
    changed = [name for name in PLACE_FIELDS if before[name] != after[name]]
    return {name: before[name] for name in changed}, {name: after[name] for name in changed}


def _changed_paths(before: Json, after: Json, levels: int) -> Iterator[tuple[str, ...]]:
    if before == after:
        return
    is_deep = isinstance(before, dict) and isinstance(after, dict) and levels
    if not is_deep or _is_rich(before) or _is_rich(after):
        yield ()
        return
    left, right = cast("dict[str, Json]", before), cast("dict[str, Json]", after)
    for key in sorted({*left, *right}):
        for path in _changed_paths(left.get(key), right.get(key), levels - 1):
            yield (key, *path)


def _is_rich(value: Json) -> bool:
    return isinstance(value, dict) and value.get("type") == "doc"


def value_at(value: Json, path: Sequence[str]) -> Json:
    """Return what lies at a path in plain content; None where there is nothing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


# Rich texts


def _align(before: Sequence[Item], after: Sequence[Item]) -> Aligned:
    aligned: Aligned = []
    start, new_start = 0, 0
    same = match_items([key_of(item) for item in before], [key_of(item) for item in after])
    for end, new_end in (*same, (len(before), len(after))):
        gap, new_gap = before[start:end], after[new_start:new_end]
        at, new_at = 0, 0
        for left, right in (*pair_alike(gap, new_gap), (len(gap), len(new_gap))):
            aligned += [(item, None) for item in gap[at:left]]
            aligned += [(None, item) for item in new_gap[new_at:right]]
            if left < len(gap):
                aligned.append((gap[left], new_gap[right]))
            at, new_at = left + 1, right + 1
        if end < len(before):
            aligned.append((before[end], after[new_end]))
        start, new_start = end + 1, new_end + 1
    return aligned


def _is_same(left: Item | None, right: Item | None) -> bool:
    return left is not None and right is not None and key_of(left) == key_of(right)


def nodes_of(item: Item | None) -> tuple[Node, ...]:
    """Return what an item is made of."""
    if item is None:
        return ()
    return (item,) if isinstance(item, Element) else item


def _as_json(item: Item | None) -> Json:
    if item is None:
        return None
    return to_json(item) if isinstance(item, Element) else [to_json(node) for node in item]


def _segments(left: Item | None, right: Item | None) -> Iterator[Segment]:
    """Yield the words of both in order, those that follow each other with one fate as one."""
    before, after = (pieces_of([*_flat(nodes_of(item))]) for item in (left, right))
    run: list[str] = []
    last: Operation = "keep"
    for operation, piece in _script(before, after):
        if run and operation != last:
            yield Segment(last, "".join(run))
            run = []
        last = operation
        run.append(piece.unit if isinstance(piece.unit, str) else _EMBED)
    if run:
        yield Segment(last, "".join(run))


def _script(before: Sequence[Piece], after: Sequence[Piece]) -> Iterator[tuple[Operation, Piece]]:
    same = match_items([piece.key for piece in before], [piece.key for piece in after])
    start, new_start = 0, 0
    for end, new_end in (*same, (len(before), len(after))):
        for piece in before[start:end]:
            yield "delete", piece
        for piece in after[new_start:new_end]:
            yield "insert", piece
        if end < len(before):
            yield ("keep" if before[end].marks == after[new_end].marks else "mark"), after[new_end]
        start, new_start = end + 1, new_end + 1


def _flat(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield texts and what stands among them; where a node that holds texts begins is a new line."""
    for index, node in enumerate(nodes):
        if isinstance(node, Text) or not node.content:
            yield node
            continue
        if index:
            yield Text("\n")
        yield from _flat(node.content)
