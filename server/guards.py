"""Which documents have a guard (rule A6)."""

from collections.abc import Callable
from datetime import datetime

from blocks.channel_guard import ChannelGuard


def guard_of(clock: Callable[[], datetime]) -> Callable[[str], ChannelGuard | None]:
    """Return what tells a document's guard by its name; None for documents that have none."""
    channels = ChannelGuard(clock)
    return lambda document: channels if document.startswith("channel:") else None
