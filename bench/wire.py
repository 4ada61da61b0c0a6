"""Both protocols as a client speaks them, with just what a load generator needs.

Pure: frames in, frames out. The server's side of the same bytes is `crdt.protocol`.
"""

import msgspec

from crdt.protocol import EMPTY_STATE_VECTOR, encode_bytes, encode_step1, encode_string

_UPDATE = b"\x00\x02"
_STEP2 = b"\x00\x01"
_SAVED = b"\x08\x01"
_DENIED = b"\x02\x01"
_AUTH = b"\x02\x00"


class Place(msgspec.Struct, frozen=True):
    """A document on a server, and how to get in."""

    server_url: str
    document: str
    is_hocuspocus: bool
    tokens: tuple[str, ...] = ()
    """Of several people; none where the server asks nobody."""

    def token(self, client_id: int) -> str:
        """Return the token of the person behind a client."""
        return self.tokens[client_id % len(self.tokens)] if self.tokens else ""

    def url(self, client_id: int) -> str:
        """Return what a client connects to."""
        if self.is_hocuspocus:
            return self.server_url
        query = f"?token={self.token(client_id)}" if self.tokens else ""
        return f"{self.server_url}/{self.document}{query}"

    @property
    def prefix(self) -> bytes:
        """What stands before every message of this document."""
        return encode_string(self.document) if self.is_hocuspocus else b""


class Codec:
    """Frames of one client at one place."""

    __slots__ = ("_at", "_denied", "_greeting", "saved", "step2", "update")

    def __init__(self, place: Place, client_id: int) -> None:
        prefix = place.prefix
        self.update = prefix + _UPDATE
        """How a frame with somebody's edit begins."""
        self.step2 = prefix + _STEP2
        """How the frame with the state begins."""
        self.saved = prefix + _SAVED if place.is_hocuspocus else None
        """The acknowledgement of one edit, where the protocol has one."""
        self._denied = prefix + _DENIED if place.is_hocuspocus else b"\x02\x00"
        self._at = len(prefix) + 2
        self._greeting = [prefix + encode_step1(EMPTY_STATE_VECTOR)]
        if place.is_hocuspocus:
            self._greeting.insert(0, prefix + _AUTH + encode_string(place.token(client_id)))

    def greeting(self) -> list[bytes]:
        """Return what a client that knows nothing yet says first."""
        return self._greeting

    def edit(self, update: bytes) -> bytes:
        """Return the frame of an edit."""
        return self.update + encode_bytes(update)

    def content(self, frame: bytes) -> bytes:
        """Return the update in a frame that begins as `update` or `step2`."""
        at = self._at
        while frame[at] & 0x80:
            at += 1
        return frame[at + 1 :]

    def is_denial(self, frame: bytes) -> bool:
        """Whether the server refuses the client or its edit."""
        return frame.startswith(self._denied)


def read_clocks(state_vector: bytes) -> dict[int, int]:
    """Decode a state vector: client id -> how much of it. Written out, as a run has tens of thousands."""
    numbers: list[int] = []
    number = shift = 0
    for byte in state_vector:
        if byte & 0x80:
            number |= (byte & 0x7F) << shift
            shift += 7
        else:
            numbers.append(number | byte << shift)
            number = shift = 0
    return dict(zip(numbers[1::2], numbers[2::2], strict=True))
