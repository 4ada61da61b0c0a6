"""The index: what can be found, who may find it, and finding it.

Rights are part of the query: what somebody may not see is never read, counted or shown. Only the tables of
the search are written here, and they refer to nothing by keys of the database: see
`storage.repositories.projections` for why.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    false,
    insert,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from storage.access import Standing
from storage.actions import Action
from storage.models import (
    Channel,
    ChannelMember,
    File,
    Page,
    SearchEntry,
    SearchVector,
    Workspace,
    some_of,
    table_of,
)
from storage.repositories.pages import visible_to
from storage.search.ports import Wanted, WordIndex, Words
from storage.search.postgres import PostgresWords
from storage.search.queries import KINDS, Kind, Query
from storage.search.sqlite import SqliteWords
from storage.search.words import words_of

T = TypeVar("T")

NEEDED: Mapping[Kind, Action] = {
    "page": "pages.read",
    "block": "pages.read",
    "comment": "pages.read",
    "message": "channels.read",
    "file": "files.read",
    "prompt": "prompts.read",
    "brand": "brands.read",
    "creator": "creators.read",
}
"""Kind -> what one has to be allowed in the workspace to find it; of files see `_finds`."""

MAX_TEXT_CHARACTERS = 100_000
"""Of one text; what comes behind is not found."""

IN_TITLE: Final = 0
ELSEWHERE: Final = 1
"""The two parts of an answer, in their order."""

_SPREAD_BITS = 29
_LATEST = 2**33  # seconds; far enough
_IDS_AT_ONCE = 500


_entries = table_of(SearchEntry).c
_IDS = some_of("ids")
_ENTRIES_OF = select(_entries.id).where(
    _entries.owner_id == bindparam("owner_id"),
    _entries.kind == bindparam("kind"),
    _entries.subject_id.in_(_IDS),
)
_TAKEN = select(_entries.id).where(_entries.id.in_(_IDS))
_ADD_ENTRIES = insert(table_of(SearchEntry))
_REMOVE_ENTRIES = delete(table_of(SearchEntry)).where(_entries.id.in_(_IDS))


class Entry(msgspec.Struct, frozen=True):
    """Something that is to be found: see `SearchEntry`."""

    subject_id: str
    author: str | None
    written_at: datetime
    title: str = ""
    body: str = ""


class Place(msgspec.Struct, frozen=True):
    """Where in an answer something is: whoever goes on reads behind it."""

    part: Literal[0, 1]
    id: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Search:
    """The index as one unit of work sees it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @property
    def _words(self) -> WordIndex:
        is_sqlite = self._session.get_bind().dialect.name == "sqlite"
        return SqliteWords() if is_sqlite else PostgresWords()

    async def put(self, workspace_id: UUID, kind: Kind, owner_id: UUID, entries: Sequence[Entry]) -> None:
        """Let these be found as they are now; one without any text is not found."""
        found: dict[int, tuple[dict[str, Any], Words]] = {}
        await self._remove_entries(kind, owner_id, [entry.subject_id for entry in entries])
        ids = await self._new_ids(kind, owner_id, entries)
        for id_, entry in zip(ids, entries, strict=True):
            title, body = entry.title[:MAX_TEXT_CHARACTERS], entry.body[:MAX_TEXT_CHARACTERS]
            labels = [f"w{workspace_id.hex}", f"k{kind}", f"o{owner_id.hex}"]
            labels += [_author_label(entry.author)] if entry.author else []
            words = Words(tuple(labels), words_of(title), words_of(body))
            if words.title or words.body:
                row = {
                    "id": id_,
                    "workspace_id": workspace_id,
                    "kind": kind,
                    "owner_id": owner_id,
                    "subject_id": entry.subject_id,
                    "author": entry.author,
                    "written_at": entry.written_at,
                    "title": title,
                    "body": body,
                }
                found[id_] = row, words
        if found:
            await self._session.execute(_ADD_ENTRIES, [row for row, _ in found.values()])
        shown = {row["subject_id"] for row, _ in found.values()}
        gone = [entry.subject_id for entry in entries if entry.subject_id not in shown]
        await self._forget_vectors(kind, owner_id, gone)
        await self._words.add(self._session, {id_: words for id_, (_, words) in found.items()})

    async def remove(self, kind: Kind, owner_id: UUID, subject_ids: Collection[str]) -> None:
        """Let these be found no more."""
        await self._remove_entries(kind, owner_id, subject_ids)
        await self._forget_vectors(kind, owner_id, subject_ids)

    async def forget(self, owner_id: UUID, limit: int) -> bool:
        """Remove so many of a page's or channel's entries; tell whether all are gone."""
        is_done = await self._remove(SearchEntry.owner_id == owner_id, limit=limit) < limit
        return await self._remove_vectors(SearchVector.owner_id == owner_id, limit=limit) and is_done

    async def forget_orphans(self, limit: int) -> bool:
        """Remove so many entries of workspaces that are no more; tell whether all are gone."""
        gone = ~exists().where(Workspace.id == SearchEntry.workspace_id)
        is_done = await self._remove(gone, limit=limit) < limit
        lost = await self._session.scalar(
            select(SearchVector.workspace_id)
            .where(~exists().where(Workspace.id == SearchVector.workspace_id))
            .limit(1)
        )
        if lost is None:
            return is_done
        await self._remove_vectors(SearchVector.workspace_id == lost, limit=limit)
        return False

    async def find(
        self, standing: Standing, workspace_id: UUID, query: Query, *, after: Place | None, limit: int
    ) -> list[tuple[Place, SearchEntry]]:
        """Return what somebody may see of what a query finds, behind a place.

        First what has all of it in the title, then the rest; the newest first in each.
        """
        visible = self.visible(standing, workspace_id, query)
        if visible is None:
            return []
        await self._words.prepare(self._session)
        parts = (IN_TITLE, ELSEWHERE) if query.phrases else (ELSEWHERE,)
        found: list[tuple[Place, SearchEntry]] = []
        for part in parts:
            if after is not None and part < after.part:
                continue
            statement, key = self._matching(workspace_id, query, part)
            statement = statement.where(*visible, *_between(query, key)).order_by(key.desc())
            if after is not None and part == after.part:
                statement = statement.where(key < after.id)
            rows = await self._session.scalars(statement.limit(limit - len(found)))
            found += [(Place(part, row.id), row) for row in rows]
            if len(found) >= limit:
                break
        return found

    def visible(
        self, standing: Standing, workspace_id: UUID, query: Query
    ) -> tuple[ColumnElement[bool], ...] | None:
        """Return what an entry has to fulfil to be found by somebody; None where none is."""
        kinds = {kind for kind in query.kinds or KINDS if _finds(standing, kind)}
        if not kinds or standing.caller.user_id is None:
            return None
        return (
            SearchEntry.workspace_id == workspace_id,
            SearchEntry.kind.in_(sorted(kinds)),
            _may_see(standing, workspace_id),
        )

    async def documents(self, entries: Sequence[SearchEntry]) -> dict[int, str]:
        """Return the page or channel that entries are in, by their ids; others are in none."""
        files = [UUID(entry.subject_id) for entry in entries if entry.kind == "file"]
        named = await self._session.execute(select(File.id, File.document).where(File.id.in_(files)))
        of_file = {str(row.id): row.document for row in named}
        found: dict[int, str] = {}
        for entry in entries:
            if entry.kind in ("page", "block", "comment"):
                found[entry.id] = f"page:{entry.owner_id}"
            elif entry.kind == "message":
                found[entry.id] = f"channel:{entry.owner_id}"
            elif document := of_file.get(entry.subject_id):
                found[entry.id] = document
        return found

    async def titles(self, entries: Sequence[SearchEntry]) -> dict[UUID, str]:
        """Return what the pages and channels are called that entries are in."""
        pages = {entry.owner_id for entry in entries if entry.kind in ("block", "comment")}
        channels = {entry.owner_id for entry in entries if entry.kind == "message"}
        found = (await self._session.execute(select(Page.id, Page.title).where(Page.id.in_(pages)))).all()
        named = await self._session.execute(select(Channel.id, Channel.name).where(Channel.id.in_(channels)))
        return {row[0]: row[1] for row in [*found, *named]}

    def _matching(
        self, workspace_id: UUID, query: Query, part: int
    ) -> tuple[Select[SearchEntry], ColumnElement[int]]:
        """Return a statement over what has the words, and the column of the id to order it by."""
        labels: list[frozenset[str]] = [frozenset({f"w{workspace_id.hex}"})]
        labels += [frozenset(f"k{kind}" for kind in query.kinds)] if query.kinds else []
        labels += [frozenset(f"o{place.hex}" for place in query.places)] if query.places else []
        labels += [frozenset(_author_label(who) for who in query.authors)] if query.authors else []
        if len(labels) == 1 and not query.phrases:
            return select(SearchEntry), SearchEntry.id.expression
        in_title = None if not query.phrases else part == IN_TITLE
        wanted = Wanted(tuple(labels), query.phrases, in_title)
        return self._words.restrict(select(SearchEntry), wanted), self._words.entry_id

    async def _remove_entries(self, kind: Kind, owner_id: UUID, subject_ids: Collection[str]) -> None:
        for some in _parts(subject_ids):
            chosen = {"owner_id": owner_id, "kind": kind, "ids": some}
            await self._remove_all((await self._session.scalars(_ENTRIES_OF, chosen)).all())

    async def _forget_vectors(self, kind: Kind, owner_id: UUID, subject_ids: Collection[str]) -> None:
        for some in _parts(subject_ids):
            await self._session.execute(
                delete(SearchVector)
                .where(
                    SearchVector.owner_id == owner_id,
                    SearchVector.kind == kind,
                    SearchVector.subject_id.in_(some),
                )
                .execution_options(synchronize_session=False)
            )

    async def _remove_vectors(self, chosen: ColumnElement[bool], *, limit: int) -> bool:
        """Remove so many vectors; tell whether these were all."""
        keys = (SearchVector.owner_id, SearchVector.kind, SearchVector.subject_id, SearchVector.part)
        rows = (await self._session.execute(select(*keys).where(chosen).limit(limit))).all()
        for some in _parts(rows):
            await self._session.execute(
                delete(SearchVector)
                .where(tuple_(*keys).in_(some))
                .execution_options(synchronize_session=False)
            )
        return len(rows) < limit

    async def _remove(self, *chosen: ColumnElement[bool], limit: int) -> int:
        ids = (await self._session.scalars(select(SearchEntry.id).where(*chosen).limit(limit))).all()
        await self._remove_all(ids)
        return len(ids)

    async def _remove_all(self, ids: Sequence[int]) -> None:
        for some in _parts(ids):
            await self._words.remove(self._session, some)
            await self._session.execute(_REMOVE_ENTRIES, {"ids": some})

    async def _new_ids(self, kind: Kind, owner_id: UUID, entries: Sequence[Entry]) -> list[int]:
        """Return ids in the order of the entries' times: seconds, then a number that spreads."""
        wanted = [_id_of(kind, owner_id, entry) for entry in entries]
        taken: set[int] = set()
        for some in _parts(wanted):
            taken.update(await self._session.scalars(_TAKEN, {"ids": some}))
        found: list[int] = []
        for id_ in wanted:
            while id_ in taken:
                id_ += 1
                if await self._session.get(SearchEntry, id_) is not None:
                    taken.add(id_)
            taken.add(id_)
            found.append(id_)
        return found


