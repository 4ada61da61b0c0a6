"""Signatures of webhooks, going out and coming in, as Standard Webhooks 1.0 has them. Pure.

What is signed is `{id}.{timestamp}.{body}`, by HMAC-SHA256; the secret is written as `whsec_` and base64.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32

MOST_SIGNATURES = 8
"""Of one message that are looked at."""


def new_secret(randomness: bytes) -> str:
    """Return a secret of so many random bytes."""
    assert len(randomness) == SECRET_BYTES
    return PREFIX + base64.b64encode(randomness).decode()


def signed_headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that tell a receiver whose message this is; `timestamp` in Unix seconds.

    With several secrets there are several signatures: while a secret is exchanged, both are good.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = (
        base64.b64encode(hmac.digest(_key(secret), content, hashlib.sha256)).decode() for secret in secrets
    )
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def is_genuine(secrets: Sequence[str], message_id: str, timestamp: str, body: bytes, signatures: str) -> bool:
    """Tell whether a message is signed with one of the secrets; its timestamp as it was sent."""
    content = f"{message_id}.{timestamp}.".encode() + body
    good = [hmac.digest(_key(secret), content, hashlib.sha256) for secret in secrets]
    given = [
        text.removeprefix("v1,").encode()
        for text in signatures.split(" ")[:MOST_SIGNATURES]
        if text.startswith("v1,")
    ]
    return any(hmac.compare_digest(base64.b64encode(one), other) for one in good for other in given)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
