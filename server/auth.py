"""Who somebody is (credential -> identity, for REST and sockets alike) and what they may do with a document.

Signing in and out is `server.sign_in`; what roles may do is `storage.actions`.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from crdt.ports import Principal, PrincipalId, Right
from server.documents.companions import make_companion
from server.opaque_tokens import hash_token, row_of_token
from server.tokens import Tokens, is_same_hash
from storage.access import document_right
from storage.callers import Caller, find_caller
from storage.engine import Database
from storage.unit_of_work import UnitOfWork


class Identity(msgspec.Struct, frozen=True):
    """Whom a credential speaks for."""

    caller: Caller
    session_id: UUID | None
    """None for an API key or a visitor."""
    name: str
    avatar_url: str | None
    expires_at: float | None
    """Unix seconds when the credential ends."""


class DatabaseAccess:
    """Implements `crdt.ports.Access` on the users, sessions and roles of the database."""

    def __init__(self, database: Database, tokens: Tokens, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock

    async def identify(self, credential: str) -> Identity | None:
        """Return whom an access token, API key or visit speaks for; None when it is forged or has ended."""
        async with self._database.read() as uow:
            identity, used_key_id = await self._find(uow, credential)
        await self._note_use(used_key_id)
        return identity

    async def admit(self, credential: str, document: str) -> tuple[Principal, Right] | None:
        """Return whom a credential speaks for and their right on a document, both of one moment."""
        async with self._database.read() as uow:
            identity, used_key_id = await self._find(uow, credential)
            if identity is None:
                return None
            right = await document_right(uow, identity.caller, document)
        await self._note_use(used_key_id)
        if right != "none":
            await make_companion(self._database, document)
        principal = Principal(
            id=PrincipalId(identity.caller.id),
            name=identity.name,
            avatar_url=identity.avatar_url,
            expires_at=identity.expires_at,
        )
        return principal, right

    async def _find(self, uow: UnitOfWork, credential: str) -> tuple[Identity | None, UUID | None]:
        """Return whom a credential speaks for, and the API key whose use is to be noted."""
        if (key_id := row_of_token("ifx", credential)) is not None:
            return await self._find_key(uow, key_id, credential)
        if (session_id := row_of_token("ifb", credential)) is not None:
            return await self._find_browser(uow, session_id, credential), None
        claims = self._tokens.read(credential, now=self._clock())
        if claims is None:
            return await self._find_visitor(uow, credential), None
        user = await uow.sessions.find_standing(claims.session_id)
        if user is None or user.id != claims.user_id:
            return None, None
        identity = Identity(
            caller=Caller.of_user(user.id),
            session_id=claims.session_id,
            name=user.name,
            avatar_url=user.profile_info.get("avatar_url"),
            expires_at=claims.expires_at,
        )
        return identity, None

    async def _find_browser(self, uow: UnitOfWork, session_id: UUID, credential: str) -> Identity | None:
        session = await uow.sessions.get(session_id)
        user = await uow.sessions.find_standing(session_id)
        if session is None or user is None:
            return None
        if not is_same_hash(session.refresh_token_hash, hash_token(credential)):
            return None
        return Identity(
            caller=Caller.of_user(user.id),
            session_id=session_id,
            name=user.name,
            avatar_url=user.profile_info.get("avatar_url"),
            expires_at=session.expires_at.timestamp(),
        )

    async def _find_key(
        self, uow: UnitOfWork, key_id: UUID, credential: str
    ) -> tuple[Identity | None, UUID | None]:
        found = await uow.api_keys.find_standing(key_id)
        if found is None or not is_same_hash(found[0].secret_hash, hash_token(credential)):
            return None, None
        key, user = found
        identity = Identity(
            caller=Caller.of_key(key),
            session_id=None,
            name=f"{user.name} ({key.name})",
            avatar_url=user.profile_info.get("avatar_url"),
            expires_at=key.expires_at.timestamp() if key.expires_at else None,
        )
        return identity, key.id if uow.api_keys.is_use_due(key) else None

    async def _note_use(self, key_id: UUID | None) -> None:
        if key_id is not None:
            async with self._database.transaction() as uow:
                await uow.api_keys.note_use(key_id)

    async def _find_visitor(self, uow: UnitOfWork, credential: str) -> Identity | None:
        visit = self._tokens.read_visit(credential, now=self._clock())
        if visit is None:
            return None
        link = await uow.share_links.find_standing(visit.link_id)
        if link is None:
            return None
        ends = [visit.expires_at, *([link.expires_at.timestamp()] if link.expires_at else [])]
        return Identity(
            caller=Caller.of_link(link),
            session_id=None,
            name="Visitor",
            avatar_url=None,
            expires_at=min(ends),
        )

    async def decide(self, principal: Principal, document: str) -> Right:
        """Return the right of a principal on a document; `none` also for one that does not exist."""
        async with self._database.read() as uow:
            caller = await find_caller(uow, principal.author)
            return await document_right(uow, caller, document) if caller else "none"
