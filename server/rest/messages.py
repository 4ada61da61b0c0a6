"""Messages of channels: what one may do in the live document, by REST, and the same beyond the live window.

A write is an edit of the channel's document under the caller's principal, judged by its guard, and answered
when it is committed. Reading is from the rows that follow the document (and outlive it in the archive); it
waits a moment for them where they are behind.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from blocks import channel as channels
from blocks.channel_content import Content, ContentType, UnreadableContentError, parse_content
from blocks.channel_guard import MAX_EMOJI_CHARACTERS
from blocks.commands import fold
from blocks.inbox import MOST_MESSAGES
from server.chat import MessageState, Operation
from server.commands import HELP, commands_of
from server.documents.writing import Written
from server.errors import ConflictError, FieldError, ForbiddenError, InvalidError, NotFoundError
from server.rest.channels import document_of
from server.rest.document_fields import Receipt, show_receipt
from server.rest.fields import JsonObject, Listing, Slice, Time, check_json, list_slice, read_cursor
from server.rest.gate import find_channel, find_workspace
from server.rest.late_rows import find_written
from server.routing import Routes, UserCall
from storage.actions import Action
from storage.models import AgentConfiguration, Channel, ChatMessage
from storage.unit_of_work import UnitOfWork

routes = Routes("Messages")

Emoji = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_EMOJI_CHARACTERS,
        pattern=r"^[^\x00-\x20|/\s]+$",
        description="An emoji, or any short word without spaces, `|` and `/`.",
    ),
]


class ReactionAnswer(msgspec.Struct, frozen=True):
    """An emoji at a message."""

    emoji: str
    user_ids: Annotated[list[str], Meta(description="The principals who put it there, as `user:{id}`.")]


class MessageAnswer(msgspec.Struct, frozen=True):
    """A message of a channel."""

    id: UUID
    channel_id: UUID
    sender_id: Annotated[str, Meta(description="A principal, for instance `user:{id}` or `agent:{id}`.")]
    sender_type: Literal["user", "agent"]
    content_type: Annotated[str, Meta(description="`unreadable` for what fits no content type.")]
    content: Annotated[dict[str, Any], Meta(description="Empty for a message that was deleted.")]
    created_at: Time
    edited_at: Time | None
    thread_id: Annotated[UUID | None, Meta(description="The message that begins the thread.")]
    deleted: bool
    reactions: list[ReactionAnswer]
    pinned_by: str | None
    read_by_user_ids: Annotated[list[str], Meta(description="The principals who have read up to here.")]
    archived_at: Annotated[
        Time | None, Meta(description="When the message left the live document; null while it is there.")
    ]


class WrittenMessage(msgspec.Struct, frozen=True):
    """A message as it was written, and what proves that it is durable.

    An archived message (`archived_at`) is a row, which no edit of the document changes: there `position`
    tells how far the rows of the channel had followed its document when this one was committed, or null
    where it was as it is, and `state_vector` is empty.
    """

    message: MessageAnswer
    receipt: Receipt


class ChannelPart(Slice, frozen=True):
    """Which part of a channel is wanted."""

    thread_id: Annotated[UUID, Meta(description="Only the replies of this message.")] | None = None
    before: (
        Annotated[
            UUID,
            Meta(
                description="Only messages older than this one, for instance the oldest in the live document."
            ),
        ]
        | None
    ) = None


class InChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a message is: its id says so, unless several channels have one of that id."""

    channel_id: UUID | None = None


class NewMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message to post."""

    content: JsonObject
    content_type: ContentType = "text"
    thread_id: Annotated[UUID, Meta(description="The message that it answers.")] | None = None


class MessageChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a message shall say."""

    content: JsonObject
    content_type: ContentType = "text"


class ReadMarkChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far somebody has read."""

    message_id: UUID


class CommandPart(Slice, frozen=True):
    """Which commands are wanted."""

    prefix: Annotated[str, Meta(max_length=100, description="What their names begin with.")] = ""


class CommandAnswer(msgspec.Struct, frozen=True):
    """A slash command."""

    name: Annotated[str, Meta(description="Without the slash.")]
    title: str
    description: str | None
    agent_configuration_id: Annotated[UUID | None, Meta(description="Null for what the server does itself.")]
    is_ambiguous: Annotated[
        bool, Meta(description="Whether several agents have this name: then it is refused.")
    ]


class UnreadAnswer(msgspec.Struct, frozen=True):
    """How much of a channel is unread."""

    channel_id: UUID
    last_read_message_id: UUID | None
    unread: Annotated[int, Meta(ge=0, le=MOST_MESSAGES, description=f"{MOST_MESSAGES}: that many or more.")]


@routes.get("/v1/channels/{channel_id}/messages", "channels.read")
async def list_messages(call: UserCall, channel_id: UUID, query: ChannelPart) -> Listing[MessageAnswer]:
    """List a channel's messages, or those of a thread, newest first."""
    before = read_cursor(query, UUID) or query.before
    return await _list(call, channel_id, query, before, thread_id=query.thread_id)


@routes.get("/v1/channels/{channel_id}/pins", "channels.read")
async def list_pins(call: UserCall, channel_id: UUID, query: Slice) -> Listing[MessageAnswer]:
    """List a channel's pinned messages, newest first."""
    return await _list(call, channel_id, query, read_cursor(query, UUID), is_pinned=True)


@routes.post(
    "/v1/channels/{channel_id}/messages", "channels.write", status=201, refuses=(403, 409), idempotent=True
)
async def post_message(call: UserCall, channel_id: UUID, body: NewMessage) -> WrittenMessage:
    """Post a message."""
    content = _read_content(body.content_type, body.content)
    async with call.services.database.read() as uow:
        channel = await find_channel(call, uow, channel_id, "channels.write")
        message_id = str(uow.new_id())
    if body.thread_id is not None:
        await _check_thread(call, channel, body.thread_id)
    thread_id = str(body.thread_id) if body.thread_id else None
    written = await call.services.chat.post(
        document_of(channel), await call.principal(), message_id, content, thread_id
    )
    return _show_written(document_of(channel), channel_id, written, {})


@routes.get("/v1/messages/{message_id}", "channels.read", refuses=(409,))
async def get_message(call: UserCall, message_id: UUID, query: InChannel) -> MessageAnswer:
    """Return a message."""

    async def find() -> MessageAnswer:
        async with call.services.database.read() as uow:
            message, channel = await _find(call, uow, message_id, query, "channels.read")
            return show_message(message, await uow.messages.marks(channel.id))

    return await find_written(call, "channel", message_id, find)


@routes.patch("/v1/messages/{message_id}", "channels.write", refuses=(409,))
async def edit_message(
    call: UserCall, message_id: UUID, query: InChannel, body: MessageChange
) -> WrittenMessage:
    """Say something else in a message of one's own."""
    content = _read_content(body.content_type, body.content)
    edited_at = _now(call)
    return await _write(
        call, message_id, query, lambda doc, id_: channels.edit(doc, id_, content, edited_at=edited_at)
    )


@routes.delete("/v1/messages/{message_id}", "channels.write", status=200, refuses=(409,))
async def delete_message(call: UserCall, message_id: UUID, query: InChannel) -> WrittenMessage:
    """Mark a message as deleted: one's own, or anybody's for those who manage the channel."""
    return await _write(call, message_id, query, channels.delete)


@routes.put("/v1/messages/{message_id}/reactions/{emoji}", "channels.write", refuses=(409,))
async def add_reaction(call: UserCall, message_id: UUID, emoji: Emoji, query: InChannel) -> WrittenMessage:
    """Put an emoji at a message."""
    return await _write(call, message_id, query, lambda doc, id_: channels.react(doc, id_, emoji, call.actor))


@routes.delete("/v1/messages/{message_id}/reactions/{emoji}", "channels.write", status=200, refuses=(409,))
async def remove_reaction(call: UserCall, message_id: UUID, emoji: Emoji, query: InChannel) -> WrittenMessage:
    """Take one's emoji back."""
    return await _write(
        call, message_id, query, lambda doc, id_: channels.unreact(doc, id_, emoji, call.actor)
    )


@routes.put("/v1/messages/{message_id}/pin", "channels.write", refuses=(409,))
async def pin_message(call: UserCall, message_id: UUID, query: InChannel) -> WrittenMessage:
    """Pin a message; one that is pinned stays pinned by who did it."""
    return await _write(call, message_id, query, lambda doc, id_: channels.pin(doc, id_, call.actor))


