"""The rows of what live documents contain, and how far they follow the log.

Whoever writes rows of a document claims it first, in the same transaction. No lock is taken on anything else
but by events, which come last: so this never waits in a circle with who deletes a workspace or moves a page.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    outerjoin,
    select,
    text,
    update,
)
from sqlalchemy.engine import MappingResult
from sqlalchemy.ext.asyncio import AsyncSession

from storage.callers import parse_document_name
from storage.models import (
    CanvasBlock,
    ChatMessage,
    Comment,
    CommentThread,
    Document,
    DocumentProjection,
    MessageMention,
    Model,
    PageLink,
    ReadMark,
    Update,
    some_of,
    table_of,
)
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
_AUTHORS = (
    select(_updates.author, func.max(_updates.created_at))
    .where(
        _updates.document_id == bindparam("document_id"),
        _updates.position > bindparam("after"),
        _updates.position <= bindparam("upto"),
    )
    .group_by(_updates.author)
    .order_by(func.max(_updates.position))
)
_BLOCKS_KNOWN = select(_blocks.id, _blocks.digest).where(_blocks.page_id == bindparam("page_id"))
_SOME_BLOCKS_KNOWN = _BLOCKS_KNOWN.where(_blocks.id.in_(some_of("ids")))
_messages = table_of(ChatMessage).c
_MESSAGES_KNOWN = select(_messages.id, _messages.digest).where(
    _messages.channel_id == bindparam("channel_id"), _messages.archived_at.is_(None)
)
_SOME_MESSAGES_KNOWN = _MESSAGES_KNOWN.where(_messages.id.in_(some_of("ids")))
_CLAIMED = ("position", "revision", "is_stale", "told_position", "told_at", "fault", "updated_at")
_CLAIM = (
    update(table_of(DocumentProjection))
    .where(_projections.document_id == bindparam("of_document"), _projections.revision == bindparam("seen"))
    .values({name: bindparam(name) for name in _CLAIMED})
    .returning(_projections.revision)
)
_CLAIM_UNCHANGED = """
    UPDATE document_projections
    SET position = CAST(j.value ->> 2 AS bigint), revision = document_projections.revision + 1, fault = NULL,
        told_position = CASE CAST(j.value ->> 3 AS bigint)
            WHEN 1 THEN CAST(j.value ->> 2 AS bigint) ELSE told_position END,
        told_at = CASE CAST(j.value ->> 3 AS bigint) WHEN 1 THEN :now ELSE told_at END,
        updated_at = :now
    FROM {} AS j
    WHERE document_id = CAST(j.value ->> 0 AS bigint)
        AND document_projections.revision = CAST(j.value ->> 1 AS bigint)
    RETURNING document_id
