"""Access and refresh tokens: making and reading them. Whether a session still stands is not known here."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from server import json_web_tokens

ISSUER = "ionflux"
AUDIENCE = "ionflux"
VISIT_AUDIENCE = "ionflux-visit"

_REFRESH = re.compile(r"ifr_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


class Claims(msgspec.Struct, frozen=True):
    """What a valid access token says."""

    user_id: UUID
    session_id: UUID
    expires_at: int
    """Unix seconds."""


class Visit(msgspec.Struct, frozen=True):
    """What a valid token of somebody with a share link says."""

    link_id: UUID
    expires_at: int
    """Unix seconds."""


class Tokens:
    """Signs and checks access tokens with the installation's key."""

    def __init__(self, key: bytes, *, lifetime: timedelta) -> None:
        self._key = key
        self.lifetime = lifetime

    def issue(self, user_id: UUID, session_id: UUID, *, now: datetime) -> str:
        """Return an access token for one user in one session."""
        return self._sign(AUDIENCE, {"sub": str(user_id), "sid": str(session_id)}, now)

    def issue_visit(self, link_id: UUID, *, now: datetime) -> str:
        """Return a token for whoever has opened a share link."""
        return self._sign(VISIT_AUDIENCE, {"sub": str(link_id)}, now)

    def _sign(self, audience: str, says: dict[str, str], now: datetime) -> str:
        payload = {
            "iss": ISSUER,
            "aud": audience,
            **says,
            "iat": int(now.timestamp()),
            "exp": int((now + self.lifetime).timestamp()),
        }
        return json_web_tokens.sign(payload, self._key)

    def read(self, token: str, *, now: datetime) -> Claims | None:
        """Return what a token says, or None when it is forged, expired or for something else."""
        payload = self._read(AUDIENCE, token, now)
        try:
            return Claims(UUID(payload["sub"]), UUID(payload["sid"]), payload["exp"]) if payload else None
        except (KeyError, ValueError, TypeError, AttributeError):
            return None

    def read_visit(self, token: str, *, now: datetime) -> Visit | None:
        """Return what a token for a share link says, or None, as above."""
        payload = self._read(VISIT_AUDIENCE, token, now)
        try:
            return Visit(UUID(payload["sub"]), payload["exp"]) if payload else None
        except (ValueError, TypeError, AttributeError):
            return None

    def _read(self, audience: str, token: str, now: datetime) -> dict[str, Any] | None:
        payload = json_web_tokens.read(token, self._key)
        try:
            if payload is None or (payload["iss"], payload["aud"]) != (ISSUER, audience):
                return None
            payload["exp"] = int(payload["exp"])
        except (KeyError, ValueError, TypeError, OverflowError):
            return None
        return payload if payload["exp"] > now.timestamp() else None


def new_refresh_token(session_id: UUID) -> str:
    """Return a refresh token: the session it belongs to and 256 random bits."""
    return f"ifr_{session_id.hex}_{secrets.token_urlsafe(32)}"


def session_of_refresh_token(token: str) -> UUID | None:
    """Return the session a refresh token names, or None for what is no refresh token."""
    match = _REFRESH.fullmatch(token)
    return UUID(hex=match[1]) if match else None


def hash_refresh_token(token: str) -> str:
    """Return what is stored of a refresh token. It is random, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_same_hash(left: str, right: str) -> bool:
    """Compare two hashes in constant time."""
    return hmac.compare_digest(left, right)
