"""Accounts and sessions: registering, signing in, refreshing, signing out. Knows no HTTP.

A refresh family is one row: using its newest token rotates it, using an older one revokes it (the token was
copied, and nobody can tell who holds the copy).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from server.opaque_tokens import hash_token, new_token
from server.passwords import Passwords
from server.tokens import (
    Tokens,
    hash_refresh_token,
    is_same_hash,
    new_refresh_token,
    session_of_refresh_token,
)
from storage.engine import Database
from storage.errors import ConstraintError
from storage.models import Session, User
from storage.unit_of_work import UnitOfWork

USER_AGENT_LENGTH = 300


class Device(msgspec.Struct, frozen=True):
    """Where somebody signs in from; shown to them in the list of their sessions."""

    user_agent: str
    address: str


class SignedIn(msgspec.Struct, frozen=True):
    """A user with the tokens of one session."""

    user: User
    access_token: str
    access_token_seconds: int
    refresh_token: str


class BrowserSignedIn(msgspec.Struct, frozen=True):
    """A user with what their browser keeps; it is not rotated, since no script can read it."""

    user: User
    credential: str
    expires_at: datetime


class EmailTakenError(Exception):
    """Somebody is registered with this address."""


async def add_account(uow: UnitOfWork, email: str, name: str, password_hash: str) -> User:
    """Add a user and their empty inbox. A taken address makes the unit fail with ConstraintError."""
    user = await uow.users.create(email.lower(), name, password_hash)
    await uow.documents.create(f"inbox:{user.id}", None)
    actor = f"user:{user.id}"
    uow.audit.add("account.registered", user_id=user.id, actor=actor, subject=actor)
    return user


class Accounts:
    """The life of accounts and sessions."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        tokens: Tokens,
        clock: Callable[[], datetime],
        *,
        refresh_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock
        self._refresh_lifetime = refresh_lifetime

    async def create(
        self, email: str, name: str, password: str, then: Callable[[UnitOfWork, UUID], Awaitable[None]]
    ) -> User:
        """Make an account and its empty inbox, and do what follows with it. Raises EmailTakenError."""
        password_hash = await self.hash_password(password)
        try:
            async with self._database.transaction() as uow:
                user = await add_account(uow, email, name, password_hash)
                await then(uow, user.id)
        except ConstraintError as error:
            if error.constraint != "uq_users_email":
                raise
            raise EmailTakenError(email) from error
        return user

    async def hash_password(self, password: str) -> str:
        """Return what is stored of a password."""
        return await self._passwords.hash(password)

    async def check_password(self, stored: str | None, password: str) -> bool:
        """Tell whether a password fits what is stored of one; None fits nothing, in the same time."""
        return await self._passwords.verify(stored, password)

    async def sign_in(self, email: str, password: str, device: Device) -> SignedIn | None:
        """Begin a session; None when address and password don't fit, in the same time for any reason."""
        user = await self._authenticate(email, password, device)
        return await self.begin_session(user, device) if user else None

    async def sign_in_browser(self, email: str, password: str, device: Device) -> BrowserSignedIn | None:
        """Begin a session that lasts in a cookie; None as above."""
        user = await self._authenticate(email, password, device)
        if user is None:
            return None
        async with self._database.transaction() as uow:
            session_id = uow.new_id()
            credential = new_token("ifb", session_id)
            session = await self._begin(uow, session_id, user, device, hash_token(credential))
        return BrowserSignedIn(user, credential, session.expires_at)

    async def _authenticate(self, email: str, password: str, device: Device) -> User | None:
        async with self._database.read() as uow:
            user = await uow.users.find_by_email(email.lower())
        fits = await self._passwords.verify(user.password_hash if user else None, password)
        if not fits or user is None or user.deactivated_at is not None:
            # For an unknown account too: the answer takes as long.
            await self._note_failure(user.id if user else None, device)
            return None
        return user

    async def begin_session(self, user: User, device: Device) -> SignedIn:
        """Begin a session of a user whose identity is certain."""
        async with self._database.transaction() as uow:
            session_id = uow.new_id()
            refresh_token = new_refresh_token(session_id)
            await self._begin(uow, session_id, user, device, hash_refresh_token(refresh_token))
        return self._signed_in(user, session_id, refresh_token)

    async def _begin(
        self, uow: UnitOfWork, session_id: UUID, user: User, device: Device, token_hash: str
    ) -> Session:
        _note(uow, user.id, session_id, "account.signed_in", device.address)
        return await uow.sessions.create(
            session_id,
            user.id,
            refresh_token_hash=token_hash,
            user_agent=device.user_agent[:USER_AGENT_LENGTH],
            address=device.address,
            expires_at=uow.now + self._refresh_lifetime,
        )

    async def refresh(self, refresh_token: str) -> SignedIn | None:
        """Rotate a session's refresh token; None when it is not the newest one of a session that stands."""
        session_id = session_of_refresh_token(refresh_token)
        if session_id is None:
            return None
        successor = new_refresh_token(session_id)
        async with self._database.transaction() as uow:
            rotated = await uow.sessions.rotate(
                session_id,
                old_hash=hash_refresh_token(refresh_token),
                new_hash=hash_refresh_token(successor),
                expires_at=uow.now + self._refresh_lifetime,
            )
            if not rotated:
                await self._revoke_reused(uow, session_id, refresh_token)
            user = await uow.sessions.find_standing(session_id) if rotated else None
        return self._signed_in(user, session_id, successor) if user else None

    async def sign_out(self, refresh_token: str) -> None:
        """End the session of a refresh token; a token that is not its newest ends it too, as a reuse."""
        session_id = session_of_refresh_token(refresh_token)
        if session_id is None:
            return
        async with self._database.transaction() as uow:
            session = await uow.sessions.get(session_id)
            if session is not None:
                newest = is_same_hash(session.refresh_token_hash, hash_refresh_token(refresh_token))
                await self._end(uow, session, "logout" if newest else "reuse")

    async def end_session(self, session_id: UUID) -> None:
        """End the session that asks for it."""
        async with self._database.transaction() as uow:
            session = await uow.sessions.get(session_id)
            if session is not None:
                await self._end(uow, session, "logout")

    async def _end(self, uow: UnitOfWork, session: Session, reason: Literal["logout", "reuse"]) -> None:
        if await uow.sessions.revoke(session.id, reason):
            action = "account.signed_out" if reason == "logout" else "account.token_reused"
            _note(uow, session.user_id, session.id, action)

    async def _note_failure(self, user_id: UUID | None, device: Device) -> None:
        async with self._database.transaction() as uow:
            uow.audit.add("account.sign_in_failed", user_id=user_id, address=device.address)

    async def _revoke_reused(self, uow: UnitOfWork, session_id: UUID, refresh_token: str) -> None:
        """Revoke a family whose rotation failed because the token was used before; expiry is no reuse."""
        session = await uow.sessions.get(session_id)
        if session and not is_same_hash(session.refresh_token_hash, hash_refresh_token(refresh_token)):
            await self._end(uow, session, "reuse")

    def _signed_in(self, user: User, session_id: UUID, refresh_token: str) -> SignedIn:
        return SignedIn(
            user=user,
            access_token=self._tokens.issue(user.id, session_id, now=self._clock()),
            access_token_seconds=int(self._tokens.lifetime.total_seconds()),
            refresh_token=refresh_token,
        )


def _note(uow: UnitOfWork, user_id: UUID, session_id: UUID, action: str, address: str | None = None) -> None:
    uow.audit.add(
        action,
        user_id=user_id,
        actor=f"user:{user_id}",
        subject=f"session:{session_id}",
        address=address,
    )