def _parts(of: Collection[T]) -> Iterator[Sequence[T]]:
    """Give some of them at a time, as many as one statement takes."""
    listed = list(of)
    for start in range(0, len(listed), _IDS_AT_ONCE):
        yield listed[start : start + _IDS_AT_ONCE]


def _id_of(kind: Kind, owner_id: UUID, entry: Entry) -> int:
    seconds = min(max(int(entry.written_at.timestamp()), 0), _LATEST)
    subject = f"{kind}:{owner_id}:{entry.subject_id}".encode()
    spread = int.from_bytes(blake2b(subject, digest_size=4).digest()) >> (32 - _SPREAD_BITS)
    return seconds << _SPREAD_BITS | spread


def _between(query: Query, key: ColumnElement[int]) -> list[ColumnElement[bool]]:
    """Return the filters of time: the ids begin with it."""
    found: list[ColumnElement[bool]] = []
    if query.before is not None:
        found.append(SearchEntry.written_at < query.before)
        found.append(key < _first_id(query.before, 1))
    if query.after is not None:
        found.append(SearchEntry.written_at >= query.after)
        found.append(key >= _first_id(query.after, 0))
    return found


def _first_id(time: datetime, more_seconds: int) -> int:
    return min(max(int(time.timestamp()) + more_seconds, 0), _LATEST + 1) << _SPREAD_BITS


