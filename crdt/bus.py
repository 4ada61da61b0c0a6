"""What rooms of one document tell each other, and the bus that carries it within one process.

A message is a hint that may be lost, repeated or late (N1): the log is the truth.
"""

import asyncio
from collections.abc import Callable

from crdt.ports import Receiver
from crdt.protocol import Reader, encode_number

_HINT = 0


def encode_hint(position: int) -> bytes:
    """Say that the log reaches to a position."""
    return encode_number(_HINT) + encode_number(position)


def decode_hint(message: bytes) -> int | None:
    """Return the position in a hint; None for what a newer version says. Raises ProtocolError."""
    reader = Reader(message)
    return reader.read_number() if reader.read_number() == _HINT else None


class MemoryBus:
    """A bus for one process. Implements `crdt.ports.Bus`."""

    def __init__(self) -> None:
        self._lines: dict[str, list[MemoryLine]] = {}

    def join(self, topic: str, receive: Receiver) -> "MemoryLine":
        """Take part in a topic."""
        lines = self._lines.setdefault(topic, [])
        line = MemoryLine(lines, receive, on_last_close=lambda: self._lines.pop(topic, None))
        lines.append(line)
        return line


class MemoryLine:
    """One participant of one topic. Implements `crdt.ports.Line`."""

    def __init__(
        self, lines: "list[MemoryLine]", receive: Receiver, *, on_last_close: Callable[[], object]
    ) -> None:
        self._lines = lines
        self._receive = receive
        self._on_last_close = on_last_close

    def publish(self, message: bytes) -> None:
        """Tell all others of the topic, soon."""
        if len(self._lines) > 1:
            loop = asyncio.get_running_loop()
            for line in self._lines:
                if line is not self:
                    loop.call_soon(line.hear, message)

    def hear(self, message: bytes) -> None:
        """Take a message, unless this participant has left meanwhile."""
        if self in self._lines:
            self._receive(message)

    def close(self) -> None:
        """Hear nothing more."""
        if self in self._lines:
            self._lines.remove(self)
            if not self._lines:
                self._on_last_close()
