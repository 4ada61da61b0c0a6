"""Frames as a test writes them by hand, apart from the server's own codec."""

import json

from tests.clients.client import Wire


def number(value: int) -> bytes:
    """A lib0 varUint."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def sized(data: bytes) -> bytes:
    """A byte array behind its length."""
    return number(len(data)) + data


def string(text: str) -> bytes:
    """A string behind its length in bytes."""
    return sized(text.encode())


def frame(wire: Wire, document: str, message: bytes) -> bytes:
    """A message as a frame of a wire: Hocuspocus puts the document's name in front."""
    return string(document) + message if wire == "hocuspocus" else message


def step1(state_vector: bytes = b"\x00") -> bytes:
    """A request for what is missing beyond a state vector."""
    return b"\x00\x00" + sized(state_vector)


def update(data: bytes) -> bytes:
    """A change."""
    return b"\x00\x02" + sized(data)


def token(credential: str) -> bytes:
    """A Hocuspocus sign-in."""
    return b"\x02\x00" + string(credential)


def presence(client_id: int, clock: int, state: object) -> bytes:
    """An awareness update with one entry."""
    return b"\x01" + sized(b"\x01" + number(client_id) + number(clock) + string(json.dumps(state)))
