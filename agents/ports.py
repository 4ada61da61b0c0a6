"""What agents need of the server, as Protocols that belong to them. `server.bootstrap` joins the two."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec
import pycrdt

from agents.llm.embeddings import Embedder
from agents.tools.base import ToolContext
from blocks.page_text import Section
from integrations.transport import Transport
from storage.engine import Database
from storage.models import File, Page
from storage.unit_of_work import UnitOfWork

T = TypeVar("T")
Reader = Callable[["pycrdt.Doc[Any]"], T]
"""Reads a document, or changes it; raises before it changes anything, or not at all."""


class Edited(msgspec.Struct, Generic[T], frozen=True):
    """That an edit is committed."""

    position: int | None
    """None where there was nothing to write."""
    result: T | None
    """What the change returned; None where its step had made it before."""
    suggestion_id: UUID | None = None
    """What it became where a person was writing in the same place."""


class Documents(Protocol):
    """The live documents of pages and channels."""

    async def read(self, name: str, reader: Reader[T]) -> T:
        """Return what a function reads in what is committed."""
        ...

    async def render(self, name: str, reader: Reader[T]) -> T:
        """Likewise, for a module's function that reads all of it: beside the loop where that is much."""
        ...

    async def parse(self, markdown: str) -> Section:
        """Return a text that is Markdown, read beside the loop where it is long."""
        ...

    async def edit(self, context: ToolContext, name: str, change: Reader[T], *, note: str = "") -> Edited[T]:
        """Let a function change a document as the context's principal; return when that is committed.

        A change that the context's step has made before is not made again. Where a person is writing in the
        same place of a page, and stays there, it becomes a suggestion with the note. The function may be
        called several times, on copies. Raises what it raises, and crdt's errors.
        """
        ...

    async def is_edited(self, context: ToolContext, name: str) -> bool:
        """Tell whether the context's step has changed a document before."""
        ...

    def note_block(self, block_id: str, page_id: UUID) -> None:
        """Let a block that was written just now be found by its id, before its row follows."""
        ...

    async def catch_up(self, name: str) -> None:
        """Wait a moment until the rows of a document have what is in it."""
        ...


class Proposals(Protocol):
    """The suggestions for pages."""

    async def propose(
        self, context: ToolContext, page: Page, note: str, change: Reader[object], suggestion_id: UUID
    ) -> None:
        """Make a suggestion with what a function makes of a page.

        One that is there already is left as it is. Raises ToolError where there can be none.
        """
        ...


class Contents(Protocol):
    """The contents of files."""

    async def read_text(self, file: File, most_characters: int) -> str | None:
        """Return the beginning of what a file says; None for one that has no text that can be read."""
        ...

    async def save(
        self, context: ToolContext, file_id: UUID, name: str, document: str | None, content: bytes
    ) -> File:
        """Keep a file; one that is there already is left as it is. Raises ToolError for want of room."""
        ...


class Mails(Protocol):
    """The outbox."""

    async def post(self, uow: UnitOfWork, to: str, subject: str, text: str) -> None:
        """Send a mail once this unit is committed."""
        ...


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What the tools work with."""

    database: Database
    documents: Documents
    proposals: Proposals
    contents: Contents
    mails: Mails
    transport: Transport
    embedder: Embedder
