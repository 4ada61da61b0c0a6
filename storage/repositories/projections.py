"""The rows of what live documents contain, and how far they follow the log.

Whoever writes rows of a document claims it first, in the same transaction. No lock is taken on anything else
but by events, which come last: so this never waits in a circle with who deletes a workspace or moves a page.
"""

from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    bindparam,
    delete,
    func,
    or_,
    outerjoin,
    select,
    text,
    union,
    update,
)
from sqlalchemy.engine import MappingResult
from sqlalchemy.ext.asyncio import AsyncSession

from storage.callers import parse_document_name
from storage.looks import Look
from storage.models import (
    CanvasBlock,
    ChatMessage,
    Comment,
    CommentThread,
    Document,
    DocumentProjection,
    Membership,
    MessageMention,
    Model,
    Page,
    PageGrant,
    PageLink,
    ReadMark,
    Update,
    some_of,
    table_of,
)
from storage.repositories.among import in_parts
from storage.repositories.upserts import insert_into
from storage.search.index import Search

K = TypeVar("K")

TOLD_EVERY = timedelta(minutes=1)
"""How often an event tells of the edits of one page."""

_PROJECTED = (
    or_(Document.name.like("page:%"), Document.name.like("channel:%"), Document.name.like("comments:%")),
    Document.workspace_id.is_not(None),
    Document.name.not_like("%@%"),  # what a reset has ended stays as it is
)

BEHIND = Look(
    select(Document.id, Document.name)
    .outerjoin(DocumentProjection, DocumentProjection.document_id == Document.id)
    .where(
        Document.id > bindparam("after"),
        *_PROJECTED,
        or_(
            DocumentProjection.document_id.is_(None),
            DocumentProjection.position < Document.head,
            DocumentProjection.is_stale,
            and_(
                DocumentProjection.told_position < DocumentProjection.position,
                DocumentProjection.told_at <= bindparam("told_before"),
            ),
        ),
    )
    .order_by(Document.id)
    .limit(bindparam("limit", type_=Integer))
)
"""Documents, by id behind `after`, whose rows are behind their log, or whose events are where they were last
told of before a time: ids and names. Reads every document's row there is, in the order of the key."""

BEHIND_OF_KIND = Look(
    select(Document.id, Document.head)
    .outerjoin(DocumentProjection, DocumentProjection.document_id == Document.id)
    .where(
        Document.workspace_id.in_(
            union(
                select(Membership.workspace_id).where(Membership.user_id == bindparam("user_id")),
                select(Page.workspace_id)
                .join(PageGrant, PageGrant.page_id == Page.id)
                .where(PageGrant.user_id == bindparam("user_id")),
                select(Page.workspace_id).where(Page.id == bindparam("page_id")),
            )
        ),
        Document.name.like(bindparam("names")),
        *_PROJECTED,
        or_(
            Document.head > func.coalesce(DocumentProjection.position, 0),
            # What came with an import has no rows yet; all else that is to be made anew has some.
            and_(DocumentProjection.is_stale, DocumentProjection.revision == 1),
        ),
    )
)
"""Documents of a kind (`page:%`) whose rows are behind their log, in the workspaces that a person, or who has
a link to a page, has to do with: id and newest position."""

