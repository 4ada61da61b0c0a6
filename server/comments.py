"""The comments on pages for requests: written as a peer does, and where what they are on is now.

Who may ask is the gate's business; what may be written is the guard's, for REST and sockets alike.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pycrdt

from blocks.page import read_entries
from blocks.positions import Range, locate, make_range, read_text
from crdt.ports import Principal
from server.documents.companions import make_companion
from server.documents.requests import PageDocuments
from server.documents.writing import Writer, Written
from server.projections.catching_up import CatchingUp
from storage.engine import Database
from storage.models import CommentThread

T = TypeVar("T")


class Spot(msgspec.Struct, frozen=True):
    """Where what a thread is on is now."""

    is_orphaned: bool = False
    """Whether its block, or all of its text, is gone."""
    range: Range | None = None


class Marked(msgspec.Struct, frozen=True):
    """A part of a block's text that was chosen: its encoded positions, and what stands there."""

    start: str
    end: str
    quote: str


class Comments:
    """Reads and writes comments for whoever has been let through."""

    def __init__(
        self, database: Database, writer: Writer, documents: PageDocuments, catching_up: CatchingUp
    ) -> None:
        self._database = database
        self._writer = writer
        self._documents = documents
        self._catching_up = catching_up

    async def write(
        self, page_id: UUID, principal: Principal, change: Callable[["pycrdt.Doc[Any]"], T], *new_ids: UUID
    ) -> Written[T]:
        """Let a function change the comments on a page; `new_ids` is what it adds. Raises crdt's errors."""
        name = document_of_comments(page_id)
        await make_companion(self._database, name)
        written = await self._writer.write(name, principal, change)
        for id_ in new_ids:
            self._catching_up.note(id_, name)
        return written

    async def catch_up(self, page_id: UUID) -> None:
        """Wait a moment until the rows have all comments on a page."""
        await self._catching_up.catch_up(document_of_comments(page_id))

    async def mark(self, page_id: UUID, block_id: str, choose: Callable[[str], tuple[int, int]]) -> Marked:
        """Return a part of a block's text as it is now; `choose` tells its offsets by the text.

        Raises UnknownBlockError, ValueError for no part of the text, and what `choose` raises.
        """

        def read(doc: pycrdt.Doc[Any]) -> Marked:
            text = read_text(doc, block_id)
            start, end = choose(text)
            return Marked(*make_range(doc, block_id, start, end), text[start:end])

        marked, _, _ = await self._documents.read(f"page:{page_id}", read)
        return marked

    async def has_block(self, page_id: UUID, block_id: str) -> bool:
        """Tell whether a page has a block that is not in its trash."""
        shown, _, _ = await self._documents.read(f"page:{page_id}", _shown_blocks)
        return block_id in shown

    async def spots(self, page_id: UUID, threads: Sequence[CommentThread]) -> dict[UUID, Spot]:
        """Return where the things are now that some threads of a page are on."""
        ranges = {
            str(one.id): (one.block_id, one.range_start, one.range_end)
            for one in threads
            if one.block_id and one.range_start and one.range_end
        }

        def read(doc: pycrdt.Doc[Any]) -> tuple[set[str], dict[str, Range | None]]:
            return _shown_blocks(doc), locate(doc, ranges) if ranges else {}

        if all(one.block_id is None for one in threads):
            return {one.id: Spot() for one in threads}
        (shown, found), _, _ = await self._documents.read(f"page:{page_id}", read)
        spots: dict[UUID, Spot] = {}
        for one in threads:
            there = found.get(str(one.id))
            is_lost = str(one.id) in found and there is None
            spots[one.id] = Spot(one.block_id is not None and (one.block_id not in shown or is_lost), there)
        return spots


def document_of_comments(page_id: UUID) -> str:
    """Return the name of the document that the comments on a page are in."""
    return f"comments:{page_id}"


def _shown_blocks(doc: pycrdt.Doc[Any]) -> set[str]:
    return {entry.id for entry in read_entries(doc) if not entry.is_deleted}
