"""What one socket has said so far: the state machine between its frames and the documents it takes part in.

Sans-I/O: bytes in, messages out, in order. It knows which documents of the socket are decided and holds back
what a client says before that; who decides, and what a message does, is the connection's business.
"""

from collections.abc import Callable
from enum import Enum

import msgspec

from crdt.errors import ProtocolError, TooMuchHeldBack
from crdt.limits import Rate
from crdt.protocol import (
    NO_PRESENCE,
    PING,
    Edit,
    Leave,
    Message,
    OneTooMany,
    OversizedEdit,
    Ping,
    Pong,
    SyncStep1,
    Token,
    decode_hocuspocus,
    decode_yws,
    encode_string,
)


class Wire(msgspec.Struct, frozen=True):
    """What differs between the two protocols (rule W1)."""

    name: str
    decode: Callable[[bytes], list[tuple[str, Message]]]
    """Frame to (routing key, message) pairs."""
    prefix: Callable[[str], bytes]
    """Routing key to what stands before the payload of a frame."""
    keepalive: bytes
    """A frame that changes nothing: clients give up a socket that is silent for 30 s."""
    has_sync_status: bool
    """Whether edits are acknowledged by a message of their own, or by the echo of the edit."""


YWS = Wire(
    name="y-websocket",
    decode=lambda frame: [("", message) for message in decode_yws(frame)],
    prefix=lambda _: b"",
    keepalive=NO_PRESENCE,
    has_sync_status=False,
)
"""One document a socket; its only routing key is empty."""

HOCUSPOCUS = Wire(
    name="hocuspocus",
    decode=lambda frame: [decode_hocuspocus(frame)],
    prefix=encode_string,
    keepalive=PING,
    has_sync_status=True,
)
"""Many documents a socket."""


class SessionLimits(msgspec.Struct, frozen=True):
    """What one socket may ask for (rule W4)."""

    max_frame_bytes: int = 16 * 1024 * 1024
    """Of frames with edits that are taken. Whoever carries the frames may end a socket at twice as many."""
    max_waiting_bytes: int = 1024 * 1024
    """Of frames held back until somebody is signed in."""
    max_documents: int = 100
    max_key_characters: int = 200
    frame_rate: Rate = Rate(per_second=5000, burst=20_000)
    """Frames of one socket; whoever sends more is read more slowly."""
    byte_rate: Rate = Rate(per_second=16 * 1024 * 1024, burst=64 * 1024 * 1024)
    """Bytes of one socket, likewise."""


class _Phase(Enum):
    WAITING = "waiting for a token"
    DECIDING = "being decided"
    BEGINNING = "joined, but its first step 1 has still to come"
    JOINED = "joined"


class _Member(msgspec.Struct):
    phase: _Phase = _Phase.WAITING
    waiting: list[Message] = []
    waiting_bytes: int = 0


class Session:
    """One socket's documents, by routing key."""

    def __init__(self, wire: Wire, limits: SessionLimits) -> None:
        self.wire = wire
        self._limits = limits
        self._members: dict[str, _Member] = {}
        self._waiting_bytes = 0

    def begin(self, key: str) -> None:
        """Note that a document is being decided on; what its client says meanwhile is held back."""
        self._members[key] = _Member(_Phase.DECIDING)

    def receive(self, frame: bytes) -> list[tuple[str, Message]]:
        """Take a frame; return what is to be done now, in order. Raises ProtocolError, TooMuchHeldBack.

        Tokens, pings and pongs always come out; everything else only once its document has been joined.
        """
        is_oversized = len(frame) > self._limits.max_frame_bytes
        ready: list[tuple[str, Message]] = []
        for key, message in self.wire.decode(frame):
            if is_oversized and isinstance(message, Edit):
                message = OversizedEdit(message.is_answer)
            if isinstance(message, Ping | Pong):
                ready.append((key, message))
                continue
            member = self._members.get(key) or self._member(key)
            if member is None:
                if isinstance(message, Token):
                    ready.append((key, OneTooMany()))
            elif member.phase is _Phase.JOINED:
                ready.append((key, message))
            elif member.phase is _Phase.BEGINNING and not isinstance(message, Edit | OversizedEdit):
                ready.append((key, message))
                if isinstance(message, SyncStep1):
                    member.phase = _Phase.JOINED
                    ready += [(key, edit) for edit in self._release(member)]
            elif isinstance(message, Token):
                if member.phase is _Phase.WAITING:
                    member.phase = _Phase.DECIDING
                    ready.append((key, message))
            elif isinstance(message, Leave) and member.phase is _Phase.WAITING:
                self.leave(key)
            else:
                self._hold_back(member, message, len(frame))
        return ready

    def is_deciding(self, key: str) -> bool:
        """Whether a decision on this document is still wanted."""
        member = self._members.get(key)
        return member is not None and member.phase is _Phase.DECIDING

    def admit(self, key: str, *, begins_with_step1: bool = False) -> list[Message]:
        """Note that the document is joined; return what was held back.

        Where it `begins_with_step1` that comes out first, and no edit before it: it tells of which epoch the
        client's copy is (D7), while some clients send what is typed before they sync.
        """
        member = self._members[key]
        waiting = self._release(member)
        member.phase = _Phase.JOINED
        if not begins_with_step1:
            return waiting
        first = next((message for message in waiting if isinstance(message, SyncStep1)), None)
        if first is not None:
            return [first, *(message for message in waiting if message is not first)]
        member.phase = _Phase.BEGINNING
        others: list[Message] = []
        for message in waiting:
            if isinstance(message, Edit):
                self._hold_back(member, message, len(message.update))
            elif isinstance(message, OversizedEdit):
                self._hold_back(member, message, 0)
            else:
                others.append(message)
        return others

    def deny(self, key: str) -> None:
        """Note that the document was refused; the client may try again with another token."""
        self._members[key].phase = _Phase.WAITING

    def leave(self, key: str) -> None:
        """Forget a document."""
        member = self._members.pop(key, None)
        if member is not None:
            self._release(member)

    def _member(self, key: str) -> _Member | None:
        """Return the place of a document; None where there is none left."""
        if len(self._members) >= self._limits.max_documents:
            return None
        if len(key) > self._limits.max_key_characters:
            raise ProtocolError("bad_name", "The name of a document is too long.")
        return self._members.setdefault(key, _Member())

    def _hold_back(self, member: _Member, message: Message, size: int) -> None:
        member.waiting_bytes += size
        self._waiting_bytes += size
        if self._waiting_bytes > self._limits.max_waiting_bytes:
            raise TooMuchHeldBack("Sign in and begin with a step 1: too much has been sent before that.")
        member.waiting.append(message)

    def _release(self, member: _Member) -> list[Message]:
        self._waiting_bytes -= member.waiting_bytes
        waiting, member.waiting, member.waiting_bytes = member.waiting, [], 0
        return waiting
