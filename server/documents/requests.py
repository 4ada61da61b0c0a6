"""What a request does with a page's document: reads it, or writes it as the caller."""

from collections.abc import Callable
from typing import Any, TypeVar

import pycrdt

from crdt.ports import Principal
from server.documents.base import Base, read_base
from server.documents.block_index import BlockIndex
from server.documents.copies import Copies
from server.documents.writing import Writer, Written, read_state
from server.errors import ConflictError
from server.history import History
from server.offload import Offload
from storage.errors import UnknownDocumentError, UnknownPositionError

T = TypeVar("T")
Reader = Callable[["pycrdt.Doc[Any]"], T]


class PageDocuments:
    """The documents of pages, for requests."""

    def __init__(
        self, copies: Copies, writer: Writer, history: History, index: BlockIndex, offload: Offload
    ) -> None:
        self._copies = copies
        self._history = history
        self._offload = offload
        self._writer = writer
        self.index = index

    async def read(self, name: str, reader: Reader[T]) -> tuple[T, Base, bytes]:
        """Return what a function reads in what is committed, with its moment and its state vector."""
        return await self._copies.read(name, lambda doc, base: (reader(doc), base, doc.get_state()))

    async def render(self, name: str, reader: Reader[T]) -> tuple[T, Base, bytes]:
        """Like `read`, for a module's function that is slow over large documents: beside the loop."""
        state, base, state_vector = await self.read(name, lambda doc: doc.get_update())
        return await self._offload.run(len(state), read_state, state, reader), base, state_vector

    async def write(
        self,
        name: str,
        principal: Principal,
        change: Reader[T],
        *,
        base: str | None = None,
        look: Reader[object] = lambda doc: None,
        cost: int = 0,
    ) -> Written[T]:
        """Let a function change a document, on what the caller saw where that is said; see `Writer.write`.

        Raises InvalidError for what is no base, ConflictError for one that is not kept any more.
        """
        if base is None:
            return await self._writer.write(name, principal, change, cost=cost)
        moment = await self._moment(name, base, "body.base")
        try:
            return await self._writer.write(name, principal, change, base=moment, look=look, cost=cost)
        except (UnknownPositionError, UnknownDocumentError) as error:
            raise _base_gone() from error

    async def read_at(self, name: str, base: str, reader: Reader[T], *, field: str) -> T:
        """Return what a module's function reads in a document as a caller saw it, who says so in a field.

        Raises what `write` raises.
        """
        moment = await self._moment(name, base, field)
        try:
            state = await self._history.state_at(name, moment.position)
        except (UnknownPositionError, UnknownDocumentError) as error:
            raise _base_gone() from error
        return await self._offload.run(len(state), read_state, state, reader)

    async def _moment(self, name: str, base: str, field: str) -> Base:
        _, now, _ = await self.read(name, lambda doc: None)
        return read_base(base, now=now, field=field)


def _base_gone() -> ConflictError:
    return ConflictError("What you saw is too long ago to be found out: read it again.", code="base_gone")