"""
_NOW = bindparam("now", type_=DocumentProjection.updated_at.type)
_CLAIM_ON_SQLITE = text(_CLAIM_UNCHANGED.format("json_each(:claims)")).bindparams(_NOW)
_CLAIM_ON_POSTGRES = text(_CLAIM_UNCHANGED.format("jsonb_array_elements(CAST(:claims AS jsonb))")).bindparams(
    _NOW
)

_MENTIONED = ("user", "agent")
_links = table_of(PageLink).c
_OF_BLOCKS = (_links.page_id == bindparam("page_id"), _links.block_id.in_(some_of("ids")))
_MENTIONS = select(_links.block_id, _links.kind, _links.target_id).where(
    *_OF_BLOCKS, _links.kind.in_(_MENTIONED)
)
_REMOVE_LINKS = delete(table_of(PageLink)).where(*_OF_BLOCKS)
_REMOVE_BLOCKS = delete(table_of(CanvasBlock)).where(
    _blocks.page_id == bindparam("page_id"), _blocks.id.in_(some_of("ids"))
)

_IDS_AT_ONCE = 500
"""Ids in one statement; SQLite and Postgres allow some ten thousand parameters."""


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

    async def due(self, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Return documents, by id behind `after`, whose rows or events are behind their log: ids and names.

        Reads every document's row there is, in the order of the key.
        """
        found = await self._session.execute(
            select(Document.id, Document.name)
            .outerjoin(DocumentProjection, DocumentProjection.document_id == Document.id)
            .where(
                Document.id > after,
                *_PROJECTED,
                or_(
                    DocumentProjection.document_id.is_(None),
                    DocumentProjection.position < Document.head,
                    DocumentProjection.is_stale,
                    and_(
                        DocumentProjection.told_position < DocumentProjection.position,
                        DocumentProjection.told_at <= self._now - TOLD_EVERY,
                    ),
                ),
            )
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
            (each.document_id, each.revision, each.head, int(each.document_id in told)) for each in standings
        ]
        is_sqlite = self._session.get_bind().dialect.name == "sqlite"
        claimed = await self._session.scalars(
            _CLAIM_ON_SQLITE if is_sqlite else _CLAIM_ON_POSTGRES,
            {"claims": msgspec.json.encode(claims).decode(), "now": self._now},
        )
        return frozenset(claimed)

    async def authors(self, document_id: int, after: int, upto: int) -> dict[str, datetime]:
        """Return who wrote a part of a log and when last, whoever wrote last at the end."""
        part = {"document_id": document_id, "after": after, "upto": upto}
        return {row[0]: row[1] for row in await self._session.execute(_AUTHORS, part)}

    async def written_at(self, document_id: int, position: int) -> datetime | None:
        """Return when a row of the log was written; None for one that is not kept any more."""
        return await self._session.scalar(
            select(_updates.created_at).where(
                _updates.document_id == document_id, _updates.position == position
            )
        )

    async def blocks_known(self, page_id: UUID, ids: Collection[str] | None = None) -> dict[str, bytes]:
        """Return the digests of a page's rows, or of some, by their ids."""
        known: dict[str, bytes] = {}
        for some in [None] if ids is None else _parts(ids):
            chosen = _BLOCKS_KNOWN if some is None else _SOME_BLOCKS_KNOWN
            values = {"page_id": page_id} | ({} if some is None else {"ids": some})
            known |= {row[0]: row[1] for row in await self._session.execute(chosen, values)}
        return known

    async def block_times(self, page_id: UUID, ids: Collection[str]) -> dict[str, datetime]:
        """Return when blocks of a page were last seen to be others than before, of those that have a row."""
        rows = await self._session.execute(
            select(CanvasBlock.id, CanvasBlock.updated_at).where(
                CanvasBlock.page_id == page_id, CanvasBlock.id.in_(ids)
            )
        )
        return {row[0]: row[1] for row in rows}

    async def pages_of_block(self, block_id: str) -> Sequence[UUID]:
        """Return pages that have a block of an id (clients choose it): the oldest, a hundred at most."""
        found = await self._session.scalars(
            select(CanvasBlock.page_id)
            .where(CanvasBlock.id == block_id)
            .order_by(CanvasBlock.page_id)
            .limit(100)
        )
        return found.all()

    async def blocks_written(self, page_id: UUID, ids: Collection[str]) -> dict[tuple[str, bytes], datetime]:
        """Return when blocks were changed to what they are: id and digest -> time."""
        rows = await self._session.execute(
            select(CanvasBlock.id, CanvasBlock.digest, CanvasBlock.updated_at).where(
                CanvasBlock.page_id == page_id, CanvasBlock.id.in_(ids)
            )
        )
        return {(row[0], row[1]): row[2] for row in rows}

    async def messages_known(self, channel_id: UUID, ids: Collection[UUID] | None = None) -> dict[str, bytes]:
        """Return the digests of a channel's messages, or of some, by their ids, without archived ones."""
        known: dict[str, bytes] = {}
        for some in [None] if ids is None else _parts(ids):
            chosen = _MESSAGES_KNOWN if some is None else _SOME_MESSAGES_KNOWN
            values = {"channel_id": channel_id} | ({} if some is None else {"ids": some})
            known |= {str(row[0]): row[1] for row in await self._session.execute(chosen, values)}
        return known

    async def marks_known(self, channel_id: UUID) -> dict[str, UUID]:
        """Return how far everybody has read a channel."""
        rows = await self._session.execute(
            select(ReadMark.principal_id, ReadMark.message_id).where(ReadMark.channel_id == channel_id)
        )
        return {row[0]: row[1] for row in rows}

    async def replace_blocks(
        self, page_id: UUID, blocks: Sequence[Mapping[str, Any]], links: Sequence[PageLink]
    ) -> set[tuple[str, str, UUID]]:
        """Write blocks of a page, new or not, by columns, with all their links.

        Returns whom a block mentions now and did not before: blocks, kinds, and ids of people and agents.
        """
        ids = [block["id"] for block in blocks]
        now = {(link.block_id, link.kind, link.target_id) for link in links if link.kind in _MENTIONED}
        before: set[tuple[str, str, UUID]] = set()
        for some in _parts(ids):
            chosen = {"page_id": page_id, "ids": some}
            if now:
                before |= {(row[0], row[1], row[2]) for row in await self._session.execute(_MENTIONS, chosen)}
            await self._session.execute(_REMOVE_BLOCKS, chosen)
            await self._session.execute(_REMOVE_LINKS, chosen)
        if blocks:
            await self._session.execute(insert(table_of(CanvasBlock)), blocks)
        self._session.add_all(links)
        await self._session.flush()
        return now - before

    async def remove_blocks(self, page_id: UUID, ids: Collection[str]) -> None:
        """Remove blocks of a page with their links."""
        for some in _parts(ids):
            await self._session.execute(_REMOVE_BLOCKS, {"page_id": page_id, "ids": some})
            await self._session.execute(_REMOVE_LINKS, {"page_id": page_id, "ids": some})

    async def messages(self, channel_id: UUID, ids: Collection[UUID]) -> dict[UUID, ChatMessage]:
        """Return messages of a channel by their ids, as they are."""
        found = await self._session.scalars(
            select(ChatMessage)
            .where(ChatMessage.channel_id == channel_id, ChatMessage.id.in_(ids))
            .execution_options(populate_existing=True)
        )
        return {message.id: message for message in found}

    async def archived_messages(
        self, channel_id: UUID, *, after: UUID | None, limit: int
    ) -> Sequence[ChatMessage]:
        """Return archived messages of a channel by id, behind `after`."""
        statement = (
            select(ChatMessage)
            .where(ChatMessage.channel_id == channel_id, ChatMessage.archived_at.is_not(None))
            .order_by(ChatMessage.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(ChatMessage.id > after)
        return (await self._session.scalars(statement)).all()

    async def replace_mentions(
        self, channel_id: UUID, message_ids: Collection[UUID], mentions: Sequence[MessageMention]
    ) -> None:
        """Write whom some messages of a channel mention, and nobody else."""
        for some in _parts(message_ids):
            await self._run_delete(
                MessageMention, MessageMention.channel_id == channel_id, MessageMention.message_id.in_(some)
            )
        self._session.add_all(mentions)
        await self._session.flush()

    async def replace_messages(
        self,
        channel_id: UUID,
        before: Collection[UUID],
        messages: Sequence[dict[str, Any]],
        mentions: Sequence[MessageMention],
    ) -> None:
        """Write messages of a channel, by columns, with all their mentions; `before` are those it had."""
        await self.remove_messages(channel_id, before)
        if messages:
            await self._session.execute(insert(ChatMessage), messages)
        self._session.add_all(mentions)
        await self._session.flush()

    async def remove_messages(self, channel_id: UUID, ids: Collection[UUID]) -> None:
        """Remove messages of a channel with their mentions."""
        for some in _parts(ids):
            await self._run_delete(
                ChatMessage, ChatMessage.channel_id == channel_id, ChatMessage.id.in_(some)
            )
            await self._run_delete(
                MessageMention, MessageMention.channel_id == channel_id, MessageMention.message_id.in_(some)
            )

    async def digests(self, channel_id: UUID, ids: Collection[UUID]) -> dict[UUID, bytes]:
        """Return the digests of some messages of a channel, archived or not."""
        found: dict[UUID, bytes] = {}
        for some in _parts(ids):
            rows = await self._session.execute(
                select(ChatMessage.id, ChatMessage.digest).where(
                    ChatMessage.channel_id == channel_id, ChatMessage.id.in_(some)
                )
            )
            found |= {row[0]: row[1] for row in rows}
        return found

    async def replace_marks(self, channel_id: UUID, marks: Mapping[str, UUID]) -> None:
        """Write how far some people have read a channel."""
        for some in _parts(marks):
            await self._run_delete(
                ReadMark, ReadMark.channel_id == channel_id, ReadMark.principal_id.in_(some)
            )
        self._session.add_all(
            ReadMark(channel_id=channel_id, principal_id=who, message_id=mark) for who, mark in marks.items()
        )
        await self._session.flush()

    async def take_back_mark(self, channel_id: UUID, principal_id: str, to: UUID, *, seen: UUID) -> None:
        """Move a mark back to a message, unless somebody has read on beyond `seen` meanwhile."""
        await self._session.execute(
            update(ReadMark)
            .where(
                ReadMark.channel_id == channel_id,
                ReadMark.principal_id == principal_id,
                ReadMark.message_id > to,
                ReadMark.message_id <= seen,
            )
            .values(message_id=to)
            .execution_options(synchronize_session=False)
        )

    async def archive(self, channel_id: UUID, ids: Collection[UUID]) -> Sequence[UUID]:
        """Let rows outlive their messages in the document; return the ids of those that there are."""
        archived: list[UUID] = []
        for some in _parts(ids):
            found = await self._session.scalars(
                update(ChatMessage)
                .where(ChatMessage.channel_id == channel_id, ChatMessage.id.in_(some))
                .values(archived_at=func.coalesce(ChatMessage.archived_at, self._now))
                .returning(ChatMessage.id)
                .execution_options(synchronize_session=False)
            )
            archived += found
        return archived

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
            for part in _parts(set(some)):
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


def _parts(ids: Collection[K]) -> Iterator[Sequence[K]]:
    listed = list(ids)
    for start in range(0, len(listed), _IDS_AT_ONCE):
        yield listed[start : start + _IDS_AT_ONCE]
