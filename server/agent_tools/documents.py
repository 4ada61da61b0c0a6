"""Live documents and suggestions for agents' tools."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

import pycrdt

from agents.collaborator import Collaborators
from agents.marks import Marks, written_under
from agents.ports import Edited
from agents.tools.base import ToolContext
from agents.tools.errors import ToolError
from blocks.errors import TooManyElementsError
from blocks.page_text import CHARACTER_COST, Section, parse_text
from server.documents.requests import PageDocuments
from server.errors import ConflictError
from server.offload import Offload
from server.projections.catching_up import CatchingUp
from server.suggestions import Suggestions
from storage.engine import Database
from storage.errors import UnknownDocumentError
from storage.models import Page

T = TypeVar("T")


class LiveDocuments:
    """Implements `agents.ports.Documents`."""

    def __init__(
        self,
        documents: PageDocuments,
        collaborators: Collaborators,
        catching_up: CatchingUp,
        offload: Offload,
    ) -> None:
        self._documents = documents
        self._collaborators = collaborators
        self._catching_up = catching_up
        self._offload = offload

    async def read(self, name: str, reader: Callable[["pycrdt.Doc[Any]"], T]) -> T:
        """Return what a function reads in what is committed. Raises ToolError for what is not there."""
        with _telling_of_its_end():
            return (await self._documents.read(name, reader))[0]

    async def render(self, name: str, reader: Callable[["pycrdt.Doc[Any]"], T]) -> T:
        """Likewise, for a module's function that reads all of it: beside the loop where that is much."""
        with _telling_of_its_end():
            return (await self._documents.render(name, reader))[0]

    async def parse(self, markdown: str) -> Section:
        """Return a text that is Markdown, read beside the loop where it is long. Raises ToolError."""
        try:
            return await self._offload.run(len(markdown) * CHARACTER_COST, parse_text, markdown)
        except TooManyElementsError as error:
            raise ToolError(str(error)) from error

    async def edit(
        self, context: ToolContext, name: str, change: Callable[["pycrdt.Doc[Any]"], T], *, note: str = ""
    ) -> Edited[T]:
        """Let a function change a document beside people; return when that is committed."""
        async with self._collaborators.join(context, name) as collaborator:
            written = await collaborator.edit(change, note=note, waits=name.startswith("page:"))
        return Edited(written.position, written.result, written.suggestion_id)

    async def is_edited(self, context: ToolContext, name: str) -> bool:
        """Tell whether the context's step has changed a document before."""
        mark = Marks(context.step_id, name).next()
        return await self.read(name, lambda doc: bool(written_under(doc, mark)))

    def note_block(self, block_id: str, page_id: UUID) -> None:
        """Let a block that was written just now be found by its id, before its row follows."""
        self._documents.index.note(block_id, page_id)

    async def catch_up(self, name: str) -> None:
        """Wait a moment until the rows of a document have what is in it."""
        await self._catching_up.catch_up(name)


class PageProposals:
    """Implements `agents.ports.Proposals`."""

    def __init__(self, database: Database, suggestions: Suggestions) -> None:
        self._database = database
        self._suggestions = suggestions

    async def propose(
        self,
        context: ToolContext,
        page: Page,
        note: str,
        change: Callable[["pycrdt.Doc[Any]"], object],
        suggestion_id: UUID,
    ) -> None:
        """Make a suggestion with what a function makes of a page."""
        if context.invoker_user_id is None:
            raise ToolError("There is nobody in whose name something could be suggested.")
        async with self._database.read() as uow:
            if await uow.suggestions.get(suggestion_id) is not None:
                return
        try:
            await self._suggestions.make(
                page,
                context.principal,
                context.invoker_user_id,
                note,
                change,
                None,
                suggestion_id=suggestion_id,
            )
        except ConflictError as error:
            raise ToolError(error.detail) from error


@contextmanager
def _telling_of_its_end() -> Generator[None]:
    try:
        yield
    except UnknownDocumentError as error:
        raise ToolError("This page or channel does not exist any more.") from error
