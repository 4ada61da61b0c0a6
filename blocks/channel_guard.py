"""What may be done to a channel by writing its document (rule A6).

A person adds messages only as themself, edits only their own, toggles only their own reactions and moves only
their own read mark. Nobody takes a message out of the document: deleting one marks it. Pure, and total: any
values at all get an answer. The server's own peers (seed, archive) are not judged.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from blocks.channel import MESSAGES, PINS, REACTIONS, READS

MAX_AHEAD = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours."""

MAX_TEXT_CHARACTERS = 20_000
MAX_EMOJI_CHARACTERS = 32

Violation = tuple[str, str]
"""The rule that is broken, and a sentence for who broke it."""

Entries = Mapping[str, Mapping[str, object]]

_LASTING = ("id", "sender_id", "sender_type", "created_at", "thread_id")
_REQUIRED = {"id", "sender_id", "sender_type", "content_type", "content", "created_at"}
_FIELDS = {*_REQUIRED, "edited_at", "thread_id", "deleted"}
_CONTENT_TYPES: dict[str, str | None] = {
    "text": "text",
    "markdown": "text",
    "json_proposal": None,
    "agent_command_response": None,
    "file_attachment": "file_id",
}
"""Content type -> the string that its content cannot be without."""


class ChannelGuard:
    """Implements `crdt.ports.Guard` for channels."""

    roots = frozenset((MESSAGES, REACTIONS, READS, PINS))

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def judge(self, author: str, before: Entries, after: Entries) -> Violation | None:
        """Return the rule that an edit breaks, or None."""
        for root in sorted({*before, *after}):
            is_, will_be = before.get(root, {}), after.get(root, {})
            for key in sorted({*is_, *will_be}):
                violation = self._judge_entry(author, root, key, is_, will_be)
                if violation is not None:
                    return violation
        return None

    def _judge_entry(
        self, author: str, root: str, key: str, before: Mapping[str, object], after: Mapping[str, object]
    ) -> Violation | None:
        if root == MESSAGES:
            return self._judge_message(author, key, before, after)
        if root == REACTIONS:
            return _judge_reaction(author, key, after)
        if root == READS:
            return _judge_read_mark(author, key, after)
        return _judge_pin(author, key, after)

    def _judge_message(
        self, author: str, key: str, before: Mapping[str, object], after: Mapping[str, object]
    ) -> Violation | None:
        if key in before:
            was = _fields_of(before[key])
            if was.get("sender_id") != author:
                return "message.sender", "You may edit and delete only your own messages."
            if key not in after:
                return "message.removal", "A message is marked as deleted, never taken away."
            will_be = _fields_of(after[key])
            if any(was.get(name) != will_be.get(name) for name in _LASTING):
                return "message.lasting", "Who sent a message, when and where to cannot be changed."
        return self._judge_fields(author, key, _fields_of(after[key]))

    def _judge_fields(self, author: str, key: str, fields: dict[str, object]) -> Violation | None:
        kind, _, _ = author.partition(":")
        if not fields.keys() >= _REQUIRED or not fields.keys() <= _FIELDS:
            return "message.schema", "A message has not the fields that it should have."
        if fields["sender_id"] != author or fields["sender_type"] != kind:
            return "message.sender", "You may post only as yourself."
        if not _is_message_id(key) or fields["id"] != key:
            return "message.id", "The id of a message is a UUIDv7, and its key."
        if not _is_content(fields["content_type"], fields["content"]):
            return "message.content", "The content does not fit its type."
        thread_id, deleted = fields.get("thread_id"), fields.get("deleted", False)
        if (thread_id is not None and not _is_message_id(thread_id)) or not isinstance(deleted, bool):
            return "message.schema", "A message has not the fields that it should have."
        times = [fields["created_at"], fields.get("edited_at")]
        if not all(self._is_time(time) for time in times if time is not None) or times[0] is None:
            return "message.time", "A message has a time that is no time, or lies in the future."
        return None

    def _is_time(self, value: object) -> bool:
        try:
            time = datetime.fromisoformat(cast("str", value))
            return time <= self._clock() + MAX_AHEAD
        except (TypeError, ValueError, OverflowError):  # not a string, not a time, or one without a zone
            return False


def _judge_reaction(author: str, key: str, after: Mapping[str, object]) -> Violation | None:
    message_id, _, rest = key.partition("|")
    emoji, _, principal_id = rest.partition("|")
    if principal_id != author:
        return "reaction.owner", "You may add and remove only your own reactions."
    if key in after and (
        after[key] is not True or not _is_message_id(message_id) or not 0 < len(emoji) <= MAX_EMOJI_CHARACTERS
    ):
        return "reaction.schema", "A reaction is an emoji at a message."
    return None


def _judge_read_mark(author: str, key: str, after: Mapping[str, object]) -> Violation | None:
    if key != author:
        return "read.owner", "You may move only your own read mark."
    if key in after and not _is_message_id(after[key]):
        return "read.schema", "A read mark is the id of a message."
    return None


def _judge_pin(author: str, key: str, after: Mapping[str, object]) -> Violation | None:
    if key in after and (after[key] != author or not _is_message_id(key)):
        return "pin.owner", "You may pin messages only in your own name."
    return None


def _fields_of(value: object) -> dict[str, object]:
    """Return what is in a shared map; nothing of anything else."""
    if not isinstance(value, dict):
        return {}
    fields = cast("dict[str, Any]", value).get("map")
    return cast("dict[str, object]", fields) if isinstance(fields, dict) else {}


def _is_message_id(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parsed = UUID(value)
    except ValueError:
        return False
    return str(parsed) == value and parsed.version == 7


def _is_content(content_type: object, content: object) -> bool:
    if not isinstance(content_type, str) or content_type not in _CONTENT_TYPES:
        return False
    if not isinstance(content, dict) or "map" not in content:
        return False
    name = _CONTENT_TYPES[content_type]
    if name is None:
        return True
    value = _fields_of(cast("object", content)).get(name)
    return isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS
