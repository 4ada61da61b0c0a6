"""What a message may contain: a Struct for each content type, all of them bounded.

    text, markdown            text
    file_attachment           file_id, name, text (what is said about the file)
    json_proposal             title, text, proposal (a JSON object)
    agent_command_response    text, command, command_message_id, status, run_id, data (a JSON object)

`blocks.channel_guard` lets nothing else into a channel. Readers cope with anything all the same: a document
may be older than these rules.
"""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

ContentType = Literal["text", "markdown", "json_proposal", "agent_command_response", "file_attachment"]

MAX_TEXT_CHARACTERS = 20_000
MAX_NAME_CHARACTERS = 300
MAX_JSON_BYTES = 64 * 1024
"""Of a JSON object in a message, as it is written without spaces."""

MessageText = Annotated[str, Meta(max_length=MAX_TEXT_CHARACTERS)]
_Name = Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)]


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody says. It may have mentions in it, see `blocks.mentions`."""

    content_type: ClassVar[ContentType] = "text"
    text: MessageText


class Markdown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody says, with marks in it."""

    content_type: ClassVar[ContentType] = "markdown"
    text: MessageText


class FileAttachment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the workspace."""

    content_type: ClassVar[ContentType] = "file_attachment"
    file_id: _Name
    name: _Name | None = None
    text: MessageText | None = None


class JsonProposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change that is proposed, for people and programs to look at."""

    content_type: ClassVar[ContentType] = "json_proposal"
    proposal: dict[str, Any]
    title: _Name | None = None
    text: MessageText | None = None


class AgentCommandResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a slash command; no person says this."""

    content_type: ClassVar[ContentType] = "agent_command_response"
    text: MessageText
    command: _Name | None = None
    """Its name, without the slash."""
    command_message_id: UUID | None = None
    status: Literal["accepted", "refused", "answered", "running", "finished", "failed"] | None = None
    run_id: UUID | None = None
    data: dict[str, Any] | None = None


Content = Text | Markdown | FileAttachment | JsonProposal | AgentCommandResponse

CONTENT_TYPES: dict[str, type[Content]] = {
    kind.content_type: kind for kind in (Text, Markdown, FileAttachment, JsonProposal, AgentCommandResponse)
}


class UnreadableContentError(Exception):
    """What is there is no content of its type; the message says why."""


def parse_content(content_type: object, value: object) -> Content:
    """Return a content given as plain values. Raises UnreadableContentError."""
    kind = CONTENT_TYPES.get(content_type) if isinstance(content_type, str) else None
    if kind is None:
        raise UnreadableContentError("There is no such content type.")
    try:
        content = msgspec.convert(value, kind)
        if len(msgspec.json.encode(_object_of(content))) > MAX_JSON_BYTES:
            raise UnreadableContentError(f"A JSON object has at most {MAX_JSON_BYTES} bytes.")
    except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
        raise UnreadableContentError(str(error)) from None
    return content


def write_content(content: Content) -> dict[str, Any]:
    """Return a content as plain values, without the fields that are not there."""
    fields = msgspec.to_builtins(content)
    return {name: value for name, value in fields.items() if value is not None}


def _object_of(content: Content) -> dict[str, Any] | None:
    match content:
        case JsonProposal():
            return content.proposal
        case AgentCommandResponse():
            return content.data
        case _:
            return None
