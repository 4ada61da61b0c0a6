"""What may be done to a page's comments by writing their document (rule A6).

Whoever may comment begins threads and adds comments as themself, edits and deletes their own comments, and
resolves and reopens any thread. Nobody takes anything out of the document: deleting a comment marks it, for
good. Those who manage the page delete anybody's comments; they edit nobody's. The visitors of a share link
are one principal, so they add and resolve, and change nothing that another of them may have written.

Whether a position is really in the page, and the quote was, is not asked: that is another document.

Pure, and total: any values at all get an answer.
"""

from blocks.channel import is_message_id, milliseconds_of_id
from blocks.comments import (
    COMMENTS,
    MAX_BLOCK_ID_CHARACTERS,
    MAX_QUOTE_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    THREADS,
)
from blocks.guarded import (
    SENDER_TYPES,
    Case,
    EntryGuard,
    Root,
    Violation,
    fields_of,
    is_time_before,
)
from blocks.positions import is_position

MAX_THREADS = 5000
MAX_COMMENTS = 20_000
"""On one page."""

_THREAD_LASTING = ("id", "block_id", "start", "end", "quote", "created_by", "created_at")
_THREAD_REQUIRED = {"id", "created_by", "created_at"}
_THREAD_FIELDS = {*_THREAD_LASTING, "resolved_by", "resolved_at"}
_COMMENT_LASTING = ("id", "thread_id", "author_id", "author_type", "created_at")
_COMMENT_REQUIRED = {*_COMMENT_LASTING, "text"}
_COMMENT_FIELDS = {*_COMMENT_REQUIRED, "edited_at", "deleted"}
_AUTHOR_TYPES = {**SENDER_TYPES, "link": "visitor"}


class _Case(Case):
    """One edit by one author."""

    def judge(self, root: str, key: str, before: Root, after: Root) -> Violation | None:
        if key not in after:
            return f"{root[:-1]}.removal", "What was said is marked as deleted, never taken away."
        was, will_be = fields_of(before.get(key)), fields_of(after[key])
        if root == THREADS:
            if key in before:
                return self._judge_changed_thread(was, will_be)
            return self._judge_new_thread(key, will_be)
        if key in before:
            return self._judge_changed_comment(was, will_be)
        return self._judge_new_comment(key, will_be)

    # Threads

    def _judge_new_thread(self, key: str, fields: dict[str, object]) -> Violation | None:
        if not fields.keys() >= _THREAD_REQUIRED or not fields.keys() <= _THREAD_FIELDS:
            return "thread.schema", "A thread has not the fields that it should have."
        if fields["created_by"] != self._author:
            return "thread.author", "You may begin threads only as yourself."
        if not self._is_new_id(key) or fields["id"] != key:
            return "thread.id", "The id of a thread is a UUIDv7 of now, and its key."
        if not is_time_before(fields["created_at"], self._latest):
            return "thread.time", "A thread has a time that is no time, or lies in the future."
        if not _is_anchor(fields):
            return "thread.place", "A thread is on the page, on a block, or on a range of a block's text."
        if fields.get("resolved_by") is not None or fields.get("resolved_at") is not None:
            return "thread.resolution", "A new thread is not resolved."
        if len(self._document[THREADS]) > MAX_THREADS:
            return "thread.limit", f"A page has at most {MAX_THREADS} threads."
        return None

    def _judge_changed_thread(self, was: dict[str, object], will_be: dict[str, object]) -> Violation | None:
        if not will_be.keys() <= _THREAD_FIELDS:
            return "thread.schema", "A thread has not the fields that it should have."
        if any(was.get(name) != will_be.get(name) for name in _THREAD_LASTING):
            return "thread.lasting", "Who began a thread, when and where cannot be changed."
        before, after = ((one.get("resolved_by"), one.get("resolved_at")) for one in (was, will_be))
        if after in (before, (None, None)):
            return None
        if after[0] != self._author or not is_time_before(after[1], self._latest):
            return "thread.resolution", "You may resolve threads only in your own name, and now."
        return None

    # Comments

    def _judge_new_comment(self, key: str, fields: dict[str, object]) -> Violation | None:
        violation = self._judge_comment_fields(key, fields)
        if violation is not None:
            return violation
        if not self._is_new_id(key):
            return "comment.id", "The id of a comment is a UUIDv7 of now, and its key."
        if fields["thread_id"] not in self._document[THREADS]:
            return "comment.thread", "There is no thread that this comment could be in."
        if len(self._document[COMMENTS]) > MAX_COMMENTS:
            return "comment.limit", f"A page has at most {MAX_COMMENTS} comments."
        return None

    def _judge_changed_comment(self, was: dict[str, object], will_be: dict[str, object]) -> Violation | None:
        if was == will_be:
            return None  # two who delete one comment at the same time
        if self._can_manage and will_be == {**was, "deleted": True}:
            return None
        if was.get("author_id") != self._author or was.get("author_type") == "visitor":
            return "comment.author", "You may edit and delete only your own comments."
        if any(was.get(name) != will_be.get(name) for name in _COMMENT_LASTING):
            return "comment.lasting", "Who wrote a comment, when and where to cannot be changed."
        if was.get("deleted") is True and will_be.get("deleted") is not True:
            return "comment.deleted", "A comment that was deleted stays deleted."
        if was.get("text") != will_be.get("text") and will_be.get("edited_at") is None:
            return "comment.time", "A comment that is edited says when."
        return self._judge_comment_fields(str(was.get("id")), will_be)

    def _judge_comment_fields(self, key: str, fields: dict[str, object]) -> Violation | None:
        if not fields.keys() >= _COMMENT_REQUIRED or not fields.keys() <= _COMMENT_FIELDS:
            return "comment.schema", "A comment has not the fields that it should have."
        kind, _, _ = self._author.partition(":")
        if fields["author_id"] != self._author or fields["author_type"] != _AUTHOR_TYPES.get(kind):
            return "comment.author", "You may comment only as yourself."
        if fields["id"] != key:
            return "comment.id", "The id of a comment is a UUIDv7 of now, and its key."
        if not isinstance(fields.get("deleted", False), bool):
            return "comment.schema", "A comment has not the fields that it should have."
        edited_at = fields.get("edited_at")
        if not is_time_before(fields["created_at"], self._latest) or not (
            edited_at is None or is_time_before(edited_at, self._latest)
        ):
            return "comment.time", "A comment has a time that is no time, or lies in the future."
        text = fields["text"]
        if not isinstance(text, str) or not text.strip() or len(text) > MAX_TEXT_CHARACTERS:
            return "comment.text", f"A comment is a text of 1 to {MAX_TEXT_CHARACTERS} characters."
        return None

    def _is_new_id(self, key: str) -> bool:
        return is_message_id(key) and milliseconds_of_id(key) <= self._latest.timestamp() * 1000


def _is_anchor(fields: dict[str, object]) -> bool:
    """Tell whether a thread is on something, as far as its own document can tell."""
    block_id, start, end, quote = (fields.get(name) for name in ("block_id", "start", "end", "quote"))
    if quote is not None and not (isinstance(quote, str) and len(quote) <= MAX_QUOTE_CHARACTERS):
        return False
    if block_id is None:
        return start is None and end is None
    if not isinstance(block_id, str) or not 0 < len(block_id) <= MAX_BLOCK_ID_CHARACTERS:
        return False
    return (start is None and end is None) or (is_position(start) and is_position(end))


class CommentGuard(EntryGuard):
    """Implements `crdt.ports.Guard` for the comments on pages."""

    roots = frozenset((THREADS, COMMENTS))
    case = _Case
