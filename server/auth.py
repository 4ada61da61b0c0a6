"""Who somebody is (credential -> identity, for REST and sockets alike) and what they may do with a document.

Signing in and out is `server.sign_in`; what roles may do is `storage.actions`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from crdt.ports import Principal, PrincipalId, Right
from server.documents.companions import make_companion
from server.opaque_tokens import hash_token, row_of_token
from server.tokens import Claims, Tokens, is_same_hash
from storage.access import document_right, may_write_by_role
from storage.callers import Caller, find_caller, parse_document_name
from storage.engine import Database
from storage.repositories.sessions import STANDING, STANDING_BEFORE_PAGE


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
        if (key_id := row_of_token("ifx", credential)) is not None:
            return await self._find_key(key_id, credential)
        if (session_id := row_of_token("ifb", credential)) is not None:
            return await self._find_browser(session_id, credential)
        claims = self._tokens.read(credential, now=self._clock())
        if claims is not None:
            return await self._find_session(claims)
        return await self._find_visitor(credential)

    async def admit(self, credential: str, document: str) -> tuple[Principal, Right] | None:
        """Return whom a credential speaks for and their right on a document."""
        right: Right = "write"
        identity = await self._find_writer(credential, document)
        if identity is None:
            identity = await self.identify(credential)
            if identity is None:
                return None
            async with self._database.read() as uow:
                right = await document_right(uow, identity.caller, document)
            if right != "none":
                await make_companion(self._database, document)
        principal = Principal(
            id=PrincipalId(identity.caller.id),
            name=identity.name,
            avatar_url=identity.avatar_url,
            expires_at=identity.expires_at,
        )
        return principal, right

    async def _find_writer(self, credential: str, document: str) -> Identity | None:
        """Return whom an access token speaks for if they may write a page by their role, as most may."""
        parsed = parse_document_name(document)
        claims = self._tokens.read(credential, now=self._clock())
        if parsed is None or parsed[0] != "page" or claims is None:
            return None
        found = await self._database.ask(
            STANDING_BEFORE_PAGE, session_id=claims.session_id, page_id=parsed[1], now=self._clock()
        )
        for user_id, name, profile, access_root_id, role in found:
            if user_id == claims.user_id and may_write_by_role(role, access_root_id):
                return _of_session(claims.session_id, user_id, name, profile, claims.expires_at)
        return None

    async def _find_session(self, claims: Claims) -> Identity | None:
        found = await self._database.ask(STANDING, session_id=claims.session_id, now=self._clock())
        for user_id, name, profile, _, _ in found:
            if user_id == claims.user_id:
                return _of_session(claims.session_id, user_id, name, profile, claims.expires_at)
        return None

    async def _find_browser(self, session_id: UUID, credential: str) -> Identity | None:
        found = await self._database.ask(STANDING, session_id=session_id, now=self._clock())
        for user_id, name, profile, token_hash, expires_at in found:
            if is_same_hash(token_hash, hash_token(credential)):
                return _of_session(session_id, user_id, name, profile, expires_at.timestamp())
        return None

    async def _find_key(self, key_id: UUID, credential: str) -> Identity | None:
        async with self._database.read() as uow:
            found = await uow.api_keys.find_standing(key_id)
            if found is None or not is_same_hash(found[0].secret_hash, hash_token(credential)):
                return None
            key, user = found
            is_use_due = uow.api_keys.is_use_due(key)
        if is_use_due:
            async with self._database.transaction() as uow:
                await uow.api_keys.note_use(key_id)
        return Identity(
            caller=Caller.of_key(key),
            session_id=None,
            name=f"{user.name} ({key.name})",
            avatar_url=user.profile_info.get("avatar_url"),
            expires_at=key.expires_at.timestamp() if key.expires_at else None,
        )

    async def _find_visitor(self, credential: str) -> Identity | None:
        visit = self._tokens.read_visit(credential, now=self._clock())
        if visit is None:
            return None
        async with self._database.read() as uow:
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


def _of_session(
    session_id: UUID, user_id: UUID, name: str, profile: dict[str, Any], expires_at: float
) -> Identity:
    return Identity(
        caller=Caller.of_user(user_id),
        session_id=session_id,
        name=name,
        avatar_url=profile.get("avatar_url"),
        expires_at=expires_at,
    )