@routes.delete("/v1/messages/{message_id}/pin", "channels.write", status=200, refuses=(409,))
async def unpin_message(call: UserCall, message_id: UUID, query: InChannel) -> WrittenMessage:
    """Unpin a message that one has pinned, or any for those who manage the channel."""
    return await _write(call, message_id, query, channels.unpin)


@routes.put("/v1/channels/{channel_id}/read", "channels.read", refuses=(409,))
async def mark_read(call: UserCall, channel_id: UUID, body: ReadMarkChange) -> Receipt:
    """Note how far one has read a channel, for all of one's devices."""

    async def find() -> Channel:
        async with call.services.database.read() as uow:
            channel = await find_channel(call, uow, channel_id, "channels.read")
            if await uow.messages.get(channel_id, body.message_id) is None:
                raise NotFoundError("There is no such message in this channel.")
            return channel

    document = document_of(await find_written(call, "channel", body.message_id, find))
    marked = await call.services.chat.mark_read(
        document, await call.principal(), call.user_id, str(body.message_id)
    )
    return show_receipt(document, marked.position, marked.state_vector)


@routes.get("/v1/channels/{channel_id}/commands", "channels.read")
async def list_commands(
    call: UserCall, uow: UnitOfWork, channel_id: UUID, query: CommandPart
) -> Listing[CommandAnswer]:
    """List the slash commands that one can write in a channel, by name."""
    channel = await find_channel(call, uow, channel_id, "channels.read")
    agents = await commands_of(uow, channel.workspace_id)
    after = read_cursor(query, str) or ""
    names = [
        name
        for name in sorted([*agents, HELP])
        if name > after and name.startswith(fold(query.prefix.removeprefix("/")))
    ]
    return list_slice(
        names[: query.limit + 1], query, lambda name: _show_command(name, agents.get(name)), lambda name: name
    )


@routes.get("/v1/workspaces/{workspace_id}/unread", "channels.read")
async def list_unread(call: UserCall, workspace_id: UUID, query: Slice) -> Listing[UnreadAnswer]:
    """List the channels that one sees, with how much of each is unread.

    Before one's first read mark, what was there before one came to the workspace is read.
    """
    await call.services.chat.await_mark(call.user_id)
    async with call.services.database.read() as uow:
        await find_workspace(call, uow, workspace_id, "channels.read")
        rows = await uow.unread.list_channels(
            workspace_id,
            call.user_id,
            call.actor,
            after=read_cursor(query, UUID),
            limit=query.limit + 1,
            most=MOST_MESSAGES,
        )
    return list_slice(rows, query, lambda row: UnreadAnswer(*row), lambda row: row[0])


def _show_command(name: str, agents: Sequence[AgentConfiguration] | None) -> CommandAnswer:
    if not agents:
        return CommandAnswer(name, "Help", "Lists the commands.", None, is_ambiguous=False)
    agent = agents[0]
    return CommandAnswer(name, agent.name, agent.description, agent.id, is_ambiguous=len(agents) > 1)


def show_message(message: ChatMessage, marks: dict[str, UUID]) -> MessageAnswer:
    """Return a message as its readers see it, given how far they have read."""
    readers = sorted(who for who, mark in marks.items() if mark >= message.id)
    return MessageAnswer(
        id=message.id,
        channel_id=message.channel_id,
        sender_id=message.sender_id,
        sender_type="agent" if message.sender_type == "agent" else "user",
        content_type=message.content_type,
        content=message.content,
        created_at=message.created_at,
        edited_at=message.edited_at,
        thread_id=message.thread_id,
        deleted=message.deleted,
        reactions=msgspec.convert(message.reactions, list[ReactionAnswer]),
        pinned_by=message.pinned_by,
        read_by_user_ids=readers,
        archived_at=message.archived_at,
    )


