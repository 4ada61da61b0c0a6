"""Access and refresh tokens: making and reading them. Whether a session still stands is not known here."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import jwt
import msgspec

ALGORITHM = "HS256"
ISSUER = "ionflux"
AUDIENCE = "ionflux"

_REFRESH = re.compile(r"ifr_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


class Claims(msgspec.Struct, frozen=True):
    """What a valid access token says."""

    user_id: UUID
    session_id: UUID
    expires_at: int
    """Unix seconds."""


class Tokens:
    """Signs and checks access tokens with the installation's key."""

    def __init__(self, key: bytes, *, lifetime: timedelta) -> None:
        self._key = key
        self.lifetime = lifetime

    def issue(self, user_id: UUID, session_id: UUID, *, now: datetime) -> str:
        """Return an access token for one user in one session."""
        payload = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": int(now.timestamp()),
            "exp": int((now + self.lifetime).timestamp()),
        }
        # PyJWT's types name `cryptography`, which HS256 does not need and is not installed.
        return jwt.encode(payload, self._key, algorithm=ALGORITHM)  # pyright: ignore[reportUnknownMemberType]

    def read(self, token: str, *, now: datetime) -> Claims | None:
        """Return what a token says, or None when it is forged, expired or for something else."""
        try:
            payload = jwt.decode(  # pyright: ignore[reportUnknownMemberType]  (as above)
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                # The times are judged below, by the clock that was given.
                options={
                    "require": ["iss", "aud", "sub", "sid", "exp"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
            claims = Claims(UUID(payload["sub"]), UUID(payload["sid"]), int(payload["exp"]))
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            return None
        return claims if claims.expires_at > now.timestamp() else None


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
