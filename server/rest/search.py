"""Searching a workspace. What is found, and by whom, is `storage.search`."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from server.errors import FieldError, MalformedError
from server.rest.fields import Listing, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_workspace
from server.routing import Routes, UserCall
from storage.callers import parse_document_name
from storage.models import SearchEntry
from storage.search.index import Place
from storage.search.queries import Kind, Phrase, QueryError, parse
from storage.search.snippets import has_match, snippet
from storage.unit_of_work import UnitOfWork

routes = Routes("Search")

SearchText = Annotated[
    str,
    Meta(
        max_length=1000,
        pattern=r"^[^\x00]*$",
        description='Words, "phrases", beginnings (`launch*`) and filters: `type:`, `in:`, `from:`, '
        "`before:`, `after:`. Empty: whatever was written last.",
    ),
]


class SearchQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """What is looked for."""

    q: SearchText = ""


class SnippetPart(msgspec.Struct, frozen=True):
    """A piece of plain text, and whether it is what was looked for."""

    text: str
    is_match: bool


class SearchHit(msgspec.Struct, frozen=True):
    """Something that was found."""

    kind: Kind
    id: str
    title: str
    """Of the thing itself, or of the page or channel that it is in."""
    page_id: UUID | None
    channel_id: UUID | None
    author: str | None
    """The principal who wrote it, where that is known."""
    written_at: Time
    snippet: list[SnippetPart]


@routes.get("/v1/workspaces/{workspace_id}/search", "search.read")
async def search(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: SearchQuery
) -> Listing[SearchHit]:
    """Find pages, blocks, comments, messages, files, prompts, brands and creators of a workspace.

    Files are found by their names and by what they say, as far as they are texts, PDF or Word (`.docx`).
    What has all words in its title comes first, then the rest; the newest first in each. Words are compared
    without case and accents, and whole, unless they end in `*`. An API key finds what its scopes let it read.
    """
    _, standing = await find_workspace(call, uow, workspace_id, "search.read")
    try:
        wanted = parse(query.q, me=f"user:{standing.caller.user_id}")
    except QueryError as error:
        raise MalformedError(
            "The search cannot be read.", errors=(FieldError("query.q", str(error)),)
        ) from error
    after = read_cursor(query, Place)
    found = await uow.search.find(standing, workspace_id, wanted, after=after, limit=query.limit + 1)
    entries = [entry for _, entry in found]
    titles, documents = await uow.search.titles(entries), await uow.search.documents(entries)
    return list_slice(
        found,
        query,
        lambda hit: _show(hit[1], wanted.phrases, titles, documents.get(hit[1].id)),
        lambda hit: hit[0],
    )


def _show(
    entry: SearchEntry, phrases: Sequence[Phrase], titles: Mapping[UUID, str], document: str | None
) -> SearchHit:
    place = parse_document_name(document or "")
    text = entry.body if has_match(entry.body, phrases) or not entry.title else entry.title
    return SearchHit(
        kind=msgspec.convert(entry.kind, Kind),
        id=entry.subject_id,
        title=entry.title or titles.get(entry.owner_id, ""),
        page_id=place[1] if place and place[0] == "page" else None,
        channel_id=place[1] if place and place[0] == "channel" else None,
        author=entry.author,
        written_at=entry.written_at,
        snippet=[SnippetPart(part.text, part.is_match) for part in snippet(text, phrases)],
    )