def _show_written(
    document: str, channel_id: UUID, written: Written[MessageState], marks: Mapping[str, UUID]
) -> WrittenMessage:
    state = written.result
    readers = {who for who, mark in state.marks.items() if mark >= state.message.id}
    readers |= {who for who, mark in marks.items() if str(mark) >= state.message.id}
    message = state.message
    answer = MessageAnswer(
        id=UUID(message.id),
        channel_id=channel_id,
        sender_id=message.sender_id,
        sender_type=message.sender_type,
        content_type=message.content_type,
        content=message.content,
        created_at=datetime.fromisoformat(message.created_at),
        edited_at=datetime.fromisoformat(message.edited_at) if message.edited_at else None,
        thread_id=UUID(message.thread_id) if message.thread_id else None,
        deleted=message.deleted,
        reactions=[ReactionAnswer(emoji, who) for emoji, who in sorted(state.reactions.items())],
        pinned_by=state.pinned_by,
        read_by_user_ids=sorted(readers),
        archived_at=state.archived_at,
    )
    return WrittenMessage(answer, show_receipt(document, written.position, written.state_vector))


async def _list(
    call: UserCall,
    channel_id: UUID,
    query: Slice,
    before: UUID | None,
    *,
    thread_id: UUID | None = None,
    is_pinned: bool = False,
) -> Listing[MessageAnswer]:
    database = call.services.database
    async with database.read() as uow:
        channel = await find_channel(call, uow, channel_id, "channels.read")
    await call.services.chat.catch_up(document_of(channel))
    async with database.read() as uow:
        if is_pinned:
            rows = await uow.messages.list_pinned(channel_id, before, query.limit + 1)
        else:
            rows = await uow.messages.list_before(channel_id, before, query.limit + 1, thread_id=thread_id)
        marks = await uow.messages.marks(channel_id)
        return list_slice(rows, query, lambda row: show_message(row, marks), lambda row: row.id)


async def _find(
    call: UserCall, uow: UnitOfWork, message_id: UUID, query: InChannel, action: Action
) -> tuple[ChatMessage, Channel]:
    """Return a message and its channel. Raises NotFoundError, ForbiddenError, ConflictError."""
    found: list[tuple[ChatMessage, Channel]] = []
    refusal: Exception | None = None
    for message in await uow.messages.find(message_id):
        if query.channel_id in (None, message.channel_id):
            try:
                found.append((message, await find_channel(call, uow, message.channel_id, action)))
            except NotFoundError:
                continue
            except (ForbiddenError, ConflictError) as error:
                refusal = error
    if len(found) > 1:
        raise ConflictError(
            "Several channels have a message of this id: say which one in `channel_id`.",
            code="ambiguous_message",
        )
    if not found:
        raise refusal or NotFoundError("There is no such message, or you may not see it.")
    return found[0]


async def _write(call: UserCall, message_id: UUID, query: InChannel, edit: Operation) -> WrittenMessage:
    """Change a message in its document, or in the archive."""
    chat = call.services.chat

    async def find() -> Channel:
        async with call.services.database.read() as uow:
            return (await _find(call, uow, message_id, query, "channels.write"))[1]

    channel = await find_written(call, "channel", message_id, find)
    written = await chat.change(document_of(channel), await call.principal(), str(message_id), edit)
    async with call.services.database.read() as uow:
        marks = await uow.messages.marks(channel.id)
    return _show_written(document_of(channel), channel.id, written, marks)


async def _check_thread(call: UserCall, channel: Channel, thread_id: UUID) -> None:
    """Raise InvalidError for what begins no thread, as far as the guard cannot know: what is not live."""
    async with call.services.database.read() as uow:
        message = await uow.messages.get(channel.id, thread_id)
    if message is not None and message.thread_id is not None:
        raise _no_thread("A message in a thread begins none")
    if message is None and channels.is_message_id(str(thread_id)):
        is_live, _, _ = await call.services.documents.read(
            document_of(channel), lambda doc: channels.read_message(doc, str(thread_id)) is not None
        )
        if not is_live:
            raise _no_thread("No message of this channel")


def _no_thread(detail: str) -> InvalidError:
    fault = FieldError("body.thread_id", detail)
    return InvalidError(f"{detail}.", code="invalid_reference", errors=(fault,))


def _read_content(content_type: str, value: dict[str, Any]) -> Content:
    check_json(value, "body.content")
    try:
        return parse_content(content_type, value)
    except UnreadableContentError as error:
        fault = FieldError("body.content", str(error))
        raise InvalidError(f"The content does not fit its type: {error}", errors=(fault,)) from None


def _now(call: UserCall) -> str:
    return call.services.clock().astimezone(UTC).isoformat().replace("+00:00", "Z")
