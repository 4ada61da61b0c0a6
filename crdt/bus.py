"""What rooms of one document tell each other, and the bus that carries it within one process.

A message is a hint that may be lost, repeated or late (N1): the log is the truth.
"""

import asyncio
from collections.abc import Callable

import msgspec

from crdt.ports import Receiver
from crdt.protocol import Reader, encode_number, encode_string

_HINT, _HERE, _WHO = 0, 1, 2
_HINT_HEAD = encode_number(_HINT)


class Hint(msgspec.Struct, frozen=True):
    """The log reaches to a position."""

    position: int


class Here(msgspec.Struct, frozen=True):
    """What a room says of its own people: how they show themselves, all of them or those who changed."""

    voice: str
    number: int
    is_all: bool
    update: bytes


class Who(msgspec.Struct, frozen=True):
    """Who is there? Asked by a room that has just opened."""


def encode_hint(position: int) -> bytes:
    """Say that the log reaches to a position."""
    return _HINT_HEAD + encode_number(position)


def encode_here(here: Here) -> bytes:
    """Say who is here."""
    head = encode_number(_HERE) + encode_string(here.voice) + encode_number(here.number)
    return head + encode_number(here.is_all) + here.update


WHO = encode_number(_WHO)


def decode_message(message: bytes) -> Hint | Here | Who | None:
    """Read a message; None is what a newer version says. Raises ProtocolError."""
    reader = Reader(message)
    match reader.read_number():
        case 0:
            return Hint(reader.read_number())
        case 1:
            voice, number, is_all = reader.read_string(), reader.read_number(), reader.read_number()
            return Here(voice, number, bool(is_all), reader.read_rest())
        case 2:
            return Who()
        case _:
            return None


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

    @property
    def has_others(self) -> bool:
        """Whether there is another participant."""
        return len(self._lines) > 1

    def publish(self, message: bytes) -> None:
        """Tell all others of the topic, soon."""
        if self.has_others:
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
