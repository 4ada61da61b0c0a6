"""Which documents have a guard (rule A6)."""

from collections.abc import Callable

from blocks.channel_guard import ChannelGuard
from blocks.comment_guard import CommentGuard
from crdt.ports import Guard


def guard_of(channels: ChannelGuard, comments: CommentGuard) -> Callable[[str], Guard | None]:
    """Return what tells a document's guard by its name; None for documents that have none."""
    guards: dict[str, Guard] = {"channel": channels, "comments": comments}
    return lambda document: guards.get(document.partition(":")[0])