def _author_label(author: str) -> str:
    return "a" + blake2b(author.encode(), digest_size=16).hexdigest()


def _finds(standing: Standing, kind: Kind) -> bool:
    """Tell whether somebody may find anything of a kind. Guests read the files of what they may read."""
    needed = NEEDED[kind]
    return standing.allows(needed) or (kind == "file" and standing.caller.has_scope(needed))


def _may_see(standing: Standing, workspace_id: UUID) -> ColumnElement[bool]:
    """Return what an entry has to fulfil to be seen; whether its kind may be seen at all is asked before."""
    page = exists().where(
        Page.id == SearchEntry.owner_id,
        Page.workspace_id == workspace_id,
        Page.trashed_at.is_(None),
        *visible_to(standing.page_reader),
    )
    is_member = exists().where(
        ChannelMember.channel_id == Channel.id, ChannelMember.user_id == standing.caller.user_id
    )
    channel = exists().where(
        Channel.id == SearchEntry.owner_id,
        Channel.workspace_id == workspace_id,
        or_(Channel.type == "public", is_member),
    )
    is_of_workspace = exists().where(
        File.id == SearchEntry.owner_id, File.workspace_id == workspace_id, File.document.is_(None)
    )
    file = [
        *([page] if standing.allows("pages.read") else []),
        *([channel] if standing.allows("channels.read") else []),
        *([is_of_workspace] if standing.allows("files.read") else []),
    ]
    return or_(
        and_(SearchEntry.kind.in_(("page", "block", "comment")), page),
        and_(SearchEntry.kind == "message", channel),
        and_(SearchEntry.kind == "file", or_(false(), *file)),
        SearchEntry.kind.in_(("prompt", "brand", "creator")),
    )
