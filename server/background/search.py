"""Lets pages, prompts, brands and creators be found as their events say that they have changed.

Blocks and messages are found by their projections: see `server.projections`. Files are found by
`server.background.file_texts`; here those are forgotten that were deleted.
"""

from collections.abc import Sequence
from uuid import UUID

from storage.callers import parse_document_name
from storage.models import Event
from storage.repositories.consumers import Beginning
from storage.search.queries import Kind
from storage.search.sources import SEARCH_CONSUMER, SOURCES, refresh
from storage.unit_of_work import UnitOfWork

_OF_CONTENT = frozenset({"page.edited", "page.mentioned"})
"""Events after which a title is what it was."""

_FILE_DELETED = "file.deleted"


class SearchConsumer:
    """Implements `server.background.consumers.Consumer`."""

    name = SEARCH_CONSUMER
    beginning: Beginning = "start"

    async def wants(self, events: Sequence[Event]) -> bool:
        """Want what is about things that are found by their names."""
        return any(_changed(event) is not None or event.type == _FILE_DELETED for event in events)

    async def handle(self, uow: UnitOfWork, events: Sequence[Event]) -> None:
        """Read what the events are about as it is now."""
        changed: dict[Kind, set[UUID]] = {}
        for event in events:
            owner = parse_document_name(event.subject or "")
            if event.type == _FILE_DELETED and owner is not None:
                await uow.search.remove("file", owner[1], [event.payload["file_id"]])
            elif (found := _changed(event)) is not None:
                changed.setdefault(found[0], set()).add(found[1])
        for kind, ids in changed.items():
            await refresh(uow.session, uow.search, kind, sorted(ids))


def _changed(event: Event) -> tuple[Kind, UUID] | None:
    """Return what an event has changed of what is found, if anything."""
    found = parse_document_name(event.subject or "")
    if found is None or event.type in _OF_CONTENT:
        return None
    return next(((kind, found[1]) for kind in SOURCES if kind == found[0]), None)
