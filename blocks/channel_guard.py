"""What may be done to a channel by writing its document (rule A6).

A person adds messages only as themself, edits only their own, toggles only their own reactions and moves only
their own read mark. Nobody takes a message out of the document: deleting one marks it, for good. Those who
manage the channel delete anybody's messages, and unpin; they edit nobody's. The server's own peers (seed,
archive, commands) are not judged.

Older messages leave the document for the archive. What refers to a message that is not there (a reply, a
reaction, a pin) is taken where its id is older than all that is there: who made it may have been offline.

Pure, and total: any values at all get an answer.
"""

from collections.abc import Mapping
from typing import cast

from blocks.channel import MESSAGES, PINS, REACTIONS, READS, is_message_id, milliseconds_of_id
from blocks.channel_content import UnreadableContentError, parse_content
from blocks.guarded import (
    SENDER_TYPES,
    Case,
    EntryGuard,
    Violation,
    fields_of,
    is_time_before,
)

MAX_EMOJI_CHARACTERS = 32
MAX_REACTIONS_OF_ONE = 20
"""Of one principal at one message."""

MAX_REACTIONS_AT_MESSAGE = 1000
MAX_PINS = 100

_LASTING = ("id", "sender_id", "sender_type", "created_at", "thread_id")
_REQUIRED = {"id", "sender_id", "sender_type", "content_type", "content", "created_at"}
_FIELDS = {*_REQUIRED, "edited_at", "thread_id", "deleted"}

_SCHEMA: Violation = ("message.schema", "A message has not the fields that it should have.")


