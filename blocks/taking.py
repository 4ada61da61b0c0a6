"""Takes hunks over from one document into the other, by few edits, so that those of others merge with them.

Either way: a page is given what a branch of it has (the hunk is accepted), or a branch is given back what the
page has (it is rejected). Pure: documents that nobody else holds are edited in place.
"""

from collections.abc import Sequence
from typing import Any, cast

import pycrdt

from blocks.copying import copy_entry
from blocks.differences import Comparison, Hunk, nodes_of, value_at
from blocks.edits import change_fragment
from blocks.kind import Fields
from blocks.page import META, blocks_of, read_block
from blocks.page_edits import Stamp, change_block, delete_block, restore_block
from blocks.page_text import fragment_of
from blocks.tree import Json, Node, document


class Side:
    """A document that becomes like another one in some hunks of their comparison.

    `is_new` says which of both it has become like: the one that was compared as the new one, or the old one.
    """

    def __init__(
        self,
        doc: "pycrdt.Doc[Any]",
        other: "pycrdt.Doc[Any]",
        comparison: Comparison,
        stamp: Stamp,
        *,
        is_new: bool,
    ) -> None:
        self._doc = doc
        self._other = other
        self._comparison = comparison
        self._stamp = stamp
        self._is_new = is_new

    def take_texts(self, hunks: Sequence[Hunk]) -> None:
        """Take over those of the hunks that are of rich texts."""
        rows: dict[str, set[int]] = {}
        for hunk in hunks:
            if hunk.kind == "text_changed" and hunk.block_id is not None:
                rows.setdefault(hunk.block_id, set()).add(hunk.row)
        with self._doc.transaction():
            for block_id, chosen in rows.items():
                self._take_text(block_id, chosen)

    def take_others(self, hunks: Sequence[Hunk]) -> None:
        """Take over those of the hunks that are not of rich texts.

        Raises InvalidContentError, UnreadableBlockError where one of them cannot stand without others.
        """
        patches: dict[str, Fields] = {}
        with self._doc.transaction():
            for hunk in hunks:
                if hunk.kind == "content_changed" and hunk.block_id is not None:
                    self._add_to(patches.setdefault(hunk.block_id, {}), hunk)
                elif hunk.kind != "text_changed":
                    self._take(hunk)
            for block_id, patch in patches.items():
                change_block(self._doc, block_id, patch=patch, by_server=True)

    def _take_text(self, block_id: str, chosen: set[int]) -> None:
        fragment = fragment_of(self._doc, block_id)
        assert fragment is not None, "both documents have it"
        wanted: list[Node] = []
        for row, (old, new) in enumerate(self._comparison.texts[block_id]):
            wanted += nodes_of(new if (row in chosen) == self._is_new else old)
        change_fragment(fragment, document(tuple(wanted)))

    def _wanted(self, hunk: Hunk) -> Json:
        return hunk.after if self._is_new else hunk.before

    def _add_to(self, patch: Fields, hunk: Hunk) -> None:
        assert hunk.block_id is not None
        present = value_at(read_block(self._doc, hunk.block_id).content, hunk.path)
        for key in hunk.path[:-1]:
            patch = cast("Fields", patch.setdefault(key, {}))
        patch[hunk.path[-1]] = patch_between(present, self._wanted(hunk))

    def _take(self, hunk: Hunk) -> None:
        wanted = self._wanted(hunk)
        if hunk.block_id is None:
            self._set(self._doc.get(META, type=pycrdt.Map[Any]), hunk.path[0], wanted)
            return
        match hunk.kind:
            case "block_moved":
                self._set(blocks_of(self._doc)[hunk.block_id], "order", wanted)
            case "block_placed":
                change_block(self._doc, hunk.block_id, place=cast("Fields", wanted))
            case "block_replaced":
                self._copy(hunk.block_id)
            case _ if wanted is None:
                self._remove(hunk)
            case _:
                self._bring(hunk.block_id)

    def _remove(self, hunk: Hunk) -> None:
        assert hunk.block_id is not None
        if hunk.kind == "block_added":
            # It was never anything but proposed.
            del blocks_of(self._doc)[hunk.block_id]
        else:
            delete_block(self._doc, hunk.block_id, stamp=self._stamp)

    def _bring(self, block_id: str) -> None:
        if isinstance(blocks_of(self._doc).get(block_id), pycrdt.Map):
            restore_block(self._doc, block_id)
        else:
            self._copy(block_id)

    def _copy(self, block_id: str) -> None:
        blocks = blocks_of(self._doc)
        copy_entry(blocks, block_id, blocks_of(self._other)[block_id])

    def _set(self, fields: "pycrdt.Map[Any]", key: str, value: Json) -> None:
        if value is not None:
            fields[key] = value
        elif key in fields:
            del fields[key]


def patch_between(present: Json, wanted: Json) -> Json:
    """Return the JSON merge patch (RFC 7396) that makes one value into another."""
    if not (isinstance(present, dict) and isinstance(wanted, dict)):
        return wanted
    gone: dict[str, Json] = dict.fromkeys(present.keys() - wanted.keys())
    return gone | {
        key: patch_between(present.get(key), value)
        for key, value in wanted.items()
        if key not in present or present[key] != value
    }
