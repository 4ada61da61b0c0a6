"""Who somebody is (credential -> identity, for REST and sockets alike) and what they may do with a document.

Signing in and out is `server.sign_in`; what roles may do is `storage.access`.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from crdt.ports import Principal, PrincipalId, Right
from server.tokens import Tokens
from storage.access import Caller, document_right
from storage.engine import Database


class Identity(msgspec.Struct, frozen=True):
    """A user who is signed in."""

    user_id: UUID
    session_id: UUID
    name: str
    avatar_url: str | None
    expires_at: int
    """Unix seconds when the access token ends."""


class DatabaseAccess:
    """Implements `crdt.ports.Access` on the users, sessions and roles of the database."""

    def __init__(self, database: Database, tokens: Tokens, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock

    async def identify(self, credential: str) -> Identity | None:
        """Return whom an access token speaks for; None when it is forged or expired, or its session ended."""
        claims = self._tokens.read(credential, now=self._clock())
        if claims is None:
            return None
        async with self._database.read() as uow:
            user = await uow.sessions.find_standing(claims.session_id)
        if user is None or user.id != claims.user_id:
            return None
        return Identity(
            user_id=user.id,
            session_id=claims.session_id,
            name=user.name,
            avatar_url=user.profile_info.get("avatar_url"),
            expires_at=claims.expires_at,
        )

    async def authenticate(self, credential: str) -> Principal | None:
        """Return whom a credential speaks for, or None when it is unknown, forged or expired."""
        identity = await self.identify(credential)
        if identity is None:
            return None
        return Principal(
            id=PrincipalId(f"user:{identity.user_id}"),
            name=identity.name,
            avatar_url=identity.avatar_url,
            expires_at=float(identity.expires_at),
        )

    async def decide(self, principal: Principal, document: str) -> Right:
        """Return the right of a principal on a document; `none` also for one that does not exist."""
        if principal.kind != "user":
            return "none"
        async with self._database.read() as uow:
            caller = Caller.of_user(UUID(principal.id.removeprefix("user:")))
            return await document_right(uow, caller, document)