class _Case(Case):
    """One edit by one author."""

    def judge(
        self, root: str, key: str, before: Mapping[str, object], after: Mapping[str, object]
    ) -> Violation | None:
        match root:
            case "messages":
                return self._judge_message(key, before, after)
            case "reactions":
                return self._judge_reaction(key, before, after)
            case "reads":
                return self._judge_read_mark(key, after)
            case _:
                return self._judge_pin(key, before, after)

    # Messages

    def _judge_message(
        self, key: str, before: Mapping[str, object], after: Mapping[str, object]
    ) -> Violation | None:
        if key not in before:
            fields = fields_of(after[key])
            return self._judge_fields(key, fields) or self._judge_new(key, fields)
        was = fields_of(before[key])
        if was.get("sender_id") != self._author:
            if self._can_manage and key in after and _is_deletion(was, fields_of(after[key])):
                return None
            return "message.sender", "You may edit and delete only your own messages."
        if key not in after:
            return "message.removal", "A message is marked as deleted, never taken away."
        will_be = fields_of(after[key])
        if any(was.get(name) != will_be.get(name) for name in _LASTING):
            return "message.lasting", "Who sent a message, when and where to cannot be changed."
        if was.get("deleted") is True and will_be.get("deleted") is not True:
            return "message.deleted", "A message that was deleted stays deleted."
        return self._judge_fields(key, will_be)

    def _judge_fields(self, key: str, fields: dict[str, object]) -> Violation | None:
        kind, _, _ = self._author.partition(":")
        if not fields.keys() >= _REQUIRED or not fields.keys() <= _FIELDS:
            return _SCHEMA
        if fields["sender_id"] != self._author or fields["sender_type"] != SENDER_TYPES.get(kind):
            return "message.sender", "You may post only as yourself."
        if not is_message_id(key) or fields["id"] != key:
            return "message.id", "The id of a message is a UUIDv7, and its key."
        thread_id, deleted = fields.get("thread_id"), fields.get("deleted", False)
        if (thread_id is not None and not is_message_id(thread_id)) or not isinstance(deleted, bool):
            return _SCHEMA
        times = [fields["created_at"], fields.get("edited_at")]
        are_times = all(is_time_before(time, self._latest) for time in times if time is not None)
        if not are_times or times[0] is None:
            return "message.time", "A message has a time that is no time, or lies in the future."
        if fields["content_type"] == "agent_command_response" and kind != "agent":
            return "message.response", "Only agents answer commands."
        if not _is_content(fields["content_type"], fields["content"]):
            return "message.content", "The content does not fit its type."
        return None

    def _judge_new(self, key: str, fields: dict[str, object]) -> Violation | None:
        if milliseconds_of_id(key) > self._latest.timestamp() * 1000:
            return "message.id", "The id of a message lies in the future."
        thread_id = cast("str | None", fields.get("thread_id"))
        if thread_id is None:
            return None
        if thread_id == key or _thread_of(self._document[MESSAGES].get(thread_id)) is not None:
            return "message.thread", "A thread begins with a message that is in no thread."
        if not self._may_be_there(thread_id):
            return "message.thread", "There is no message that this one could answer."
        # Only what is older than the window can have replies before it is there.
        if self._is_before_window(key) and any(
            _thread_of(message) == key for message in self._document[MESSAGES].values()
        ):
            return "message.thread", "A message with replies is in no thread."
        return None

    # What refers to messages

    def _judge_reaction(
        self, key: str, before: Mapping[str, object], after: Mapping[str, object]
    ) -> Violation | None:
        message_id, _, rest = key.partition("|")
        emoji, _, principal_id = rest.partition("|")
        if principal_id != self._author:
            return "reaction.owner", "You may add and remove only your own reactions."
        if key not in after:
            return None
        if after[key] is not True or not is_message_id(message_id) or not _is_emoji(emoji):
            return "reaction.schema", "A reaction is an emoji at a message."
        if key in before:
            return None
        if not self._may_be_there(message_id):
            return "reaction.message", "There is no such message to react to."
        there = [other for other in self._document[REACTIONS] if other.startswith(f"{message_id}|")]
        own = sum(other.endswith(f"|{self._author}") for other in there)
        if own > MAX_REACTIONS_OF_ONE or len(there) > MAX_REACTIONS_AT_MESSAGE:
            return "reaction.limit", "There are too many reactions at this message."
        return None

    def _judge_read_mark(self, key: str, after: Mapping[str, object]) -> Violation | None:
        if key != self._author:
            return "read.owner", "You may move only your own read mark."
        if key in after and not is_message_id(after[key]):
            return "read.schema", "A read mark is the id of a message."
        return None

    def _judge_pin(
        self, key: str, before: Mapping[str, object], after: Mapping[str, object]
    ) -> Violation | None:
        if key not in after:
            if self._can_manage or before.get(key) == self._author:
                return None
            return "pin.owner", "You may unpin only what you have pinned."
        if after[key] != self._author or not is_message_id(key):
            return "pin.owner", "You may pin messages only in your own name."
        if key in before:
            return None  # two who pin a message at the same time
        if not self._may_be_there(key):
            return "pin.message", "There is no such message to pin."
        if len(self._document[PINS]) > MAX_PINS:
            return "pin.limit", f"A channel has at most {MAX_PINS} pins."
        return None

    def _may_be_there(self, message_id: str) -> bool:
        """Tell whether a message is in the document, or may be in the archive."""
        return message_id in self._document[MESSAGES] or self._is_before_window(message_id)

    def _is_before_window(self, message_id: str) -> bool:
        """Tell whether an id is older than those of all other messages that are not kept for being pinned."""
        pins = self._document[PINS]
        return all(
            message_id < other or other in pins or other == message_id for other in self._document[MESSAGES]
        )


def _is_deletion(was: dict[str, object], will_be: dict[str, object]) -> bool:
    """Tell whether nothing happened to a message but that it was deleted."""
    return will_be.get("deleted") is True and {**was, "deleted": True} == will_be


def _is_emoji(emoji: str) -> bool:
    return 0 < len(emoji) <= MAX_EMOJI_CHARACTERS and not any(
        character.isspace() or character < " " for character in emoji
    )


def _thread_of(message: object) -> object:
    return fields_of(message).get("thread_id")


def _is_content(content_type: object, content: object) -> bool:
    """Tell whether a shared map, as it is described, is a content of this type."""
    if not isinstance(content, dict) or not isinstance(cast("dict[str, object]", content).get("map"), dict):
        return False
    try:
        # A shared type in it is described as what no field takes, a plain object by what is in it.
        plain = {name: _plain(value) for name, value in fields_of(cast("object", content)).items()}
        parse_content(content_type, plain)
    except (UnreadableContentError, _SharedError):
        return False
    return True


class _SharedError(Exception):
    """A shared type is where a plain value belongs."""


def _plain(described: object) -> object:
    if not isinstance(described, dict):
        return described
    fields = cast("dict[str, object]", described)
    if "object" not in fields:
        raise _SharedError
    return fields["object"]


class ChannelGuard(EntryGuard):
    """Implements `crdt.ports.Guard` for channels."""

    roots = frozenset((MESSAGES, REACTIONS, READS, PINS))
    case = _Case
