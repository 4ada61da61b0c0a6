"""The codec of both wires: y-websocket and Hocuspocus frames to messages and back.

Sans-I/O, bounded and total (rule W2): any byte string gives messages or one ProtocolError; nothing is
allocated that is larger than the frame. It holds no state and decides nothing.

Integers are lib0 varUint (7 bits a byte, low first, at most 2^53 - 1); a string or byte array is its varUint
*byte* length and the data. Sources: y-protocols 1.0, y-websocket 3.1, @hocuspocus/provider 4.8.
"""

import re
from enum import IntEnum

import msgspec

from crdt.errors import ProtocolError

MAX_SAFE_INTEGER = 2**53 - 1
"""lib0's bound: larger numbers are not exact in JavaScript."""

EMPTY_UPDATE = b"\x00\x00"
"""A Yjs update (v1) without structs and without deletions."""

EMPTY_STATE_VECTOR = b"\x00"


class MessageType(IntEnum):
    """First number of a message; 0-3 on both wires, the rest on Hocuspocus only."""

    SYNC = 0
    AWARENESS = 1
    AUTH = 2
    QUERY_AWARENESS = 3
    STATELESS = 5
    BROADCAST_STATELESS = 6
    CLOSE = 7
    SYNC_STATUS = 8
    PING = 9
    PONG = 10


class SyncType(IntEnum):
    """Second number of a Sync message."""

    STEP1 = 0
    STEP2 = 1
    UPDATE = 2


class Message(msgspec.Struct, frozen=True, gc=False):
    """Root of what a client can say."""


class SyncStep1(Message, frozen=True, gc=False):
    """Here is my state vector: send what I lack."""

    state_vector: bytes


class Edit(Message, frozen=True, gc=False):
    """An update for the document: the answer to our step 1 (`is_answer`), or a change just made."""

    update: bytes
    is_answer: bool


class OversizedEdit(Message, frozen=True, gc=False):
    """An edit in a frame that is too large; what was in it is gone."""

    is_answer: bool


class Presence(Message, frozen=True, gc=False):
    """An awareness update, still encoded: see `crdt.awareness`."""

    update: bytes


class QueryPresence(Message, frozen=True, gc=False):
    """Send me everybody's presence."""


class Token(Message, frozen=True, gc=False):
    """A credential for one document (Hocuspocus)."""

    token: str


class OneTooMany(Message, frozen=True, gc=False):
    """A credential for one document more than a socket carries (Hocuspocus)."""


class Stateless(Message, frozen=True, gc=False):
    """An application's own message, outside of the document (Hocuspocus)."""

    payload: str


class Leave(Message, frozen=True, gc=False):
    """The client is done with one document of a shared socket (Hocuspocus)."""


class Ping(Message, frozen=True, gc=False):
    """Are you there? Belongs to the socket, not to a document (Hocuspocus)."""


class Pong(Message, frozen=True, gc=False):
    """The answer to our ping (Hocuspocus)."""


def decode_yws(frame: bytes) -> list[Message]:
    """Decode one y-websocket frame: one message or, from 4.0 on, several."""
    reader = Reader(frame)
    messages = [_read_yws_message(reader)]
    while not reader.is_done:
        messages.append(_read_yws_message(reader))
    return messages


def decode_hocuspocus(frame: bytes) -> tuple[str, Message]:
    """Decode one Hocuspocus frame to (routing key, message); the key of a ping or pong is empty."""
    if len(frame) == 1:  # the only frames without a routing key
        if frame[0] == MessageType.PING:
            return "", Ping()
        if frame[0] == MessageType.PONG:
            return "", Pong()
    reader = Reader(frame)
    key = reader.read_string()
    message = _read_hocuspocus_message(reader)
    if not reader.is_done:
        raise ProtocolError("trailing_bytes", "There are bytes behind the end of the message.")
    return key, message


