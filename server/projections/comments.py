"""The rows of the comments on pages: threads, comments, what is found; and the events `comment.*`."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from blocks.comment_rows import COMMENT_KEY, THREAD_KEY, CommentRow, RemarkRow, ThreadRow
from blocks.rows import Changes, Known
from server.projections.ports import Happening, Moment
from server.projections.reading import read_comments
from storage.models import Comment, CommentThread
from storage.repositories.projections import Standing
from storage.search.index import Entry
from storage.unit_of_work import UnitOfWork


class CommentRows:
    """Implements `Rows` for the comments on pages."""

    read = staticmethod(read_comments)
    compare = None

    async def known(self, uow: UnitOfWork, subject_id: UUID) -> Known:
        """Return what the tables have of the comments on a page."""
        threads, comments = await uow.comments.digests(subject_id)
        of_threads = {f"{THREAD_KEY}{id_}": digest for id_, digest in threads.items()}
        return Known(of_threads | {f"{COMMENT_KEY}{id_}": digest for id_, digest in comments.items()})

    async def write(
        self, uow: UnitOfWork, standing: Standing, rows: Sequence[tuple[RemarkRow, bytes]], moment: Moment
    ) -> list[Happening]:
        """Write threads and comments; return what was said, edited, deleted, resolved and reopened."""
        threads = [(row, digest) for row, digest in rows if isinstance(row, ThreadRow)]
        comments = [(row, digest) for row, digest in rows if isinstance(row, CommentRow)]
        known = await uow.comments.get_some(
            standing.subject_id, [row.id for row, _ in threads], [row.id for row, _ in comments]
        )
        happened = [_of_thread(standing, known[0].get(row.id), row, moment) for row, _ in threads]
        happened += [_of_comment(standing, known[1].get(row.id), row) for row, _ in comments]
        uow.session.expunge_all()
        entries = [
            Entry(str(row.id), row.author_id or None, row.created_at, body=row.words) for row, _ in comments
        ]
        await uow.search.put(standing.workspace_id, "comment", standing.subject_id, entries)
        await uow.comments.replace(
            standing.subject_id,
            [_thread(standing, row, digest) for row, digest in threads],
            [_comment(standing, row, digest) for row, digest in comments],
        )
        return [event for event in happened if event is not None]

    async def finish(
        self, uow: UnitOfWork, standing: Standing, changes: Changes[RemarkRow], moment: Moment
    ) -> list[Happening]:
        """Remove what is gone: the guard lets nobody take anything out, but a document may begin anew."""
        threads = [key.removeprefix(THREAD_KEY) for key in changes.gone if key.startswith(THREAD_KEY)]
        comments = [key.removeprefix(COMMENT_KEY) for key in changes.gone if key.startswith(COMMENT_KEY)]
        await uow.comments.remove(standing.subject_id, [*map(UUID, threads)], [*map(UUID, comments)])
        await uow.search.remove("comment", standing.subject_id, comments)
        return []


def _of_thread(
    standing: Standing, before: CommentThread | None, row: ThreadRow, moment: Moment
) -> Happening | None:
    was_resolved = before is not None and before.resolved_by is not None
    if was_resolved == (row.resolved_by is not None):
        return None
    payload = {
        "page_id": str(standing.subject_id),
        "thread_id": str(row.id),
        "block_id": row.block_id,
    }
    type_ = "comment.reopened" if was_resolved else "comment.resolved"
    return _happening(standing, type_, row.resolved_by or moment.author, payload)


def _of_comment(standing: Standing, before: Comment | None, row: CommentRow) -> Happening | None:
    if before is None:
        type_ = None if row.deleted else "comment.created"
    elif row.deleted:
        type_ = None if before.deleted else "comment.deleted"
    else:
        type_ = "comment.edited" if before.text != row.text else None
    if type_ is None:
        return None
    payload = {
        "page_id": str(standing.subject_id),
        "thread_id": str(row.thread_id),
        "comment_id": str(row.id),
        "author_id": row.author_id,
        "author_type": row.author_type,
        "mentions": [{"kind": one.kind, "id": str(one.id)} for one in row.mentions if one.id is not None],
    }
    # Who deletes may be somebody who manages the page: the log knows, this does not.
    return _happening(standing, type_, None if type_ == "comment.deleted" else row.author_id or None, payload)


def _happening(standing: Standing, type_: str, actor: str | None, payload: dict[str, Any]) -> Happening:
    return Happening(type_, actor, payload, subject=f"page:{standing.subject_id}")


def _thread(standing: Standing, row: ThreadRow, digest: bytes) -> CommentThread:
    return CommentThread(
        page_id=standing.subject_id,
        id=row.id,
        workspace_id=standing.workspace_id,
        block_id=row.block_id,
        range_start=row.start,
        range_end=row.end,
        quote=row.quote,
        created_by=row.created_by,
        created_at=row.created_at,
        resolved_by=row.resolved_by,
        resolved_at=row.resolved_at,
        digest=digest,
    )


def _comment(standing: Standing, row: CommentRow, digest: bytes) -> Comment:
    return Comment(
        page_id=standing.subject_id,
        id=row.id,
        workspace_id=standing.workspace_id,
        thread_id=row.thread_id,
        author_id=row.author_id,
        author_type=row.author_type,
        text=row.text,
        created_at=row.created_at,
        edited_at=row.edited_at,
        deleted=row.deleted,
        digest=digest,
    )
