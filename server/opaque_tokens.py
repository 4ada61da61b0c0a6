"""Secrets that name a row and prove themselves by random bits, of which only a hash is stored."""

import hashlib
import re
import secrets
from typing import Literal
from uuid import UUID

Kind = Literal["ifb", "ifi", "ifs", "ift", "ifx"]
"""What it is: `ifb` a browser's session, `ifi` an invitation, `ifs` a share link, `ift` proves an address,
`ifx` an API key.
"""

_TOKEN = re.compile(r"([a-z]{3})_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


def new_token(kind: Kind, row_id: UUID) -> str:
    """Return a token: its kind, the row it belongs to and 256 random bits."""
    return f"{kind}_{row_id.hex}_{secrets.token_urlsafe(32)}"


def row_of_token(kind: Kind, token: str) -> UUID | None:
    """Return the row that a token of a kind names, or None for what is no such token."""
    match = _TOKEN.fullmatch(token)
    return UUID(hex=match[2]) if match and match[1] == kind else None


def hash_token(token: str) -> str:
    """Return what is stored of a token. It is random, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
