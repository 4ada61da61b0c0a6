"""Copies of live documents for reading: each as its log is committed, so exactly what a position stands for.

A copy follows by reading the new rows, which is much less than loading the document for each request. Few are
kept, and of those no more than fit; the least used goes first. They belong to this process alone and are
never written: losing one loses nothing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import pycrdt

from crdt.document import LiveDocument, Poisoned
from crdt.epoch import Epoch
from crdt.ports import DocumentName
from server.documents.base import Base
from storage.errors import UnknownDocumentError, UnknownPositionError
from storage.update_log import UpdateLog

T = TypeVar("T")

MAX_COPIES = 64
MAX_BYTES = 64 * 1024 * 1024


class _Copy:
    """One document at one position."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.document: LiveDocument | None = None
        self.base = Base("", 0)
        self.size_bytes = 0


class Copies:
    """The copies of this process."""

    def __init__(self, log: UpdateLog) -> None:
        self._log = log
        self._copies: OrderedDict[str, _Copy] = OrderedDict()

    async def read(self, name: str, reader: Callable[["pycrdt.Doc[Any]", Base], T]) -> T:
        """Return what a function reads in what is committed of a document now.

        The function must not change it. Raises UnknownDocumentError, and what loading a document raises.
        """
        heads = await self._log.heads([name])
        if name not in heads:
            raise UnknownDocumentError(name)
        epoch, head = heads[name]
        copy = self._copies.setdefault(name, _Copy())
        self._copies.move_to_end(name)
        async with copy.lock:
            await self._bring_up(name, copy, Base(epoch, head))
            document, base = copy.document, copy.base
            assert document is not None
            found = document.read(lambda doc: reader(doc, base))
        self._make_room()
        return found

    async def _bring_up(self, name: str, copy: _Copy, now: Base) -> None:
        if copy.document is not None and copy.base.epoch == now.epoch:
            if copy.base.position >= now.position:
                return
            try:
                rows = await self._log.read_rows(_address(name, now), copy.base.position, now.position)
                copy.document.apply(rows)
            except (Poisoned, UnknownPositionError):
                copy.document = None  # loading knows how to leave poison out, and where a snapshot stands in
            else:
                copy.base = now
                copy.size_bytes += sum(map(len, rows))
                return
        copy.document = None
        marker = Epoch(DocumentName(name), now.epoch).marker
        position, snapshot, rows = await self._log.load(_address(name, now))
        copy.document = LiveDocument(snapshot, rows, marker=marker)
        copy.base = Base(now.epoch, position)
        copy.size_bytes = len(snapshot or b"") + sum(map(len, rows))

    def _make_room(self) -> None:
        used = sum(copy.size_bytes for copy in self._copies.values())
        for name, copy in [*self._copies.items()][:-1]:
            if len(self._copies) <= MAX_COPIES and used <= MAX_BYTES:
                return
            if not copy.lock.locked():
                used -= copy.size_bytes
                del self._copies[name]


def _address(name: str, now: Base) -> str:
    return Epoch(DocumentName(name), now.epoch).address
