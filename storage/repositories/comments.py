"""Comments on pages as rows: read in parts; written where they follow their document."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Comment, CommentThread

SHOWN_AT_ONCE = 10
"""Comments of a thread that are read with it."""

_SAME_ID = 10
"""Clients choose ids, so several pages may have a comment of one id; more are not looked at."""

_AT_ONCE = 500
"""Ids in one statement."""


class Comments:
    """The comments on all pages."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_threads(
        self,
        page_id: UUID,
        *,
        before: UUID | None,
        limit: int,
        block_id: str | None = None,
        is_resolved: bool | None = None,
    ) -> Sequence[CommentThread]:
        """Return threads of a page that are shown, newest first, before an id."""
        statement = select(CommentThread).where(
            CommentThread.page_id == page_id,
            select(Comment.id)
            .where(
                Comment.page_id == page_id,
                Comment.thread_id == CommentThread.id,
                Comment.deleted.is_(False),
            )
            .exists(),
        )
        if before is not None:
            statement = statement.where(CommentThread.id < before)
        if block_id is not None:
            statement = statement.where(CommentThread.block_id == block_id)
        if is_resolved is not None:
            settled = CommentThread.resolved_by.is_not(None)
            statement = statement.where(settled if is_resolved else ~settled)
        found = await self._session.scalars(statement.order_by(CommentThread.id.desc()).limit(limit))
        return found.all()

    async def first_of_threads(
        self, page_id: UUID, thread_ids: Collection[UUID]
    ) -> dict[UUID, tuple[int, list[Comment]]]:
        """Return of some threads how many comments each has, and the first of them, oldest first."""
        numbered = (
            select(
                Comment.id,
                func.row_number().over(partition_by=Comment.thread_id, order_by=Comment.id).label("number"),
                func.count().over(partition_by=Comment.thread_id).label("count"),
            )
            .where(Comment.page_id == page_id, Comment.thread_id.in_(thread_ids))
            .subquery()
        )
        rows = await self._session.execute(
            select(Comment, numbered.c.count)
            .join(numbered, numbered.c.id == Comment.id)
            .where(Comment.page_id == page_id, numbered.c.number <= SHOWN_AT_ONCE)
            .order_by(Comment.id)
        )
        found: dict[UUID, tuple[int, list[Comment]]] = {}
        for comment, count in rows:
            found.setdefault(comment.thread_id, (count, []))[1].append(comment)
        return found

    async def list_of_thread(
        self, page_id: UUID, thread_id: UUID, *, after: UUID | None, limit: int
    ) -> Sequence[Comment]:
        """Return the comments of a thread, oldest first, behind an id."""
        statement = select(Comment).where(Comment.page_id == page_id, Comment.thread_id == thread_id)
        if after is not None:
            statement = statement.where(Comment.id > after)
        return (await self._session.scalars(statement.order_by(Comment.id).limit(limit))).all()

    async def find_threads(self, thread_id: UUID) -> Sequence[CommentThread]:
        """Return the threads that have an id, each on another page."""
        found = await self._session.scalars(
            select(CommentThread)
            .where(CommentThread.id == thread_id)
            .order_by(CommentThread.page_id)
            .limit(_SAME_ID)
        )
        return found.all()

    async def find(self, comment_id: UUID) -> Sequence[Comment]:
        """Return the comments that have an id, each on another page."""
        found = await self._session.scalars(
            select(Comment).where(Comment.id == comment_id).order_by(Comment.page_id).limit(_SAME_ID)
        )
        return found.all()

    async def people_of(self, page_id: UUID, thread_id: UUID) -> set[UUID]:
        """Return the people who wrote in a thread what is still there."""
        authors = await self._session.scalars(
            select(Comment.author_id)
            .where(Comment.page_id == page_id, Comment.thread_id == thread_id, Comment.deleted.is_(False))
            .distinct()
        )
        return {UUID(author.removeprefix("user:")) for author in authors if author.startswith("user:")}

    # Following the document

    async def digests(self, page_id: UUID) -> tuple[dict[UUID, bytes], dict[UUID, bytes]]:
        """Return the digests of the rows of a page's threads and comments, by id."""
        threads = await self._session.execute(
            select(CommentThread.id, CommentThread.digest).where(CommentThread.page_id == page_id)
        )
        comments = await self._session.execute(
            select(Comment.id, Comment.digest).where(Comment.page_id == page_id)
        )
        return {row[0]: row[1] for row in threads}, {row[0]: row[1] for row in comments}

    async def get_some(
        self, page_id: UUID, thread_ids: Collection[UUID], comment_ids: Collection[UUID]
    ) -> tuple[dict[UUID, CommentThread], dict[UUID, Comment]]:
        """Return threads and comments of a page by their ids, as they are."""
        threads = await self._session.scalars(
            select(CommentThread).where(CommentThread.page_id == page_id, CommentThread.id.in_(thread_ids))
        )
        comments = await self._session.scalars(
            select(Comment).where(Comment.page_id == page_id, Comment.id.in_(comment_ids))
        )
        return {one.id: one for one in threads}, {one.id: one for one in comments}

    async def replace(
        self, page_id: UUID, threads: Sequence[CommentThread], comments: Sequence[Comment]
    ) -> None:
        """Write threads and comments of a page, new or not."""
        await self.remove(page_id, [one.id for one in threads], [one.id for one in comments])
        self._session.add_all([*threads, *comments])
        await self._session.flush()

    async def remove(
        self, page_id: UUID, thread_ids: Collection[UUID], comment_ids: Collection[UUID]
    ) -> None:
        """Remove threads and comments of a page."""
        for model, ids in ((CommentThread, list(thread_ids)), (Comment, list(comment_ids))):
            for start in range(0, len(ids), _AT_ONCE):
                await self._session.execute(
                    delete(model)
                    .where(model.page_id == page_id, model.id.in_(ids[start : start + _AT_ONCE]))
                    .execution_options(synchronize_session=False)
                )