def read_update(frame: bytes, prefix: bytes) -> bytes | None:
    """Return the update in a frame that is one update message behind a prefix; None for any other frame.

    What nearly every frame is, at a fraction of what decoding costs.
    """
    if not frame.startswith(prefix):
        return None
    position, end = len(prefix), len(frame)
    if position < end and frame[position] < 0x80:
        return frame[position + 1 :] if position + 1 + frame[position] == end else None
    length = shift = 0
    while position < end and shift < _LENGTH_BITS:
        byte = frame[position]
        position += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return frame[position:] if position + length == end else None
        shift += 7
    return None


def document_of(key: str) -> str:
    """Return the document's name in a routing key, which may carry a session id behind a NUL."""
    return key.partition("\0")[0]


_LENGTH_BITS = 35
"""A frame's length is a varUint of five bytes at most."""


class Reader:
    """A cursor over one frame. Every read checks its bounds first."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._end = len(data)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to read."""
        return self._position >= self._end

    def read_number(self) -> int:
        """Read a varUint."""
        number = shift = 0
        while True:
            if self._position >= self._end:
                raise ProtocolError("truncated", "The message ends in the middle of a number.")
            byte = self._data[self._position]
            self._position += 1
            number |= (byte & 0x7F) << shift
            if number > MAX_SAFE_INTEGER or shift > 49:
                raise ProtocolError("number_too_large", "A number is larger than 2^53 - 1.")
            if byte < 0x80:
                return number
            shift += 7

    def read_byte(self) -> int:
        """Read one byte."""
        self.skip(1)
        return self._data[self._position - 1]

    def peek(self, ahead: int = 0) -> int:
        """Return a byte that comes next, or so many behind it, and stay; 0 behind the end."""
        position = self._position + ahead
        return self._data[position] if position < self._end else 0

    def skip(self, count: int) -> None:
        """Pass over so many bytes."""
        if count > self._end - self._position:
            raise ProtocolError("truncated", "The message is shorter than it says.")
        self._position += count

    def skip_match(self, pattern: re.Pattern[bytes]) -> bool:
        """Pass over what matches a pattern, if that comes next; return whether it does."""
        match = pattern.match(self._data, self._position)
        if match is None:
            return False
        self._position = match.end()
        return True

    def skip_signed_number(self) -> None:
        """Pass over a lib0 varInt: as a varUint, but for the sign in its first byte."""
        while self.read_byte() & 0x80:
            pass

    def read_bytes(self) -> bytes:
        """Read a byte array with its length."""
        length = self.read_number()
        start = self._position
        if length > self._end - start:
            raise ProtocolError("truncated", "The message is shorter than it says.")
        self._position = start + length
        return self._data[start : self._position]

    def read_rest(self) -> bytes:
        """Read all that is left."""
        start, self._position = self._position, self._end
        return self._data[start:]

    def read_string(self) -> str:
        """Read a string with its length in bytes."""
        try:
            return self.read_bytes().decode()
        except UnicodeDecodeError:
            raise ProtocolError("bad_utf8", "A string is not valid UTF-8.") from None


def _read_yws_message(reader: Reader) -> Message:
    kind = reader.read_number()
    if kind == MessageType.SYNC:
        return _read_sync(reader)
    if kind == MessageType.AWARENESS:
        return Presence(reader.read_bytes())
    if kind == MessageType.QUERY_AWARENESS:
        return QueryPresence()
    raise _unknown_message(kind)


def _read_hocuspocus_message(reader: Reader) -> Message:
    kind = reader.read_number()
    match kind:
        case MessageType.SYNC:
            return _read_sync(reader)
        case MessageType.AWARENESS:
            return Presence(reader.read_bytes())
        case MessageType.AUTH:
            return _read_token(reader)
        case MessageType.QUERY_AWARENESS:
            return QueryPresence()
        case MessageType.STATELESS:
            return Stateless(reader.read_string())
        case MessageType.CLOSE:
            return Leave()
        case _:
            raise _unknown_message(kind)


