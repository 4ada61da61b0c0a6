"""Which documents have a guard (rule A6)."""

from collections.abc import Callable

from blocks.channel_guard import ChannelGuard


def guard_of(channels: ChannelGuard) -> Callable[[str], ChannelGuard | None]:
    """Return what tells a document's guard by its name; None for documents that have none."""
    return lambda document: channels if document.startswith("channel:") else None
