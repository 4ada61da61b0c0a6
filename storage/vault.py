"""Secrets at rest: sealed with AES-256-GCM under the newest key, each for one column of one row.

A sealed value is a format byte, 4 bytes that name the key, a nonce of 12 bytes, and the ciphertext with its
tag. The head and the value's place (`brands.tiktok_access_token:{id}`) are authenticated along with it, so a
value that is copied to another row or column does not open. Where the keys lie is the caller's matter;
`storage.resealing` brings values under a newer one.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from storage.aes_gcm import Cipher, aes_gcm
from storage.errors import BrokenSealError, UnknownKeyError

KEY_BYTES = 32

_FORMAT = b"\x01"
_NAME_BYTES = 4
_NONCE_BYTES = 12
_HEAD_BYTES = len(_FORMAT) + _NAME_BYTES


class Vault:
    """Seals and opens. `read_keys` gives the keys, the newest last; it is asked at each use."""

    def __init__(
        self,
        read_keys: Callable[[], Sequence[bytes]],
        randomness: Callable[[int], bytes] = os.urandom,
        cipher: Callable[[], Cipher] = aes_gcm,
    ) -> None:
        self._read_keys = read_keys
        self._randomness = randomness
        self._cipher = cipher

    def seal(self, text: str, place: str) -> bytes:
        """Return a text as it may be stored at `place` and nowhere else."""
        key = self._newest(place)
        head = _FORMAT + _key_bytes(key)
        nonce = self._randomness(_NONCE_BYTES)
        return head + nonce + self._cipher().encrypt(key, nonce, text.encode(), head + place.encode())

    def seal_into(self, table: str, row_id: UUID, values: Mapping[str, Any], *names: str) -> dict[str, Any]:
        """Return the values of a row with those of the named columns sealed, where there are any."""
        places = {name: place_of(table, name, row_id) for name in names}
        return {
            name: self.seal(value, places[name]) if name in places and value is not None else value
            for name, value in values.items()
        }

    def open(self, sealed: bytes, place: str) -> str:
        """Return what was sealed for `place`. Raises UnknownKeyError, BrokenSealError."""
        head, nonce = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
        if not head.startswith(_FORMAT) or len(nonce) < _NONCE_BYTES:
            raise BrokenSealError(place)
        named = head[len(_FORMAT) :]
        key = next((key for key in self._read_keys() if _key_bytes(key) == named), None)
        if key is None:
            raise UnknownKeyError(place, named.hex())
        body = sealed[_HEAD_BYTES + _NONCE_BYTES :]
        opened = self._cipher().decrypt(key, nonce, body, head + place.encode())
        if opened is None:
            raise BrokenSealError(place)
        return opened.decode()

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether a value is sealed under the newest key."""
        keys = self._read_keys()
        return bool(keys) and sealed.startswith(_FORMAT + _key_bytes(keys[-1]))

    def _newest(self, place: str) -> bytes:
        keys = self._read_keys()
        if not keys:
            raise UnknownKeyError(place, None)
        return keys[-1]


def key_name(key: bytes) -> str:
    """Return the name of a key, which tells nothing of it."""
    return _key_bytes(key).hex()


def place_of(table: str, column: str, row_id: UUID) -> str:
    """Return the place of a value: what it is bound to."""
    return f"{table}.{column}:{row_id}"


def _key_bytes(key: bytes) -> bytes:
    # Named by a hash and not by a number: a key that was lost and one made in its place differ.
    return hashlib.sha256(b"ionflux vault key" + key).digest()[:_NAME_BYTES]