# Asked again and again about what people type into, so they are built once: that costs as much as an answer.
_documents, _projections = table_of(Document).c, table_of(DocumentProjection).c
_blocks, _updates = table_of(CanvasBlock).c, table_of(Update).c
_STANDINGS = (
    select(
        _documents.id.label("document_id"),
        _documents.name,
        _documents.epoch,
        _documents.workspace_id,
        _documents.head,
        _projections.position,
        _projections.revision,
        _projections.is_stale,
        _projections.told_position,
        _projections.told_at,
    )
    .select_from(
        outerjoin(table_of(Document), table_of(DocumentProjection), _projections.document_id == _documents.id)
    )
    .where(_documents.workspace_id.is_not(None))
)
_FIND = _STANDINGS.where(_documents.name == bindparam("name"))
_FIND_ALL = _STANDINGS.where(_documents.name.in_(some_of("names")))
_OF_PART = (
    _updates.document_id == bindparam("document_id"),
    _updates.position > bindparam("after"),
    _updates.position <= bindparam("upto"),
)
_WRITTEN_BY = (
    select(_updates.position)
    .where(*_OF_PART, _updates.author == bindparam("author"))
    .order_by(_updates.position)
)
_AUTHORS = (
    select(_updates.author, func.max(_updates.created_at))
    .where(*_OF_PART)
    .group_by(_updates.author)
    .order_by(func.max(_updates.position))
)
_CLAIMED = ("position", "revision", "is_stale", "told_position", "told_at", "fault", "updated_at")
_CLAIM = (
    update(table_of(DocumentProjection))
    .where(_projections.document_id == bindparam("of_document"), _projections.revision == bindparam("seen"))
    .values({name: bindparam(name) for name in _CLAIMED})
    .returning(_projections.revision)
)
# Of (id, name, revision as seen, head, whether events are told): a row that nobody has written meanwhile.
_CLAIM_UNCHANGED = """
    INSERT INTO document_projections
        (document_id, name, position, revision, is_stale, told_position, told_at, updated_at)
    SELECT CAST(j.value ->> 0 AS bigint), j.value ->> 1, CAST(j.value ->> 3 AS bigint),
        CAST(j.value ->> 2 AS bigint) + 1, false,
        CASE CAST(j.value ->> 4 AS bigint) WHEN 1 THEN CAST(j.value ->> 3 AS bigint) ELSE 0 END,
        CASE CAST(j.value ->> 4 AS bigint) WHEN 1 THEN :now END, :now
    FROM {} WHERE true
    ON CONFLICT (document_id) DO UPDATE
    SET position = excluded.position, revision = excluded.revision, fault = NULL,
        told_position = CASE WHEN excluded.told_at IS NULL
            THEN document_projections.told_position ELSE excluded.told_position END,
        told_at = coalesce(excluded.told_at, document_projections.told_at), updated_at = excluded.updated_at
    WHERE document_projections.revision = excluded.revision - 1
    RETURNING document_id
"""
# Of (id, after, upto).
_AUTHORS_OF_PARTS = """
    SELECT u.document_id, u.author FROM {} CROSS JOIN updates AS u
    WHERE u.document_id = CAST(j.value ->> 0 AS bigint)
        AND u.position > CAST(j.value ->> 1 AS bigint) AND u.position <= CAST(j.value ->> 2 AS bigint)
    GROUP BY u.document_id, u.author ORDER BY max(u.position)
"""
_NOW = bindparam("now", type_=DocumentProjection.updated_at.type)
_GIVEN = {
    "sqlite": "json_each(:given) AS j",
    "postgresql": "jsonb_array_elements(CAST(:given AS jsonb)) AS j",
}
_CLAIMS_UNCHANGED = {
    kind: text(_CLAIM_UNCHANGED.format(given)).bindparams(_NOW) for kind, given in _GIVEN.items()
}
_ALL_AUTHORS = {kind: text(_AUTHORS_OF_PARTS.format(given)) for kind, given in _GIVEN.items()}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A document and how far its rows are."""

    document_id: int
    name: str
    epoch: str
    workspace_id: UUID
    head: int
    position: int = 0
    revision: int = 0
    """0: nothing was written for it yet."""
    is_stale: bool = False
    told_position: int = 0
    told_at: datetime | None = None

    @property
    def address(self) -> str:
        """Where the log has it: nothing is read of another epoch."""
        return f"{self.name}#{self.epoch}"

    @property
    def kind(self) -> str:
        """What it is the document of: `page`, `channel` or `comments`."""
        return self.name.partition(":")[0]

    @property
    def has_untold_edits(self) -> bool:
        """Whether no event told of all edits of a page yet; of a channel each message is told."""
        return self.kind == "page" and self.told_position < self.position

    @property
    def subject_id(self) -> UUID:
        """The page or channel whose document it is, or whose comments are in it."""
        return UUID(self.name.partition(":")[2])


class Overtaken(Exception):
    """Somebody else has written rows of this document meanwhile; nothing of this unit may be kept."""


class Projections:
    """The tables of `storage.models.projections`."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def find(self, name: str) -> Standing | None:
        """Return where a document is; None for one that belongs to no workspace, or is no more."""
        found = _standings((await self._session.execute(_FIND, {"name": name})).mappings())
        return found[0] if found else None

    async def find_all(self, names: Sequence[str]) -> list[Standing]:
        """Return where some documents are, without those that belong to no workspace or are no more."""
        return _standings((await self._session.execute(_FIND_ALL, {"names": names})).mappings())

    async def still_behind(self, positions: Mapping[int, int]) -> dict[int, int]:
        """Return those of some documents, by id, whose rows are not up to a position of each yet."""
        behind: dict[int, int] = {}
        for some in in_parts(positions):
            found = await self._session.execute(
                select(
                    Document.id,
                    DocumentProjection.position,
                    and_(DocumentProjection.is_stale, DocumentProjection.revision == 1),
                )
                .outerjoin(DocumentProjection, DocumentProjection.document_id == Document.id)
                .where(Document.id.in_(some), *_PROJECTED)
            )
            behind |= {
                id_: positions[id_]
                for id_, position, has_none in found
                if has_none or (position or 0) < positions[id_]
            }
        return behind

    async def count(self) -> int:
        """Return how many documents have rows, or should have."""
        return await self._session.scalar(select(func.count()).select_from(Document).where(*_PROJECTED)) or 0

    async def all_names(self, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Return these documents by id behind `after`: ids and names."""
        found = await self._session.execute(
            select(Document.id, Document.name)
            .where(Document.id > after, *_PROJECTED)
            .order_by(Document.id)
            .limit(limit)
        )
        return [(row[0], row[1]) for row in found]

    async def claim(
        self,
        standing: Standing,
        *,
        position: int | None = None,
        fault: str | None = None,
        is_rebuilt: bool = False,
        is_told: bool = False,
    ) -> Standing:
        """Begin to write rows of a document that was seen like this; return what it is then.

        `position` says that they follow the log up to there now. Raises Overtaken.
        """
        claimed = msgspec.structs.replace(
            standing,
            position=standing.position if position is None else position,
            revision=standing.revision + 1,
            is_stale=standing.is_stale and not is_rebuilt,
        )
        if is_told:
            claimed = msgspec.structs.replace(claimed, told_position=claimed.position, told_at=self._now)
        values: dict[str, Any] = {
            "position": claimed.position,
            "revision": claimed.revision,
            "is_stale": claimed.is_stale,
            "told_position": claimed.told_position,
            "told_at": claimed.told_at,
            "fault": fault,
            "updated_at": self._now,
        }
        if standing.revision == 0:
            row = {"document_id": standing.document_id, "name": standing.name, **values}
            first = insert_into(self._session, table_of(DocumentProjection)).values(row)
            added = await self._session.scalar(
                first.on_conflict_do_nothing().returning(_projections.document_id)
            )
            if added is None:
                raise Overtaken
            return claimed
        seen = {"of_document": standing.document_id, "seen": standing.revision}
        found = await self._session.scalar(_CLAIM, {**values, **seen})
        if found is None:
            raise Overtaken
        return claimed

    async def claim_unchanged(self, standings: Sequence[Standing], *, told: Collection[int]) -> Set[int]:
        """Say that the rows of documents that were seen like this follow their logs up to their heads.

        Of those with the ids `told`, events are told up to there. Returns the ids of those that nobody else
        has written rows of meanwhile.
        """
        claims = [
            (each.document_id, each.name, each.revision, each.head, int(each.document_id in told))
            for each in standings
        ]
        claimed = await self._session.scalars(
            _CLAIMS_UNCHANGED[self._session.get_bind().dialect.name],
            {"given": msgspec.json.encode(claims).decode(), "now": self._now},
        )
        return frozenset(claimed)

    async def authors(self, document_id: int, after: int, upto: int) -> dict[str, datetime]:
        """Return who wrote a part of a log and when last, whoever wrote last at the end."""
        part = {"document_id": document_id, "after": after, "upto": upto}
        return {row[0]: row[1] for row in await self._session.execute(_AUTHORS, part)}

    async def untold_authors(self, standings: Sequence[Standing]) -> dict[int, list[str]]:
        """Return who wrote what no event told of yet in some documents, by their ids, whoever wrote last at
        the end."""
        parts = [(each.document_id, each.told_position, each.head) for each in standings]
        found = await self._session.execute(
            _ALL_AUTHORS[self._session.get_bind().dialect.name],
            {"given": msgspec.json.encode(parts).decode()},
        )
        authors: dict[int, list[str]] = {}
        for document_id, author in found:
            authors.setdefault(document_id, []).append(author)
        return authors

    async def written_by(self, document_id: int, author: str, after: int, upto: int) -> Sequence[int]:
        """Return the positions of what somebody wrote in a part of a log, in their order."""
        part = {"document_id": document_id, "after": after, "upto": upto, "author": author}
        return (await self._session.scalars(_WRITTEN_BY, part)).all()

    async def written_at(self, document_id: int, position: int) -> datetime | None:
        """Return when a row of the log was written; None for one that is not kept any more."""
        return await self._session.scalar(
            select(_updates.created_at).where(
                _updates.document_id == document_id, _updates.position == position
            )
        )

    async def orphans(self, limit: int) -> Sequence[tuple[int, str]]:
        """Return projections whose document is no more: its id and name."""
        found = await self._session.execute(
            select(DocumentProjection.document_id, DocumentProjection.name)
            .where(~select(Document.id).where(Document.name == DocumentProjection.name).exists())
            .limit(limit)
        )
        return [(row[0], row[1]) for row in found]

    async def forget(self, name: str, limit: int) -> bool:
        """Remove rows of a document that is no more, so many of each table; tell whether all are gone."""
        kind, _, subject = name.partition(":")
        owner = UUID(subject)
        is_done = True
        for model, owner_column, key in _TABLES[kind]:
            some = (await self._session.scalars(select(key).where(owner_column == owner).limit(limit))).all()
            for part in in_parts(set(some)):
                await self._run_delete(model, owner_column == owner, key.in_(part))
            is_done = is_done and len(some) < limit
        is_done = await Search(self._session).forget(owner, limit) and is_done
        if is_done:
            await self._run_delete(DocumentProjection, DocumentProjection.name == name)
        return is_done

    async def _run_delete(self, model: type[Model], *chosen: ColumnElement[bool]) -> None:
        await self._session.execute(delete(model).where(*chosen).execution_options(synchronize_session=False))


_TABLES: Mapping[str, Sequence[tuple[type[Model], Any, Any]]] = {
    "page": (
        (CanvasBlock, CanvasBlock.page_id, CanvasBlock.id),
        (PageLink, PageLink.page_id, PageLink.block_id),
    ),
    "channel": (
        (ChatMessage, ChatMessage.channel_id, ChatMessage.id),
        (MessageMention, MessageMention.channel_id, MessageMention.message_id),
        (ReadMark, ReadMark.channel_id, ReadMark.principal_id),
    ),
    "comments": (
        (CommentThread, CommentThread.page_id, CommentThread.id),
        (Comment, Comment.page_id, Comment.id),
    ),
}
"""Kind of a document -> its tables, each with the column of the page or channel, and of the row's own key."""


def _standings(rows: MappingResult) -> list[Standing]:
    return [
        Standing(**{column: value for column, value in row.items() if value is not None})
        for row in rows
        if parse_document_name(row["name"]) is not None
    ]
