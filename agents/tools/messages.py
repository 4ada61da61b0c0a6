"""Reading channels, and writing in them."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import pycrdt
from msgspec import Meta

from agents.ports import Kit
from agents.tools.base import Effect, Plan, ToolContext, ToolResult, tail_of
from agents.tools.declaring import Tools
from agents.tools.fields import ChannelId
from agents.tools.gate import find_channel, within_grant, workspace_of
from agents.tools.words import listed, short
from blocks import channel as channels
from blocks.channel_content import MAX_TEXT_CHARACTERS, Markdown
from blocks.guarded import SENDER_TYPES
from storage.models import Channel, ChatMessage

tools = Tools()

MOST_CHANNELS = 200
MOST_MESSAGES = 100
MOST_SHOWN = 2000
"""Characters that are shown of one message."""

MessageId = Annotated[UUID, Meta(description="The id of a message of the channel.")]


class ListChannels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which channels."""

    after: Annotated[UUID | None, Meta(description="The last channel of the part before.")] = None


class ReadMessages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which messages."""

    channel_id: ChannelId
    thread_id: Annotated[UUID | None, Meta(description="Only the answers to this message.")] = None
    before: Annotated[UUID | None, Meta(description="Only messages older than this one.")] = None
    limit: Annotated[int, Meta(ge=1, le=MOST_MESSAGES)] = 30


class PostMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to say, and where."""

    channel_id: ChannelId
    text: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_TEXT_CHARACTERS,
            pattern=r"^[^\x00]*$",
            description="Markdown. `@[Name](user:ID)` mentions a person.",
        ),
    ]
    thread_id: Annotated[UUID | None, Meta(description="The message that this answers.")] = None


class ReactToMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which emoji, and where."""

    channel_id: ChannelId
    message_id: MessageId
    emoji: Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^[^\x00-\x20|/\s]+$")]


@tools.tool("channels.read")
async def list_channels(kit: Kit, context: ToolContext, arguments: ListChannels) -> ToolResult:
    """List the channels that can be read: id, name and what each is for."""
    async with kit.database.read() as uow:
        standing = await workspace_of(uow, context, "channels.read")
        assert standing.caller.user_id is not None, "who is in a workspace is a person"
        rows = await uow.channels.list_visible(
            context.workspace_id, standing.caller.user_id, after=arguments.after, limit=MOST_CHANNELS + 1
        )
        granted = await within_grant(uow, context, [document_of(row) for row in rows])
    shown = [row for row in rows[:MOST_CHANNELS] if document_of(row) in granted]
    lines = [f"{row.id} {name_of(row)} ({row.type}) {short(row.description or '')}".rstrip() for row in shown]
    if len(rows) > MOST_CHANNELS:
        lines.append(f"[more: go on with after={rows[MOST_CHANNELS - 1].id}]")
    data = [{"id": str(row.id), "name": row.name, "type": row.type} for row in shown]
    return ToolResult(listed(lines, "There are no channels."), data, source="the list of channels")


@tools.tool("channels.read")
async def read_messages(kit: Kit, context: ToolContext, arguments: ReadMessages) -> ToolResult:
    """Read the newest messages of a channel or of a thread, the oldest of them first."""
    async with kit.database.read() as uow:
        channel = await find_channel(uow, context, arguments.channel_id, "channels.read")
    await kit.documents.catch_up(document_of(channel))
    async with kit.database.read() as uow:
        rows = await uow.messages.list_before(
            channel.id, arguments.before, arguments.limit, thread_id=arguments.thread_id
        )
    lines = [_line_of(row) for row in reversed(rows)]
    if len(rows) == arguments.limit:
        lines.insert(0, f"[older ones: before={rows[-1].id}]")
    source = f"what was said in {name_of(channel)}"
    return ToolResult(listed(lines, "There are no messages here."), source=source)


@tools.tool("channels.write")
async def post_message(kit: Kit, context: ToolContext, arguments: PostMessage) -> Plan:
    """Post a message in a channel, or an answer in a thread."""
    async with kit.database.read() as uow:
        channel = await find_channel(uow, context, arguments.channel_id, "channels.write")
    thread_id = str(arguments.thread_id) if arguments.thread_id else None
    # Their order is the order of the messages, so it counts when it is posted, not when the run began.
    sender_type = SENDER_TYPES[context.principal.id.partition(":")[0]]
    message_id = str(context.new_id("message", like=kit.database.new_id()))

    def post(doc: pycrdt.Doc[Any]) -> str:
        channels.post(
            doc,
            message_id,
            Markdown(arguments.text),
            sender_id=context.principal.id,
            sender_type=sender_type,
            created_at=_now(kit),
            thread_id=thread_id,
        )
        return message_id

    def find(doc: pycrdt.Doc[Any]) -> str | None:
        ids = channels.message_ids(doc)
        return next((posted for posted in reversed(ids) if tail_of(posted) == tail_of(message_id)), None)

    async def commit() -> ToolResult:
        edited = await kit.documents.edit(context, document_of(channel), post)
        effect = Effect(f"posted a message in {name_of(channel)}", document_of(channel), edited.position)
        # A step that had posted it before knows it by the end of its id: its time was another.
        posted = edited.result or await kit.documents.read(document_of(channel), find) or message_id
        return ToolResult(f"Posted the message {posted}.", {"message_id": posted}, (effect,))

    return Plan(f"post in {name_of(channel)}: {short(arguments.text, 1000)}", commit)


@tools.tool("channels.write")
async def react_to_message(kit: Kit, context: ToolContext, arguments: ReactToMessage) -> Plan:
    """Put an emoji at a message."""
    async with kit.database.read() as uow:
        channel = await find_channel(uow, context, arguments.channel_id, "channels.write")

    def react(doc: pycrdt.Doc[Any]) -> None:
        channels.react(doc, str(arguments.message_id), arguments.emoji, context.principal.id)

    async def commit() -> ToolResult:
        edited = await kit.documents.edit(context, document_of(channel), react)
        effect = Effect(f"reacted in {name_of(channel)}", document_of(channel), edited.position)
        return ToolResult("Done.", effects=(effect,))

    return Plan(f"react to a message in {name_of(channel)} with {arguments.emoji}", commit)


def document_of(channel: Channel) -> str:
    """Return the name of a channel's document."""
    return f"channel:{channel.id}"


def name_of(channel: Channel) -> str:
    """Return what a channel is called."""
    return "a direct conversation" if channel.type == "dm" else f"#{short(channel.name)}"


def _line_of(message: ChatMessage) -> str:
    text = "(deleted)" if message.deleted else str(message.content.get("text") or message.content_type)
    text = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
    thread = f", answers {message.thread_id}" if message.thread_id else ""
    return f"[{message.id}, {message.sender_id}, {message.created_at:%Y-%m-%d %H:%M}{thread}] {text}"


def _now(kit: Kit) -> str:
    return kit.database.clock().isoformat().replace("+00:00", "Z")
