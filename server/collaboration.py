"""What runs of agents need of the server to write beside people: the ports of `agents.collaborator`."""

from uuid import UUID

from agents.collaborator import Change
from crdt.errors import DocumentRefused
from crdt.ports import Principal
from server.errors import ConflictError
from server.suggestions import Suggestions
from storage.access import page_standing
from storage.callers import find_caller, parse_document_name
from storage.engine import Database

TRIES = 3
"""A page may begin anew while a suggestion is made for it; it is made once more, of the new one."""


class PageSuggester:
    """Implements `agents.collaborator.Suggester`."""

    def __init__(self, database: Database, suggestions: Suggestions) -> None:
        self._database = database
        self._suggestions = suggestions

    async def has_made(self, suggestion_id: UUID) -> bool:
        """Tell whether there is a suggestion, whatever became of it."""
        async with self._database.read() as uow:
            return await uow.suggestions.get(suggestion_id) is not None

    async def make(
        self, document: str, principal: Principal, note: str, change: Change, suggestion_id: UUID
    ) -> None:
        """Make a suggestion in the name of a run, of the page as it is by then. Raises DocumentRefused."""
        kind, page_id = parse_document_name(document) or ("", UUID(int=0))
        async with self._database.read() as uow:
            caller = await find_caller(uow, principal.author)
            found = await page_standing(uow, caller, page_id) if caller and kind == "page" else None
        if found is None or caller is None or caller.user_id is None:
            raise DocumentRefused("There is no such page, or this run may not see it.")
        page, standing = found
        if not standing.allows("pages.comment"):
            raise DocumentRefused("This run may not suggest anything for this page.")
        tries = 0
        while True:
            try:
                await self._suggestions.make(
                    page, principal, caller.user_id, note, change, None, suggestion_id=suggestion_id
                )
            except ConflictError as error:
                tries += 1
                if error.code != "page_begun_anew" or tries == TRIES:
                    raise DocumentRefused(error.detail) from error
            else:
                return