def _read_sync(reader: Reader) -> Message:
    kind = reader.read_number()
    payload = reader.read_bytes()
    if kind == SyncType.UPDATE:
        return Edit(payload, is_answer=False)
    if kind == SyncType.STEP1:
        return SyncStep1(payload)
    if kind == SyncType.STEP2:
        return Edit(payload, is_answer=True)
    raise ProtocolError("unknown_message", f"There is no sync message of type {kind}.")


def _read_token(reader: Reader) -> Token:
    kind = reader.read_number()
    if kind != 0:
        raise ProtocolError("unknown_message", f"A client sends no auth message of type {kind}.")
    token = Token(reader.read_string())
    if not reader.is_done:
        reader.read_string()  # the provider's version, since 3.1: not used
    return token


def _unknown_message(kind: int) -> ProtocolError:
    return ProtocolError("unknown_message", f"A client sends no message of type {kind} here.")


_DIGITS = tuple(bytes((digit,)) for digit in range(0x80))


def encode_number(number: int) -> bytes:
    """Encode a lib0 varUint."""
    if number < 0x80:
        return _DIGITS[number]
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(0x80 | number & 0x7F)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def encode_bytes(data: bytes) -> bytes:
    """Encode a byte array with its length."""
    return (_DIGITS[len(data)] if len(data) < 0x80 else encode_number(len(data))) + data


def encode_string(text: str) -> bytes:
    """Encode a string with its length in bytes."""
    return encode_bytes(text.encode())


# What the server says. A y-websocket frame is the payload; a Hocuspocus frame is the routing key's string and
# the same payload, so that a broadcast is encoded once for both wires (rule R1).


UPDATE = b"\x00\x02"
"""What an update message begins with, on its way in either direction."""
_UPDATE_HEADS = tuple(UPDATE + digit for digit in _DIGITS)


def encode_step1(state_vector: bytes) -> bytes:
    """Ask a client for what we lack."""
    return b"\x00\x00" + encode_bytes(state_vector)


def encode_step2(update: bytes) -> bytes:
    """Answer a client's step 1."""
    return b"\x00\x01" + encode_number(len(update)) + update  # a large state is copied once


def encode_update(update: bytes) -> bytes:
    """Tell a client of a change."""
    size = len(update)
    head = _UPDATE_HEADS[size] if size < 0x80 else UPDATE + encode_number(size)
    return head + update  # as above


def encode_presence(update: bytes) -> bytes:
    """Tell a client of others' presence."""
    return b"\x01" + encode_bytes(update)


def encode_denied(reason: str) -> bytes:
    """Refuse a Hocuspocus client's credential or document."""
    return b"\x02\x01" + encode_string(reason)


def encode_yws_denied(reason: str) -> bytes:
    """Refuse an edit of a y-websocket client, which can only warn of it."""
    return b"\x02\x00" + encode_string(reason)


def encode_scope(*, can_write: bool) -> bytes:
    """Tell a Hocuspocus client that it is in, and how far."""
    return b"\x02\x02" + encode_string("read-write" if can_write else "readonly")


def encode_sync_status(*, is_saved: bool) -> bytes:
    """Acknowledge or refuse one edit of a Hocuspocus client (rule D2)."""
    return b"\x08\x01" if is_saved else b"\x08\x00"


def encode_stateless(payload: str) -> bytes:
    """Tell a Hocuspocus client something outside of its document."""
    return b"\x05" + encode_string(payload)


def encode_verdict(**verdict: str) -> bytes:
    """Tell a Hocuspocus client why something was refused, for which the protocol has no words."""
    return encode_stateless(msgspec.json.encode(verdict).decode())


NO_PRESENCE = encode_presence(b"\x00")
"""Changes nothing: keeps a quiet y-websocket client from giving the socket up after 30 s."""

TOKEN_WANTED = b"\x02\x00"
"""Makes a Hocuspocus client send a token, a new one if it has a function for it."""

PING = bytes((MessageType.PING,))
PONG = bytes((MessageType.PONG,))
