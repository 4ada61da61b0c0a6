"""`chat_bubble`: a message of a channel, pinned to the canvas, with an annotation."""

from collections.abc import Iterable

import msgspec

from blocks.errors import Fault
from blocks.kind import Kind
from blocks.kinds.fields import Id, missing
from blocks.richtext import plain_text
from blocks.schema import RichText
from blocks.tree import document


class ChatBubbleContent(msgspec.Struct, frozen=True):
    """Which message it is, and what is said of it here; the message itself stays in its channel."""

    channel_id: Id | None = None
    message_id: Id | None = None
    doc: RichText = document()


def _check(content: ChatBubbleContent) -> Iterable[Fault]:
    if content.channel_id is None:
        yield missing("channel_id")
    if content.message_id is None:
        yield missing("message_id")


def _text(content: ChatBubbleContent) -> Iterable[str]:
    return (plain_text(content.doc),)


KIND = Kind("chat_bubble", ChatBubbleContent, text=_text, check=_check)
