"""JSON Web Tokens (RFC 7519) under one key and one algorithm, HMAC with SHA-256. Knows no claim.

The head is a constant, so there is nothing in a token that chooses how it is checked. The library that can do
more loads ten megabytes of public key cryptography for it.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

_DECODER = msgspec.json.Decoder(dict[str, Any])


def sign(payload: Mapping[str, Any], key: bytes) -> str:
    """Return a token that says so."""
    signed = _HEAD + b"." + _encode(msgspec.json.encode(payload))
    return (signed + b"." + _signature(signed, key)).decode()


def read(token: str, key: bytes) -> dict[str, Any] | None:
    """Return what a token says, or None where it was not signed by this key, in the one way there is."""
    signed, _, signature = token.encode("utf-8", "replace").rpartition(b".")
    if not signed.startswith(_HEAD + b".") or not hmac.compare_digest(_signature(signed, key), signature):
        return None
    try:
        return _DECODER.decode(_decode(signed[len(_HEAD) + 1 :]))
    except (msgspec.DecodeError, binascii.Error):
        return None


def _signature(signed: bytes, key: bytes) -> bytes:
    return _encode(hmac.digest(key, signed, "sha256"))


def _encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


_HEAD = _encode(b'{"alg":"HS256","typ":"JWT"}')
